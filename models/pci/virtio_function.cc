// SPDX-License-Identifier: Apache-2.0
#include "models/pci/virtio_function.h"

#include <cstring>
#include <utility>

#include "models/pci/registers.h"
#include "sim/check.h"

namespace pvpci::pci {
namespace {

using virtio::Isr;
using virtio::Status;

// cfg_type of the structures' capabilities. 4.1.4.
enum StructureType : uint8_t { kCommonCfg = 1, kNotifyCfg = 2, kIsrCfg = 3, kDeviceCfg = 4 };

constexpr uint16_t kVirtioVendor = 0x1af4;       // 4.1.2.1
constexpr uint16_t kFirstModernDevice = 0x1040;  // plus the device type
constexpr uint32_t kCommonBytes = virtio::kCommonRegisters.back().end();

// Split virtqueue. 2.7.5, 2.7.6, 2.7.8.
constexpr unsigned kDescriptorBytes = 16;
constexpr uint16_t kDescNext = 1, kDescWrite = 2, kDescIndirect = 4;
constexpr uint16_t kAvailNoInterrupt = 1;
constexpr unsigned kRingHeader = 4;  // flags and index of both rings
constexpr unsigned kRingIndex = 2;   // offset of the index

template <typename Word>
Word Load(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

void Put32(std::vector<uint8_t>* body, uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) body->push_back(static_cast<uint8_t>(value >> shift));
}

// struct virtio_pci_cap from cfg_type on.
std::vector<uint8_t> Structure(StructureType type, uint32_t offset, uint32_t length) {
  std::vector<uint8_t> body = {type, virtio::kStructureBar, 0, 0, 0};
  Put32(&body, offset);
  Put32(&body, length);
  return body;
}

FunctionSpec Spec(const VirtioConfig& config) {
  FunctionSpec spec(kVirtioVendor, static_cast<uint16_t>(kFirstModernDevice + config.device_type), 0x00ff00);
  spec.Revision(1)
      .Subsystem(kVirtioVendor, 0x1100)
      .InterruptPin(1)
      .Bar(virtio::kStructureBar, BarKind::kMemory64Prefetchable, 4 * virtio::kStructureBytes);
  if (config.msix_vectors != 0) {
    spec.Bar(virtio::kMsixBar, BarKind::kMemory32, 0x10000).MsiX(config.msix_vectors, virtio::kMsixBar, 0, 0x8000);
  }
  spec.Vendor(Structure(kCommonCfg, virtio::kCommonOffset, kCommonBytes))
      .Vendor(Structure(kIsrCfg, virtio::kIsrOffset, 1));
  std::vector<uint8_t> notify =
      Structure(kNotifyCfg, virtio::kNotifyOffset,
                static_cast<uint32_t>(config.queue_sizes.size()) * virtio::kNotifyMultiplier);
  Put32(&notify, virtio::kNotifyMultiplier);
  spec.Vendor(notify).PowerManagement().Express();
  return spec;
}

}  // namespace

VirtioFunction::VirtioFunction(VirtioConfig config)
    : Function(Spec(config)),
      virtio_config_(std::move(config)),
      common_(virtio::kCommonRegisters),
      queues_(virtio_config_.queue_sizes.size()),
      offered_(virtio_config_.features | virtio::kVersion1 | virtio::kAccessPlatform) {
  for (size_t i = 0; i < queues_.size(); ++i) {
    const uint16_t size = virtio_config_.queue_sizes[i];
    SIM_CHECK(size != 0 && (size & (size - 1)) == 0, "the size of a split virtqueue is a power of two (2.7)");
    queues_[i].max_size = queues_[i].size = size;
  }
  AttachRegisters();
}

uint16_t VirtioFunction::KnownVector(uint64_t vector) const {
  return vector < virtio_config_.msix_vectors ? static_cast<uint16_t>(vector) : virtio::kNoVector;
}

VirtioFunction::Queue* VirtioFunction::Selected() {
  const uint64_t index = common_.Get("queue_select");
  return index < queues_.size() ? &queues_[index] : nullptr;
}

void VirtioFunction::AttachRegisters() {
  common_.OnRead("device_feature", [this](uint64_t) -> uint64_t {
    const uint64_t select = common_.Get("device_feature_select");
    return select < 2 ? (offered_ >> (32 * select)) & 0xffffffff : 0;
  });
  common_.OnRead("driver_feature", [this](uint64_t) -> uint64_t {
    const uint64_t select = common_.Get("driver_feature_select");
    return select < 2 ? (driver_features_ >> (32 * select)) & 0xffffffff : 0;
  });
  common_.OnWrite("driver_feature", [this](const sim::RegisterWrite& write) {
    const uint64_t select = common_.Get("driver_feature_select");
    // Not after FEATURES_OK. 3.1.1.
    if (select >= 2 || Status::FeaturesOk::Get(status())) return;
    const uint64_t half = uint64_t{0xffffffff} << (32 * select);
    driver_features_ = (driver_features_ & ~half) | (write.after << (32 * select));
  });
  // A vector that the device has not got reads back as NO_VECTOR. 4.1.5.1.2.1.
  common_.OnWrite("config_msix_vector", [this](const sim::RegisterWrite& write) {
    common_.Set("config_msix_vector", KnownVector(write.after));
  });
  common_.OnRead("num_queues", [this](uint64_t) -> uint64_t { return queues_.size(); });
  common_.OnWrite("device_status", [this](const sim::RegisterWrite& write) {
    common_.Set("device_status", write.before);
    SetStatus(static_cast<uint8_t>(write.after));
  });

  // An absent queue has size 0. 4.1.4.3.1.
  common_.OnRead("queue_size", [this](uint64_t) -> uint64_t { return Selected() ? Selected()->size : 0; });
  common_.OnWrite("queue_size", [this](const sim::RegisterWrite& write) {
    Queue* queue = Selected();
    const uint64_t size = write.after;
    if (queue && !queue->enabled && size != 0 && (size & (size - 1)) == 0 && size <= queue->max_size) {
      queue->size = static_cast<uint16_t>(size);
    }
  });
  common_.OnRead("queue_msix_vector",
                 [this](uint64_t) -> uint64_t { return Selected() ? Selected()->vector : virtio::kNoVector; });
  common_.OnWrite("queue_msix_vector", [this](const sim::RegisterWrite& write) {
    if (Queue* queue = Selected()) queue->vector = KnownVector(write.after);
  });
  common_.OnRead("queue_enable", [this](uint64_t) -> uint64_t { return Selected() && Selected()->enabled; });
  common_.OnWrite("queue_enable", [this](const sim::RegisterWrite& write) {
    // The driver must not write 0. 4.1.4.3.2.
    if (Queue* queue = Selected(); queue && write.after == 1) queue->enabled = true;
  });
  common_.OnRead("queue_notify_off",
                 [this](uint64_t) -> uint64_t { return Selected() ? common_.Get("queue_select") : 0; });
  const auto area = [this](const char* name, uint64_t Queue::*address, ProvenanceId Queue::*writer) {
    common_.OnRead(name, [this, address](uint64_t) -> uint64_t { return Selected() ? Selected()->*address : 0; });
    common_.OnWrite(name, [this, address, writer](const sim::RegisterWrite& write) {
      Queue* queue = Selected();
      if (!queue || queue->enabled) return;
      queue->*address = (queue->*address & ~write.lanes) | write.written;
      queue->*writer = writer_;
    });
  };
  area("queue_desc", &Queue::desc, &Queue::desc_writer);
  area("queue_driver", &Queue::driver, &Queue::driver_writer);
  area("queue_device", &Queue::device, &Queue::device_writer);
}

void VirtioFunction::SetStatus(uint8_t written) {
  if (written == 0) {
    ResetDevice();
    return;
  }
  const uint8_t before = status();
  // The device refuses a feature set by not setting FEATURES_OK. 2.2.2, 6.2: without VERSION_1 and ACCESS_PLATFORM it
  // would have to guess how to reach memory.
  const uint64_t needed = virtio::kVersion1 | virtio::kAccessPlatform;
  const bool acceptable = (driver_features_ & ~offered_) == 0 && (driver_features_ & needed) == needed;
  if (Status::FeaturesOk::Get(written) && !Status::FeaturesOk::Get(before) && !acceptable) {
    written = static_cast<uint8_t>(written & ~Status::FeaturesOk::kMask);
  }
  written = static_cast<uint8_t>(written | (before & Status::DeviceNeedsReset::kMask));
  common_.Set("device_status", written);
}

// 2.4: as after power-on, for the driver; PCI's own registers keep their values.
void VirtioFunction::ResetDevice() {
  ++session_;
  common_.Reset();
  driver_features_ = 0;
  isr_ = 0;
  for (Queue& queue : queues_) {
    Queue fresh;
    fresh.max_size = fresh.size = queue.max_size;
    queue = std::move(fresh);
  }
  if (attached()) SetIntx(false);
}

void VirtioFunction::OnReset(ResetKind) { ResetDevice(); }

uint64_t VirtioFunction::OnBarRead(unsigned bar, uint64_t offset, unsigned size) {
  if (bar != virtio::kStructureBar) return 0;
  if (offset < virtio::kIsrOffset) return common_.Read(static_cast<uint32_t>(offset), size);
  if (offset == virtio::kIsrOffset) {
    // Reading clears and lowers the line. 4.1.4.5.1.
    const uint8_t isr = std::exchange(isr_, uint8_t{0});
    SetIntx(false);
    return isr;
  }
  return 0;
}

void VirtioFunction::OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value,
                                ProvenanceId provenance) {
  if (bar != virtio::kStructureBar) return;
  writer_ = provenance;
  if (offset < virtio::kIsrOffset) {
    common_.Write(static_cast<uint32_t>(offset), value, size);
  } else if (offset >= virtio::kNotifyOffset) {
    Notify(static_cast<unsigned>((offset - virtio::kNotifyOffset) / virtio::kNotifyMultiplier), provenance);
  }
}

template <typename Callable>
DmaDone VirtioFunction::Then(Callable next) {
  return [this, session = session_, next = std::move(next)](Completion status) {
    if (session != session_) return;
    if (status == Completion::kSuccess) {
      next();
    } else {
      NeedReset();
    }
  };
}

void VirtioFunction::Notify(unsigned index, ProvenanceId provenance) {
  if (index >= queues_.size() || !queues_[index].enabled) return;
  // Nothing is consumed before DRIVER_OK (2.1.2), nor after DEVICE_NEEDS_RESET.
  if (!Status::DriverOk::Get(status()) || Status::DeviceNeedsReset::Get(status())) return;
  Queue& queue = queues_[index];
  queue.buffer.provenance = provenance;
  queue.buffer.session = session_;
  queue.notified = true;
  if (!queue.busy) Poll(index);
}

void VirtioFunction::Poll(unsigned index) {
  Queue& queue = queues_[index];
  queue.busy = true;
  queue.notified = false;
  ReadMemory(queue.driver, kRingHeader, queue.scratch.data(), queue.driver_writer, Then([this, index] {
               Queue& queue = queues_[index];
               const uint16_t available = Load<uint16_t>(queue.scratch.data() + kRingIndex);
               if (static_cast<uint16_t>(available - queue.next_available) > queue.size) {
                 NeedReset();
               } else if (available != queue.next_available) {
                 FetchHead(index);
               } else if (queue.notified) {
                 Poll(index);
               } else {
                 queue.busy = false;
               }
             }));
}

void VirtioFunction::FetchHead(unsigned index) {
  Queue& queue = queues_[index];
  const uint64_t slot = queue.next_available % queue.size;
  ReadMemory(queue.driver + kRingHeader + 2 * slot, 2, queue.scratch.data(), queue.driver_writer, Then([this, index] {
               Queue& queue = queues_[index];
               queue.buffer.queue = index;
               queue.buffer.head = Load<uint16_t>(queue.scratch.data());
               queue.buffer.segments.clear();
               FetchDescriptor(index, queue.buffer.head);
             }));
}

void VirtioFunction::FetchDescriptor(unsigned index, uint16_t descriptor) {
  Queue& queue = queues_[index];
  // A chain is at most as long as the queue. 2.7.5.1.
  if (descriptor >= queue.size || queue.buffer.segments.size() == queue.size) {
    NeedReset();
    return;
  }
  const uint64_t address = queue.desc + uint64_t{kDescriptorBytes} * descriptor;
  ReadMemory(address, kDescriptorBytes, queue.scratch.data(), queue.desc_writer,
             Then([this, index, address] { TakeDescriptor(index, address); }));
}

void VirtioFunction::TakeDescriptor(unsigned index, uint64_t descriptor_address) {
  Queue& queue = queues_[index];
  const std::byte* at = queue.scratch.data();
  const uint16_t flags = Load<uint16_t>(at + 12), next = Load<uint16_t>(at + 14);
  if (flags & kDescIndirect) {  // not negotiated. 2.7.5.3.1
    NeedReset();
    return;
  }
  const auto address = Load<uint64_t>(at);
  queue.buffer.segments.push_back({address, Load<uint32_t>(at + 8), (flags & kDescWrite) != 0,
                                   Fetched(descriptor_address, sizeof address, address, queue.buffer.provenance)});
  if (flags & kDescNext) {
    FetchDescriptor(index, next);
    return;
  }
  ++queue.next_available;
  OnBuffer(queue.buffer);
}

void VirtioFunction::Use(const Buffer& buffer, uint32_t written_bytes) {
  const unsigned index = buffer.queue;
  Queue& queue = queues_[index];
  const uint32_t element[2] = {buffer.head, written_bytes};
  std::memcpy(queue.used.data(), element, sizeof element);
  const uint64_t slot = queue.used_index % queue.size;
  WriteMemory(queue.device + kRingHeader + sizeof element * slot, sizeof element, queue.used.data(),
              queue.device_writer, Then([this, index] {
                Queue& queue = queues_[index];
                ++queue.used_index;
                std::memcpy(queue.used.data(), &queue.used_index, sizeof queue.used_index);
                WriteMemory(queue.device + kRingIndex, sizeof queue.used_index, queue.used.data(), queue.device_writer,
                            Then([this, index] { Used(index); }));
              }));
}

// After the index: a driver that looks away and checks again misses nothing. 2.7.7.2.
void VirtioFunction::Used(unsigned index) {
  ++buffers_used_;
  Queue& queue = queues_[index];
  ReadMemory(queue.driver, 2, queue.scratch.data(), queue.driver_writer, Then([this, index] {
               Queue& queue = queues_[index];
               const uint16_t flags = Load<uint16_t>(queue.scratch.data());
               if (!(flags & kAvailNoInterrupt)) Interrupt(queue.vector, Isr::Queue::kMask);
               Poll(index);
             }));
}

// 4.1.5.1.2, 4.1.5.1.1.
void VirtioFunction::Interrupt(uint16_t vector, uint8_t isr_bit) {
  if (msix_enabled()) {
    if (vector != virtio::kNoVector) RaiseMsix(vector);
    return;
  }
  isr_ |= isr_bit;
  SetIntx(true);
}

void VirtioFunction::NeedReset() {
  common_.Set("device_status", status() | Status::DeviceNeedsReset::kMask);
  if (Status::DriverOk::Get(status())) {
    Interrupt(static_cast<uint16_t>(common_.Get("config_msix_vector")), Isr::Configuration::kMask);
  }
}

}  // namespace pvpci::pci
