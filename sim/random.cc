// SPDX-License-Identifier: Apache-2.0
#include "sim/random.h"

#include "sim/check.h"

namespace pvpci::sim {
namespace {

uint64_t SplitMix(uint64_t* state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

constexpr uint64_t RotateLeft(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

}  // namespace

Random::Random(uint64_t seed, std::string_view stream) {
  // FNV-1a of the stream's name separates streams of one seed.
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : stream) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  uint64_t state = hash ^ SplitMix(&seed);
  for (uint64_t& word : state_) word = SplitMix(&state);
}

uint64_t Random::Next() {
  const uint64_t result = RotateLeft(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = RotateLeft(state_[3], 45);
  return result;
}

uint64_t Random::Below(uint64_t bound) {
  SIM_CHECK(bound > 0, "nothing lies below 0");
  // The low remainder of 2^64 / bound would favour small numbers: draw again.
  const uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const uint64_t drawn = Next();
    if (drawn >= threshold) return drawn % bound;
  }
}

}  // namespace pvpci::sim
