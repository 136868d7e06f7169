// SPDX-License-Identifier: Apache-2.0
// Question: does a saturated link carry exactly what the closed form of spec/timing.md A1 says?
#include "models/pci/link.h"

#include <gtest/gtest.h>

#include <cmath>

namespace pvpci::pci {
namespace {

// The closed form again, in floating point and from the other end: bandwidths, not times.
double RawBytesPerPs(unsigned generation, unsigned width) {
  const double gts[] = {2.5, 5, 8, 16, 32};
  const double coding = generation <= 2 ? 0.8 : 128.0 / 130.0;
  return gts[generation - 1] * coding * width / 8 / 1000;
}

TEST(Link, KnowsTheBytesOfEveryPacket) {
  EXPECT_EQ(MemoryWriteBytes(0x1'0000'0000, 4, false), 28u);
  EXPECT_EQ(MemoryWriteBytes(0xFEE00000, 4, false), 24u);
  EXPECT_EQ(MemoryReadBytes(0x1'0000'0000, false), 24u);
  EXPECT_EQ(CompletionBytes(64, false), 84u);
  EXPECT_EQ(CompletionBytes(64, true), 88u);
}

TEST(Link, SerialisesAtTheRawRateForEveryGenerationAndWidth) {
  for (unsigned generation = 1; generation <= 5; ++generation) {
    for (unsigned width = 1; width <= 16; width *= 2) {
      const LinkDirection link({generation, width}, 256);
      const double expected = 4096 / RawBytesPerPs(generation, width);
      EXPECT_NEAR(static_cast<double>(link.WireTime(4096)), expected, 1.0) << generation << " x" << width;
    }
  }
}

TEST(Link, KeepsTheFractionsOfALongTransfer) {
  // gen3 x8: 203 bytes between updates at a payload of 256.
  const double share = 1 - 2 * 8.0 / 203 - 4.0 / 1538;
  LinkDirection link({3, 8}, 256);
  sim::Ps last = 0;
  for (int i = 0; i < 100000; ++i) last = link.Send(0, 280).last;
  const double expected = 100000.0 * 280 / (RawBytesPerPs(3, 8) * share);
  EXPECT_NEAR(static_cast<double>(last) / expected, 1.0, 1e-6);
}

TEST(Link, MatchesTheClosedFormOfEffectiveBandwidth) {
  struct Row {
    unsigned generation, width, mps, limit;
  };
  const Row rows[] = {{1, 1, 128, 237}, {2, 4, 256, 169}, {3, 8, 256, 203}, {4, 16, 512, 182}, {5, 16, 128, 144}};
  for (const Row& row : rows) {
    for (unsigned payload = 1; payload <= 2048; payload = payload * 2 + payload % 3) {
      LinkDirection link({row.generation, row.width}, row.mps);
      uint64_t wire = 0;
      sim::Ps last = 0;
      for (int i = 0; i < 2000; ++i) {
        for (uint64_t at = 0; at < payload;) {
          const uint32_t piece = NextPiece(at, payload - at, row.mps);
          last = link.Send(0, MemoryWriteBytes(1ull << 32, piece, false)).last;
          wire += piece + 24;
          at += piece;
        }
      }
      const double raw = RawBytesPerPs(row.generation, row.width) * (1 - 16.0 / row.limit - 4.0 / 1538);
      EXPECT_NEAR(static_cast<double>(last) * raw / static_cast<double>(wire), 1.0, 1e-3) << payload;
    }
  }
}

TEST(Link, WaitsForWhatWasSentBefore) {
  LinkDirection link({3, 8}, 256);
  const auto first = link.Send(1000, 280);
  EXPECT_EQ(first.first, 1000u);
  const auto second = link.Send(500, 28);
  EXPECT_GE(second.first, first.last);
  const auto later = link.Send(1'000'000, 28);
  EXPECT_EQ(later.first, 1'000'000u);
}

TEST(Link, CutsAtThePageAndTheLimit) {
  EXPECT_EQ(NextPiece(0, 10000, 256), 256u);
  EXPECT_EQ(NextPiece(0xff0, 10000, 256), 16u);
  EXPECT_EQ(NextPiece(0x100, 3, 256), 3u);
}

TEST(Link, EndsCompletionsAtTheBoundary) {
  EXPECT_EQ(CompletionCount(0, 512, 256, 64), 2u);
  EXPECT_EQ(CompletionCount(0x3c, 512, 256, 64), 3u);
  EXPECT_EQ(CompletionCount(0x3c, 8, 256, 64), 1u);
}

TEST(Link, LetsTheFirstLineGoAlone) {
  const auto count = [](uint64_t address, uint32_t length) {
    return CompletionCount(address, length, 256, 64, CompletionSplit::kFirstLineAlone);
  };
  EXPECT_EQ(count(0, 64), 1u);
  EXPECT_EQ(count(0, 128), 2u) << "64 + 64";
  EXPECT_EQ(count(0, 256), 2u) << "64 + 192";
  EXPECT_EQ(count(0, 512), 3u) << "64 + 192 + 256";
  EXPECT_EQ(count(0x3c, 8), 2u) << "4 + 4";
  EXPECT_EQ(count(0xc0, 512), 3u) << "64 + 256 + 192";
}

}  // namespace
}  // namespace pvpci::pci
