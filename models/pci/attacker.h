// SPDX-License-Identifier: Apache-2.0
// An attack device: it emits whatever TLPs its registers, or a test, ask for. Threats: spec/threats.md 1 and 4.
// Bus mastering, power state and links still apply to it, as they do to any silicon behind a root port.
//
// BAR 0: registers below, 64 KiB of buffer at 0x10000. MSI-X table at 0x2000, pending bits at 0x3000.
#ifndef PVPCI_MODELS_PCI_ATTACKER_H_
#define PVPCI_MODELS_PCI_ATTACKER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/pci/function.h"

namespace pvpci::pci {

// Registers of BAR 0: 4-byte, ADDRESS and STRIDE as two halves. All read back what was written unless said.
namespace attacker {
enum Register : unsigned {
  kIdentity = 0x00,  // read-only 0x41545441
  kAddressLow = 0x08,
  kAddressHigh = 0x0c,
  kLength = 0x10,     // bytes of one request; up to 64 KiB
  kRequester = 0x14,  // bits 15:0 requester id, bit 16: use it instead of the own one
  kPattern = 0x18,    // data of kWritePattern and kMessage
  kInterval = 0x04,   // ns from the end of a request to the next of the same command
  kRepeat = 0x1c,     // requests per command, 0 counts as 1
  kStrideLow = 0x20,
  kStrideHigh = 0x24,    // added to the address after each request
  kSpan = 0x2c,          // requests after which the address is the first again; 0: never
  kBufferOffset = 0x28,  // where in the buffer reads go and writes come from; advances by LENGTH, wraps
  kCommand = 0x30,       // starts; reads 0
  kStatus = 0x34,        // read-only: bit 0 busy, bits 15:8 status of the last request (pci::Completion)
  kCompleted = 0x38,     // read-only: requests done since the command
  kErrors = 0x3c,        // read-only: of them refused
};
enum Command : uint32_t {
  kRead = 1,
  kWriteBuffer = 2,
  kWritePattern = 3,
  kMessage = 4,  // one dword write of PATTERN at ADDRESS: a forged MSI, if ADDRESS says so
  kOperation = 0xff,
  kWhole = 1u << 8,      // do not cut: malformed packets go out as they are
  kInterrupt = 1u << 9,  // when done: MSI-X entry 0, else MSI, else INTx
  kLowerIntx = 1u << 10,
};
inline constexpr uint64_t kBuffer = 0x10000, kBufferBytes = 0x10000;
}  // namespace attacker

struct AttackerConfig {
  // Firmware that goes on: no reset stops the engine or clears its registers, COMMAND's master bit does not gate it. The
  // configuration space behaves, so that software sees nothing. What the ports above it gate, they gate.
  bool deaf = false;
  bool function_level_reset = true;  // DevCap says so
  bool ats = false;                  // it has the ATS capability
};

class Attacker : public Function {
 public:
  explicit Attacker(AttackerConfig config = {});
  static FunctionSpec Spec(AttackerConfig config = {});

  // Host-side: any request at once. `data` as in DmaRequest.
  void Emit(const DmaRequest& request, DmaDone done = {}) { Send(request, std::move(done)); }
  // A dword write that is no message of the function's own registers.
  void EmitMessage(uint64_t address, uint32_t data);
  using Function::RaiseMsi;
  using Function::RaiseMsix;
  using Function::SetIntx;

  std::vector<std::byte>& buffer() { return buffer_; }

 protected:
  uint64_t OnBarRead(unsigned bar, uint64_t offset, unsigned size) override;
  void OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) override;
  void OnReset(ResetKind kind) override;

 private:
  void Start(uint32_t command);
  void Next();
  void Done(Completion status);
  uint32_t& word(unsigned offset) { return registers_[offset / 4]; }

  void Again();

  const AttackerConfig attacker_config_;
  std::array<uint32_t, 16> registers_{};
  std::vector<std::byte> buffer_, pattern_;
  ProvenanceId address_writer_ = 0;
  uint32_t command_ = 0, left_ = 0, lap_ = 0;
  uint64_t address_ = 0, buffer_at_ = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_ATTACKER_H_
