// SPDX-License-Identifier: Apache-2.0
#include "models/pci/virtio_rng.h"

#include <algorithm>

namespace pvpci::pci {
namespace {

constexpr uint16_t kEntropyDevice = 4;  // 5.4.1
constexpr uint16_t kQueueSize = 8;      // as QEMU's

VirtioConfig Transport(const VirtioRngConfig& config) {
  VirtioConfig transport;
  transport.device_type = kEntropyDevice;
  transport.queue_sizes = {kQueueSize};
  transport.msix_vectors = config.msix_vectors;
  return transport;
}

}  // namespace

VirtioRng::VirtioRng(VirtioRngConfig config)
    : VirtioFunction(Transport(config)),
      rng_config_(config),
      random_(config.seed, "virtio_rng"),
      bytes_(config.largest_fill_bytes) {}

void VirtioRng::OnBuffer(const Buffer& buffer) {
  for (const Segment& segment : buffer.segments) {
    // Everything is for the device to write. 5.4.6.1.
    if (!segment.device_writes) {
      NeedReset();
      return;
    }
  }
  After(rng_config_.gather_time, [this, buffer] {
    if (Current(buffer)) Fill(buffer);
  });
}

// A device's writes stay in order: the bytes land before the used ring says so.
void VirtioRng::Fill(const Buffer& buffer) {
  uint32_t filled = 0;
  for (const Segment& part : buffer.segments) {
    const uint32_t count = std::min<uint32_t>(part.length_bytes, static_cast<uint32_t>(bytes_.size()) - filled);
    for (uint32_t i = 0; i < count; ++i) bytes_[filled + i] = static_cast<std::byte>(random_.Next() & 0xff);
    if (count != 0) WriteMemory(part.address, count, bytes_.data() + filled, part.provenance);
    filled += count;
  }
  bytes_given_ += filled;
  Use(buffer, filled);
}

}  // namespace pvpci::pci
