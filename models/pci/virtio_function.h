// SPDX-License-Identifier: Apache-2.0
// The transport of a virtio device over PCI, modern interface only: Virtual I/O Device (VIRTIO) 1.2, chapters 2
// (facilities), 4.1 (virtio over PCI bus) and 6 (reserved features). A device derives from it and consumes buffers.
//
// BAR 4 holds the structures a page each, BAR 1 the MSI-X table, as QEMU lays them out; each structure is announced by
// a vendor capability (4.1.4). Queues are split virtqueues (2.7); a queue works on one buffer at a time, in the order
// of the available ring. Descriptors, rings and buffers are fetched and written as DMA of this function.
// Left out: legacy and transitional interfaces, packed queues, indirect descriptors, event index (none of them is
// offered), queue reset, shared memory, and the PCI configuration access capability (4.1.4.9), because a read of
// configuration space has no side effects in this fabric.
#ifndef PVPCI_MODELS_PCI_VIRTIO_FUNCTION_H_
#define PVPCI_MODELS_PCI_VIRTIO_FUNCTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/pci/function.h"
#include "sim/field.h"
#include "sim/register.h"

namespace pvpci::pci {

namespace virtio {

// Where BAR 4 holds the structures.
inline constexpr unsigned kStructureBar = 4, kMsixBar = 1;
inline constexpr uint32_t kCommonOffset = 0x0000, kIsrOffset = 0x1000, kDeviceOffset = 0x2000, kNotifyOffset = 0x3000;
inline constexpr uint32_t kStructureBytes = 0x1000, kNotifyMultiplier = 4;
inline constexpr uint16_t kNoVector = 0xffff;  // 4.1.5.1.2

// Feature bits. 6.
inline constexpr uint64_t kVersion1 = uint64_t{1} << 32, kAccessPlatform = uint64_t{1} << 33;

// Device status field. 2.1.
struct Status {
  using Acknowledge = sim::Bits<0>;
  using Driver = sim::Bits<1>;
  using DriverOk = sim::Bits<2>;
  using FeaturesOk = sim::Bits<3>;
  using DeviceNeedsReset = sim::Bits<6>;
  using Failed = sim::Bits<7>;
};

// ISR status. 4.1.4.5.
struct Isr {
  using Queue = sim::Bits<0>;
  using Configuration = sim::Bits<1>;
};

// Common configuration structure. 4.1.4.3. From queue_size on: a window on the queue that queue_select names.
inline constexpr std::array kCommonRegisters = {
    sim::Reg32("device_feature_select", 0x00).Rw(0xffffffff),
    sim::Reg32("device_feature", 0x04),
    sim::Reg32("driver_feature_select", 0x08).Rw(0xffffffff),
    sim::Reg32("driver_feature", 0x0c).Rw(0xffffffff),
    sim::Reg16("config_msix_vector", 0x10).Reset(kNoVector).Rw(0xffff),
    sim::Reg16("num_queues", 0x12),
    sim::Reg8("device_status", 0x14).Rw(0xff),
    sim::Reg8("config_generation", 0x15),
    sim::Reg16("queue_select", 0x16).Rw(0xffff),
    sim::Reg16("queue_size", 0x18).Rw(0xffff),
    sim::Reg16("queue_msix_vector", 0x1a).Reset(kNoVector).Rw(0xffff),
    sim::Reg16("queue_enable", 0x1c).Rw(0xffff),
    sim::Reg16("queue_notify_off", 0x1e),
    sim::Reg64("queue_desc", 0x20).Rw(~uint64_t{0}),
    sim::Reg64("queue_driver", 0x28).Rw(~uint64_t{0}),
    sim::Reg64("queue_device", 0x30).Rw(~uint64_t{0}),
    sim::Reg16("queue_notify_data", 0x38),
    sim::Reg16("queue_reset", 0x3a),
};
static_assert(sim::WellFormed(kCommonRegisters), "sorted, aligned, disjoint masks");

}  // namespace virtio

struct VirtioConfig {
  uint16_t device_type = 0;         // 5: 4 is an entropy source
  uint64_t features = 0;            // of the device type; VERSION_1 and ACCESS_PLATFORM are always offered
  std::vector<uint16_t> queue_sizes;  // largest size of each queue: a power of two, 1 .. 32768
  unsigned msix_vectors = 2;        // 0 (no MSI-X) .. 2048
};

class VirtioFunction : public Function {
 public:
  uint8_t status() const { return static_cast<uint8_t>(common_.Get("device_status")); }
  uint64_t driver_features() const { return driver_features_; }
  uint64_t buffers_used() const { return buffers_used_; }

 protected:
  explicit VirtioFunction(VirtioConfig config);

  // One part of a buffer: machine- or bus-address as the driver wrote it.
  struct Segment {
    uint64_t address = 0;
    uint32_t length_bytes = 0;
    bool device_writes = false;
    ProvenanceId provenance = 0;  // of the descriptor that carried the address
  };
  struct Buffer {
    unsigned queue = 0;
    uint16_t head = 0;
    std::vector<Segment> segments;
    ProvenanceId provenance = 0;  // of the notification: the register write that made the device look
    uint64_t session = 0;
  };
  // A buffer became available. The device ends its work with Use(). 2.7.13.
  virtual void OnBuffer(const Buffer& buffer) = 0;
  // Back to the driver, with `written_bytes` from its beginning valid; the driver is told unless it wants no interrupt.
  void Use(const Buffer& buffer, uint32_t written_bytes);
  // False once the driver has reset the device: the buffer is no longer the device's. 2.4.1.
  bool Current(const Buffer& buffer) const { return buffer.session == session_; }
  // The driver broke a rule the device cannot work around: DEVICE_NEEDS_RESET and a configuration interrupt. 2.1.2.
  void NeedReset();

  uint64_t OnBarRead(unsigned bar, uint64_t offset, unsigned size) override;
  void OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) override;
  void OnReset(ResetKind kind) override;

 private:
  struct Queue {
    uint16_t max_size = 0, size = 0, vector = virtio::kNoVector;
    bool enabled = false;
    uint64_t desc = 0, driver = 0, device = 0;
    ProvenanceId desc_writer = 0, driver_writer = 0, device_writer = 0;
    uint16_t next_available = 0, used_index = 0;
    bool busy = false, notified = false;
    Buffer buffer;
    std::array<std::byte, 16> scratch{};  // what is being fetched, at most a descriptor
    std::array<std::byte, 8> used{};      // what is being written
  };

  void AttachRegisters();
  Queue* Selected();
  void SetStatus(uint8_t written);
  void ResetDevice();
  void Notify(unsigned index, ProvenanceId provenance);
  void Poll(unsigned index);
  void FetchHead(unsigned index);
  void FetchDescriptor(unsigned index, uint16_t descriptor);
  void TakeDescriptor(unsigned index, uint64_t descriptor_address);
  void Used(unsigned index);
  void Interrupt(uint16_t vector, uint8_t isr_bit);
  // Runs `next` when the request succeeded and the device was not reset meanwhile.
  template <typename Callable>
  DmaDone Then(Callable next);
  uint16_t KnownVector(uint64_t vector) const;

  VirtioConfig virtio_config_;
  sim::RegisterBank common_;
  std::vector<Queue> queues_;
  uint64_t offered_, driver_features_ = 0;
  uint8_t isr_ = 0;
  uint64_t session_ = 0;  // + 1 at every reset of the device: older work is void
  uint64_t buffers_used_ = 0;
  ProvenanceId writer_ = 0;  // of the register write in progress
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_VIRTIO_FUNCTION_H_
