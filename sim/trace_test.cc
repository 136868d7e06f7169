// SPDX-License-Identifier: Apache-2.0
#include "sim/trace.h"

#include <gmock/gmock.h>

#include <cstring>
#include <sstream>
#include <string>

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

// The digest over many chunks equals SHA-256 over header and padded payload, whatever was asked in between.
TEST(Trace, DigestIsSha256OverIdentityAndRecords) {
  Ps now = 0;
  Trace trace([&] { return now; });
  Sha256 expected;
  const std::string identity = "seed 1 scenario x";
  trace.MixIn(identity);
  const uint64_t size = identity.size();
  expected.Update(&size, sizeof size);
  expected.Update(identity.data(), identity.size());
  const std::string text(1001, 'x');
  for (uint32_t i = 0; i < 5000; ++i) {
    now = i * 10;
    trace.Append(RecordKind::kRing, 2, text.data(), 1001);
    if (i % 1000 == 7) trace.Digest();
    struct {
      uint64_t time;
      uint16_t kind;
      uint16_t domain;
      uint32_t size;
    } const header{now, 2, 2, 1001};
    expected.Update(&header, sizeof header);
    std::string padded = text;
    padded.resize(1008, '\0');
    expected.Update(padded.data(), padded.size());
  }
  EXPECT_EQ(trace.Digest(), "sha256:" + expected.Hex());
  uint64_t visited = 0;
  trace.ForEach([&](const RecordView& record) {
    EXPECT_EQ(record.time, visited * 10);
    EXPECT_EQ(record.size, 1001u);
    ++visited;
  });
  EXPECT_EQ(visited, 5000u);
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
