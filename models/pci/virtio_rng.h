// SPDX-License-Identifier: Apache-2.0
// Entropy device. VIRTIO 1.2, 5.4: one queue, no features, no configuration; every buffer that the driver offers is
// filled with random bytes. They come from the scenario's seed: the same run, the same entropy.
#ifndef PVPCI_MODELS_PCI_VIRTIO_RNG_H_
#define PVPCI_MODELS_PCI_VIRTIO_RNG_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/pci/virtio_function.h"
#include "sim/random.h"
#include "sim/time.h"

namespace pvpci::pci {

struct VirtioRngConfig {
  uint64_t seed = 1;
  unsigned msix_vectors = 2;               // 0 .. 2048. QEMU: 2
  sim::Ps gather_time = 2 * sim::kUs;      // until the bytes of one buffer are there. 0 .. 1 s. A: a host's getrandom()
  uint32_t largest_fill_bytes = 64 << 10;  // a longer buffer is filled in part, which 5.4.6.2 allows. 1 .. 4 MiB
};

class VirtioRng : public VirtioFunction {
 public:
  explicit VirtioRng(VirtioRngConfig config = {});

  uint64_t bytes_given() const { return bytes_given_; }

 protected:
  void OnBuffer(const Buffer& buffer) override;

 private:
  void Fill(const Buffer& buffer);

  VirtioRngConfig rng_config_;
  sim::Random random_;
  std::vector<std::byte> bytes_;
  uint64_t bytes_given_ = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_VIRTIO_RNG_H_
