// SPDX-License-Identifier: Apache-2.0
// The way up: queues of the functions, arbitration for the first link, every hop's serialisation, arrival at the root
// complex, completions. Internal to models/pci. PCIe 6.0 2.2, 2.4, 2.6.
//
// Ordering (PCIe table 2-42): posted requests of a function stay in order and messages are posted; a read does not pass
// an earlier posted request; a posted request passes reads that wait for tags. Everything of one root port arrives in
// the order in which it won the link.
#ifndef PVPCI_MODELS_PCI_UPSTREAM_H_
#define PVPCI_MODELS_PCI_UPSTREAM_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "models/pci/fabric.h"
#include "models/pci/function.h"
#include "models/pci/topology.h"

namespace pvpci::pci {

enum class TransferKind : uint8_t { kRead, kWrite, kMessage, kIntx, kError };

struct Transfer {
  Tlp tlp;  // of the whole request; pieces are cut from it
  uint64_t length = 0;
  uint64_t sent = 0;
  uint64_t order = 0;  // of submission
  uint64_t epoch = 0;
  sim::Ps issued = 0;
  sim::Ps not_before = 0;
  Function* function = nullptr;
  DmaDone done;
  uint32_t pieces = 0;      // sent and not finished
  uint32_t holds_tags = 0;  // of them, reads
  TransferKind kind = TransferKind::kRead;
  Completion status = Completion::kSuccess;
  bool level = false;  // kIntx
  ErrorSeverity severity = ErrorSeverity::kCorrectable;  // kError
  bool whole = false;
  bool queued = false;  // still in the function's queue
  std::byte message[4] = {};
};

class Upstream {
 public:
  explicit Upstream(Fabric& fabric) : fabric_(fabric) {}

  void Submit(Function& function, const DmaRequest& request, DmaDone done);
  void SubmitMessage(Function& function, uint64_t address, uint32_t data, uint32_t interrupt);
  void SubmitIntx(Function& function, bool level, uint32_t interrupt);
  void SubmitError(Function& function, ErrorSeverity severity);
  // Forgets what the function has not sent; what is on its way comes back to nobody.
  void Drop(Function& function);
  Completion Now(const Tlp& tlp, sim::Ps* latency);
  // How long from now until all that the function has posted so far has landed: a completion pushes it. PCIe 2.4.1.
  sim::Ps PostedDelay(const Function& function) const;
  bool quiet() const { return live_ == 0; }

 private:
  Transfer* New(Function& function, TransferKind kind);
  void Free(Transfer* transfer);
  void Enqueue(Transfer* transfer);
  void Kick(Bus& bus);
  void Pump(Bus& bus);
  Transfer* Eligible(Function& function, sim::Ps now, sim::Ps* next) const;
  bool limited() const {
    const FabricParameters& p = fabric_.parameters();
    return p.posted_headers + p.posted_data + p.read_headers != 0;
  }
  uint32_t NextLength(const Function& function, const Transfer& transfer) const;
  bool RoomFor(Bus& bus, const Transfer& transfer) const;
  void ReturnCredits(Lane& lane, const LinkDirection& down, sim::Ps freed, bool read, unsigned data);
  void SendPieces(Bus& bus, Transfer& transfer);
  void SendConventional(Bus& bus, Transfer& transfer);
  void ReadConventional(Bus& bus, Transfer* transfer, const Tlp& tlp, sim::Ps ready);
  Completion NowConventional(Bus& bus, const Tlp& tlp, sim::Ps* latency);
  void Repeat(Bus& bus, Transfer* transfer, uint64_t address, uint32_t length_bytes);
  bool Gated(const Transfer& transfer) const;
  void Discard(Transfer* transfer);
  sim::Ps Travel(Bus& bus, sim::Ps earliest, uint64_t bytes);
  sim::Ps Return(Bus& bus, sim::Ps ready, const Tlp& tlp, uint32_t mps, Completion status);
  void Arrive(Lane& lane);
  void LandPiece(Lane& lane, const Landing& landing);
  void FinishPiece(Transfer* transfer);
  uint64_t WireBytes(TransferKind kind, uint64_t address, uint32_t length) const;

  Fabric& fabric_;
  std::deque<Transfer> pool_;
  std::vector<Transfer*> free_;
  uint64_t live_ = 0;
  uint64_t order_ = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_UPSTREAM_H_
