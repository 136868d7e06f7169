// SPDX-License-Identifier: Apache-2.0
#include "sim/trace.h"

#include <gmock/gmock.h>

#include <cstring>
#include <sstream>
#include <string>

#include "sim/random.h"
#include "sim/sha256.h"

namespace pvpci::sim {
namespace {

struct Point {
  uint32_t x;
  uint32_t y;
};

TEST(Trace, KeepsRecordsInOrderAndPrintsThem) {
  Ps now = 0;
  Trace trace([&] { return now; });
  trace.SetDomainName(1, "domU");
  trace.SetFormatter(RecordKind::kMmio, [](const RecordView& record) {
    Point point;
    std::memcpy(&point, record.payload, sizeof point);
    return "mmio " + std::to_string(point.x) + ' ' + std::to_string(point.y);
  });
  now = 1500;
  trace.Emit(RecordKind::kMmio, 1, Point{3, 4});
  now = 2000;
  trace.Append(RecordKind::kStore, kDomXen, "abc", 3);
  trace.Append(RecordKind::kStore, 9, nullptr, 0);
  std::ostringstream text;
  trace.WriteText(text);
  EXPECT_EQ(text.str(), "1500 domU mmio 3 4\n2000 xen kind3 616263\n2000 dom9 kind3\n");
  EXPECT_EQ(trace.count(), 3u);
}

// Over many chunks; whatever is asked in between.
TEST(Trace, DigestDoesNotDependOnWhenItIsAsked) {
  const auto digest = [](bool ask) {
    Ps now = 0;
    Trace trace([&] { return now; });
    trace.MixIn("seed 1 scenario x");
    const std::string text(1001, 'x');
    for (uint32_t i = 0; i < 5000; ++i) {
      now = i * 10;
      trace.Append(RecordKind::kRing, 2, text.data(), 1001);
      if (ask && i % 1000 == 7) trace.Digest();
    }
    return trace.Digest();
  };
  EXPECT_EQ(digest(false), digest(true));
}

// Words of every length, payloads of every size, times that also fall.
TEST(Trace, GivesBackWhatItWasGiven) {
  Ps now = 0;
  Trace trace([&] { return now; });
  Random random(1, "trace");
  struct Given {
    Ps time;
    DomId domain;
    std::string payload;
  };
  std::vector<Given> given;
  for (int i = 0; i < 20'000; ++i) {
    now = random.Next() >> random.Below(64);
    std::string payload(random.Below(i % 100 == 0 ? 3000 : 40), '\0');
    for (char& c : payload) {
      if (random.Below(2) == 0) c = static_cast<char>(random.Next());
    }
    const auto domain = static_cast<DomId>(random.Next());
    trace.Append(RecordKind::kStore, domain, payload.data(), static_cast<uint32_t>(payload.size()));
    given.push_back({now, domain, payload});
  }
  size_t visited = 0;
  trace.ForEach([&](const RecordView& record) {
    const Given& expected = given[visited++];
    EXPECT_EQ(record.time, expected.time);
    EXPECT_EQ(record.domain, expected.domain);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(record.payload), record.size), expected.payload);
  });
  EXPECT_EQ(visited, given.size());
}

TEST(Trace, KeepsSmallRecordsSmall) {
  Ps now = 0;
  Trace trace([&] { return now; });
  for (uint64_t i = 0; i < 1000; ++i) {
    now += 100 * kNs;
    const uint64_t payload[2] = {i << 32 | 6, now};
    trace.Append(RecordKind::kProbe, 1, payload, sizeof payload);
  }
  EXPECT_LE(trace.bytes(), 1000 * 24u);
}

TEST(Trace, DigestSeesTimeDomainKindPayloadAndIdentity) {
  const auto digest = [](Ps time, RecordKind kind, DomId domain, uint32_t payload, const char* identity) {
    Trace trace([=] { return time; });
    trace.MixIn(identity);
    trace.Emit(kind, domain, payload);
    return trace.Digest();
  };
  const std::string base = digest(1, RecordKind::kRing, 1, 1, "a");
  EXPECT_EQ(base, digest(1, RecordKind::kRing, 1, 1, "a"));
  EXPECT_NE(base, digest(2, RecordKind::kRing, 1, 1, "a"));
  EXPECT_NE(base, digest(1, RecordKind::kStore, 1, 1, "a"));
  EXPECT_NE(base, digest(1, RecordKind::kRing, 2, 1, "a"));
  EXPECT_NE(base, digest(1, RecordKind::kRing, 1, 2, "a"));
  EXPECT_NE(base, digest(1, RecordKind::kRing, 1, 1, "b"));
}

TEST(Trace, TakesRecordsLargerThanAChunk) {
  Trace trace([] { return Ps{5}; });
  const std::string large(3 << 20, 'y');
  trace.Append(RecordKind::kProgram, 1, "a", 1);
  trace.Append(RecordKind::kProgram, 1, large.data(), static_cast<uint32_t>(large.size()));
  trace.Append(RecordKind::kProgram, 1, "b", 1);
  std::vector<uint32_t> sizes;
  trace.ForEach([&](const RecordView& record) { sizes.push_back(record.size); });
  EXPECT_THAT(sizes, testing::ElementsAre(1u, 3u << 20, 1u));
}

TEST(Sha256, MatchesThePublishedVectors) {
  EXPECT_EQ(Sha256::Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256::Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace pvpci::sim
