// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/wire.h"

#include <gtest/gtest.h>

namespace pvpci::xen {
namespace {

using std::string_literals::operator""s;

XsMessage Message(XsType type, std::string payload) {
  XsMessage message;
  message.header = {static_cast<uint32_t>(type), 7, 3, 0};
  message.payload = std::move(payload);
  return message;
}

// Feeds everything in pieces of `piece` bytes at most.
bool FeedAll(XsAssembler& assembler, const std::string& bytes, uint32_t piece) {
  size_t at = 0;
  bool complete = false;
  while (at < bytes.size() && !complete && !assembler.broken()) {
    const uint32_t chunk =
        std::min({piece, assembler.wanted(), static_cast<uint32_t>(bytes.size() - at)});
    complete = assembler.Feed(bytes.data() + at, chunk);
    at += chunk;
  }
  return complete;
}

TEST(Wire, NumbersAreThoseOfTheInterface) {
  EXPECT_STREQ(Name(static_cast<XsType>(1)), "DIRECTORY");
  EXPECT_STREQ(Name(static_cast<XsType>(11)), "WRITE");
  EXPECT_STREQ(Name(static_cast<XsType>(16)), "ERROR");
  EXPECT_STREQ(Name(static_cast<XsType>(20)), "?");
  EXPECT_STREQ(Name(static_cast<XsType>(22)), "DIRECTORY_PART");
  EXPECT_STREQ(Name(static_cast<XsType>(4711)), "?");
}

TEST(Wire, AssemblesAMessageThatArrivesByteByByte) {
  XsAssembler assembler;
  ASSERT_TRUE(FeedAll(assembler, Serialize(Message(XsType::kWrite, "a\0value"s)), 1));
  const XsMessage message = assembler.Take();
  EXPECT_EQ(message.header.request, 7u);
  EXPECT_EQ(message.header.transaction, 3u);
  EXPECT_EQ(message.header.length_bytes, 7u);
  EXPECT_EQ(message.payload, "a\0value"s);
  EXPECT_EQ(assembler.wanted(), sizeof(XsHeader));
}

TEST(Wire, AMessageMayHaveNoPayload) {
  XsAssembler assembler;
  ASSERT_TRUE(FeedAll(assembler, Serialize(Message(XsType::kResetWatches, "")), 64));
  EXPECT_EQ(assembler.Take().payload, "");
}

TEST(Wire, TakesTheLargestPayloadAndRefusesOneByteMore) {
  XsAssembler assembler;
  EXPECT_TRUE(FeedAll(assembler, Serialize(Message(XsType::kWrite, std::string(kXsPayloadMax, 'x'))), 1000));
  assembler.Take();
  EXPECT_FALSE(FeedAll(assembler, Serialize(Message(XsType::kWrite, std::string(kXsPayloadMax + 1, 'x'))), 1000));
  EXPECT_TRUE(assembler.broken());
}

TEST(Wire, SplitsStringsAndRefusesAMissingNul) {
  EXPECT_EQ(SplitStrings("a\0bc\0\0"s, false)->size(), 3u);
  EXPECT_EQ(SplitStrings(""s, false)->size(), 0u);
  EXPECT_FALSE(SplitStrings("a\0bc"s, false));
  EXPECT_EQ(SplitStrings("a\0bc"s, true)->back(), "bc");
}

TEST(Wire, DecimalsHaveNoSignsBlanksOrOverflow) {
  EXPECT_EQ(ParseDecimal("0"), 0u);
  EXPECT_EQ(ParseDecimal("4294967295"), UINT32_MAX);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "4294967296", "99999999999999999999"}) {
    EXPECT_FALSE(ParseDecimal(text)) << text;
  }
}

}  // namespace
}  // namespace pvpci::xen
