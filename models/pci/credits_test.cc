// SPDX-License-Identifier: Apache-2.0
// What a root port can hold bounds what comes through: flow control of PCIe 2.6.1, against closed forms.
#include <gtest/gtest.h>

#include "models/pci/link.h"
#include "models/pci/test_rig.h"

namespace pvpci::pci {
namespace {

constexpr uint64_t kAt = 0x4000;
constexpr sim::Ps kRounding = 20;  // ps: wire times are rounded up, link occupancy carries fractions

testing::Probe* ProbeOf(testing::Rig* rig) { return static_cast<testing::Probe*>(rig->fabric->Find("nic")); }

FabricSpec Holding(unsigned posted_headers, unsigned posted_data, unsigned read_headers) {
  FabricSpec spec = testing::OnePort(std::make_unique<testing::Probe>(testing::ProbeSpec()));
  spec.parameters.posted_headers = posted_headers;
  spec.parameters.posted_data = posted_data;
  spec.parameters.read_headers = read_headers;
  return spec;
}

// `count` requests of `bytes` each, all given at `at`: until the last was done.
sim::Ps StreamTime(testing::Rig* rig, bool read, unsigned count, uint32_t bytes, sim::Ps at) {
  static std::byte data[4096] = {};
  sim::Ps last = 0;
  rig->simulation.At(at, [=, &last] {
    for (unsigned i = 0; i < count; ++i) {
      const auto done = [rig, &last](Completion) { last = rig->simulation.now(); };
      if (read) {
        ProbeOf(rig)->ReadMemory(kAt, bytes, data, 0, done);
      } else {
        ProbeOf(rig)->WriteMemory(kAt, bytes, data, 0, done);
      }
    }
  });
  rig->simulation.Run(at + 10 * sim::kMs);
  return last - at;
}

struct Wire {
  explicit Wire(const testing::Rig& rig) : p(rig.fabric->parameters()), link({3, 8}, p.max_payload) {}
  sim::Ps Time(uint32_t bytes) const { return link.WireTime(MemoryWriteBytes(kAt, bytes, false)); }
  sim::Ps Busy(uint32_t bytes) const { return link.BusyTime(MemoryWriteBytes(kAt, bytes, false)); }
  sim::Ps Lands(uint32_t bytes) const { return Time(bytes) + p.posted_one_way; }
  // From the first symbol of a packet until its credits can be used again.
  sim::Ps RoundTrip(uint32_t bytes) const { return Lands(bytes) + link.UpdateLatency(); }
  const FabricParameters& p;
  const LinkDirection link;
};

// PCIe 5.0 2.6.1.2: 203 symbol times, each 8 bits of 130/128 at 8 GT/s.
TEST(Credits, UpdatesComeAsLateAsTheTableSays) {
  EXPECT_EQ(LinkDirection({3, 8}, 256).UpdateLatency(), (203u * 8125 + 7) / 8);
  EXPECT_EQ(LinkDirection({1, 1}, 128).UpdateLatency(), 237u * 4000);
}

TEST(Credits, HeadersLetSoManyThroughPerRoundTrip) {
  testing::Rig rig(Holding(4, 0, 0));
  rig.EnableMaster("nic");
  const Wire wire(rig);
  EXPECT_NEAR(StreamTime(&rig, false, 16, 64, 1 * sim::kMs),
              3 * wire.RoundTrip(64) + 3 * wire.Busy(64) + wire.Lands(64), kRounding);
  // One round: nobody waits.
  EXPECT_NEAR(StreamTime(&rig, false, 4, 64, 20 * sim::kMs), 3 * wire.Busy(64) + wire.Lands(64), kRounding);
  EXPECT_TRUE(rig.fabric->quiet());
}

TEST(Credits, DataLetSoMuchThroughPerRoundTrip) {
  testing::Rig rig(Holding(0, 64, 0));  // 1 KiB
  rig.EnableMaster("nic");
  const Wire wire(rig);
  constexpr uint32_t kBytes = 128;
  EXPECT_NEAR(StreamTime(&rig, false, 32, kBytes, 1 * sim::kMs),
              3 * wire.RoundTrip(kBytes) + 7 * wire.Busy(kBytes) + wire.Lands(kBytes), kRounding);
}

// A posted request whose walk is under way keeps its place.
TEST(Credits, AreKeptWhileARequestIsTranslated) {
  testing::Rig rig(Holding(1, 0, 0));
  rig.EnableMaster("nic");
  const Wire wire(rig);
  EXPECT_EQ(StreamTime(&rig, false, 2, 64, 1 * sim::kMs), wire.RoundTrip(64) + wire.Lands(64));
  testing::ShiftRemapper remapper;
  remapper.latency = 300 * sim::kNs;
  rig.UseRemapper(&remapper);
  EXPECT_EQ(StreamTime(&rig, false, 2, 64, 20 * sim::kMs), wire.RoundTrip(64) + wire.Lands(64) + 600 * sim::kNs);
}

TEST(Credits, OfReadsBoundReadsAndNotWrites) {
  testing::Rig rig(Holding(0, 0, 1));
  rig.EnableMaster("nic");
  const Wire wire(rig);
  const sim::Ps one = StreamTime(&rig, true, 1, 64, 1 * sim::kMs);
  const sim::Ps request = wire.link.WireTime(MemoryReadBytes(kAt, false));
  EXPECT_EQ(StreamTime(&rig, true, 2, 64, 20 * sim::kMs),
            one + request + wire.p.posted_one_way + wire.link.UpdateLatency());
  EXPECT_NEAR(StreamTime(&rig, false, 16, 64, 40 * sim::kMs), 15 * wire.Busy(64) + wire.Lands(64), kRounding);
}

TEST(Credits, ThatNobodyBoundsBoundNobody) {
  testing::Rig rig(Holding(0, 0, 0));
  rig.EnableMaster("nic");
  const Wire wire(rig);
  EXPECT_NEAR(StreamTime(&rig, false, 64, 64, 1 * sim::kMs), 63 * wire.Busy(64) + wire.Lands(64), kRounding);
}

TEST(Credits, ForLessThanAPayloadAreRefused) {
  EXPECT_THROW(testing::Rig rig(Holding(0, 15, 0)), std::invalid_argument);
}

}  // namespace
}  // namespace pvpci::pci
