// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/secrets.h"

#include <algorithm>
#include <cstring>

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kWordBytes = 8;
constexpr uint64_t kWordsPerFrame = sim::kPageSize / kWordBytes;

// splitmix64: a bijection, so no two places share a word.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

}  // namespace

uint64_t Secrets::WordAt(uint64_t index) const { return Mix(index ^ Mix(seed_)); }

void Secrets::Plant(sim::DomId owner, const std::string& name, std::vector<sim::Mfn> frames) {
  const auto number = static_cast<uint32_t>(secrets_.size());
  for (const sim::Mfn mfn : frames) {
    first_word_[mfn] = next_word_;
    for (uint64_t i = 0; i < kWordsPerFrame; ++i) {
      const uint64_t address = (mfn << sim::kPageShift) + i * kWordBytes;
      const uint64_t word = WordAt(next_word_++);
      memory_.Store(address, word);
      words_.emplace(word, Word{number, address});
    }
  }
  secrets_.push_back({owner, name, std::move(frames)});
}

const Secrets::Secret* Secrets::Find(sim::DomId owner, const std::string& name) const {
  for (const Secret& secret : secrets_) {
    if (secret.owner == owner && secret.name == name) return &secret;
  }
  return nullptr;
}

uint64_t Secrets::MatchingBytes(uint64_t machine_address, const std::byte* data, uint64_t length) const {
  uint64_t matching = 0;
  for (uint64_t i = 0; i < length; ++i) {
    const uint64_t address = machine_address + i;
    const auto frame = first_word_.find(address >> sim::kPageShift);
    if (frame == first_word_.end()) continue;
    const uint64_t in_frame = address & (sim::kPageSize - 1);
    const uint64_t word = WordAt(frame->second + in_frame / kWordBytes);
    const auto expected = static_cast<std::byte>(word >> 8 * (in_frame % kWordBytes));
    if (data[i] == expected) ++matching;
  }
  return matching;
}

std::vector<Secrets::Match> Secrets::Search(const std::byte* data, uint64_t length) const {
  std::vector<Match> matches;
  uint64_t at = 0;
  while (at + kWordBytes <= length) {
    uint64_t word = 0;
    std::memcpy(&word, data + at, kWordBytes);
    const auto found = words_.find(word);
    if (found == words_.end()) {
      ++at;
      continue;
    }
    // As far as the bytes go on being those of the secret.
    Match match{secrets_[found->second.secret].owner, found->second.machine_address, at, kWordBytes};
    while (at + match.bytes < length &&
           MatchingBytes(match.machine_address + match.bytes, data + at + match.bytes, 1) == 1) {
      ++match.bytes;
    }
    at += match.bytes;
    matches.push_back(match);
  }
  return matches;
}

}  // namespace pvpci::scenarios
