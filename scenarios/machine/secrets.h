// SPDX-License-Identifier: Apache-2.0
// Canaries: keyed patterns in frames of victim domains. Every 8-byte word is different and belongs to one place only,
// so that bytes found elsewhere prove what leaked, from whom, from where.
#ifndef PVPCI_SCENARIOS_MACHINE_SECRETS_H_
#define PVPCI_SCENARIOS_MACHINE_SECRETS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/machine_memory.h"

namespace pvpci::scenarios {

class Secrets {
 public:
  Secrets(sim::MachineMemory& memory, uint64_t seed) : memory_(memory), seed_(seed) {}

  // Fills `frames` of `owner`. They need not be adjacent; the secret's bytes are theirs in order.
  void Plant(sim::DomId owner, const std::string& name, std::vector<sim::Mfn> frames);

  struct Secret {
    sim::DomId owner;
    std::string name;
    std::vector<sim::Mfn> frames;
    uint64_t machine_address() const { return frames.front() << sim::kPageShift; }
    uint64_t bytes() const { return frames.size() * sim::kPageSize; }
  };
  const Secret* Find(sim::DomId owner, const std::string& name) const;
  bool empty() const { return secrets_.empty(); }

  // Bytes of [data, data + length) that are those of the secret at `machine_address`, byte for byte.
  uint64_t MatchingBytes(uint64_t machine_address, const std::byte* data, uint64_t length) const;

  // Looks for secret words in `data`, at any alignment.
  struct Match {
    sim::DomId owner;
    uint64_t machine_address;  // where the first of these bytes belong
    uint64_t offset;           // in data
    uint64_t bytes;
  };
  std::vector<Match> Search(const std::byte* data, uint64_t length) const;

 private:
  struct Word {
    uint32_t secret;
    uint64_t machine_address;
  };
  uint64_t WordAt(uint64_t index) const;

  sim::MachineMemory& memory_;
  uint64_t seed_;
  uint64_t next_word_ = 1;
  std::vector<Secret> secrets_;
  std::unordered_map<uint64_t, Word> words_;                // by value; never iterated
  std::unordered_map<sim::Mfn, uint64_t> first_word_;       // of a frame; never iterated
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_SECRETS_H_
