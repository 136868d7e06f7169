// SPDX-License-Identifier: Apache-2.0
#include "models/pci/link.h"

#include <algorithm>

#include "sim/check.h"

namespace pvpci::pci {
namespace {

constexpr unsigned kDllp = 8;  // ACK and flow-control update alike
constexpr unsigned kSkipLength = 4;
constexpr unsigned kSkipInterval = 1538;

// Bytes between two ACKs, and between two flow-control updates. PCIe 5.0 tables 2-46 to 2-48 and 3-7 to 3-9; rows by
// width, columns by maximum payload 128 .. 4096; values as in pcie-bench's model. Generations 3 to 5 share a table, and
// the two limits coincide.
constexpr unsigned kLimits[3][5][6] = {
    {{237, 416, 559, 1071, 2095, 4143},
     {128, 217, 289, 545, 1057, 2081},
     {73, 118, 154, 282, 538, 1050},
     {67, 107, 86, 150, 278, 534},
     {48, 72, 86, 150, 278, 534}},
    {{288, 467, 610, 1122, 2146, 4194},
     {179, 268, 340, 596, 1108, 2132},
     {124, 169, 205, 333, 589, 1101},
     {118, 158, 137, 201, 329, 585},
     {99, 123, 137, 201, 329, 585}},
    {{333, 512, 655, 1167, 2191, 4239},
     {224, 313, 385, 641, 1153, 2177},
     {169, 214, 250, 378, 634, 1146},
     {163, 203, 182, 246, 374, 630},
     {144, 168, 182, 246, 374, 630}},
};

unsigned Log2(unsigned v) {
  unsigned n = 0;
  while (v >>= 1) ++n;
  return n;
}

// Picoseconds per byte, as a fraction: 8b/10b at 2.5 and 5 GT/s, 128b/130b above.
using Wide = unsigned __int128;
struct Fraction {
  Wide numerator, denominator;
};
Fraction BytePicoseconds(const LinkSpec& spec) {
  if (spec.generation <= 2) return {4000u / spec.generation, spec.width};
  // 8 bits x 125 ps x 130 / 128 at 8 GT/s.
  return {8125, Wide{8} * spec.width << (spec.generation - 3)};
}

}  // namespace

uint32_t NextPiece(uint64_t address, uint64_t length, uint32_t limit) {
  return static_cast<uint32_t>(std::min<uint64_t>({length, limit, 4096 - (address & 4095)}));
}

LinkDirection::LinkDirection(LinkSpec spec, unsigned mps) : spec_(spec) {
  SIM_CHECK(spec.generation >= 1 && spec.generation <= 5, "link generation is 1 to 5");
  SIM_CHECK(spec.width >= 1 && spec.width <= 16 && (spec.width & (spec.width - 1)) == 0, "link width is 1 to 16");
  set_mps(mps);
}

void LinkDirection::set_mps(unsigned mps) {
  SIM_CHECK(mps >= 128 && mps <= 4096 && (mps & (mps - 1)) == 0, "maximum payload is 128 to 4096");
  const Fraction byte = BytePicoseconds(spec_);
  limit_ = kLimits[std::min(spec_.generation, 3u) - 1][Log2(spec_.width)][Log2(mps) - 7];
  const Wide limit = limit_;
  wire_rate_ = static_cast<uint64_t>(((byte.numerator << 32) + byte.denominator / 2) / byte.denominator);
  // Share left for TLPs: 1 - 2 * 8 / limit - 4 / 1538.
  const Wide whole = limit * kSkipInterval;
  const Wide left = whole - 2 * kDllp * kSkipInterval - kSkipLength * limit;
  const Wide denominator = byte.denominator * left;
  busy_rate_ = static_cast<uint64_t>(((byte.numerator * whole << 32) + denominator / 2) / denominator);
}

// A symbol is a byte of one lane.
sim::Ps LinkDirection::UpdateLatency() const { return WireTime(uint64_t{limit_} * spec_.width); }

}  // namespace pvpci::pci
