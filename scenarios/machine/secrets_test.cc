// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/secrets.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace pvpci::scenarios {
namespace {

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() : memory(8), pages(8 * sim::kPageSize), secrets(memory, 1) {
    for (sim::Mfn mfn = 0; mfn < 8; ++mfn) memory.frame(mfn).host = pages.data() + mfn * sim::kPageSize;
    secrets.Plant(3, "secret", {5, 2});
  }
  sim::MachineMemory memory;
  std::vector<std::byte> pages;
  Secrets secrets;
};

TEST_F(SecretsTest, EveryWordIsDifferent) {
  std::set<uint64_t> words;
  for (const sim::Mfn mfn : {5, 2}) {
    for (uint64_t at = 0; at < sim::kPageSize; at += 8) words.insert(memory.Load<uint64_t>(mfn * sim::kPageSize + at));
  }
  EXPECT_EQ(words.size(), 1024u);
}

TEST_F(SecretsTest, CountsOnlyBytesThatAreTheSecretsOwn) {
  const std::byte* secret = pages.data() + 5 * sim::kPageSize;
  EXPECT_EQ(secrets.MatchingBytes(5 * sim::kPageSize, secret, sim::kPageSize), sim::kPageSize);
  EXPECT_EQ(secrets.MatchingBytes(5 * sim::kPageSize + 3, secret + 3, 100), 100u);
  EXPECT_EQ(secrets.MatchingBytes(4 * sim::kPageSize, secret, 64), 0u);
  std::vector<std::byte> changed(secret, secret + 16);
  changed[7] ^= std::byte{1};
  EXPECT_EQ(secrets.MatchingBytes(5 * sim::kPageSize, changed.data(), 16), 15u);
}

TEST_F(SecretsTest, FindsBytesElsewhereAtAnyAlignment) {
  std::vector<std::byte> sink(300);
  std::memcpy(sink.data() + 13, pages.data() + 2 * sim::kPageSize + 40, 100);
  const auto matches = secrets.Search(sink.data(), sink.size());
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0].owner, 3);
  EXPECT_EQ(matches[0].offset, 13u);
  EXPECT_EQ(matches[0].bytes, 100u);
  EXPECT_EQ(matches[0].machine_address, 2 * sim::kPageSize + 40);
}

TEST_F(SecretsTest, KnowsThemByOwnerAndName) {
  ASSERT_NE(secrets.Find(3, "secret"), nullptr);
  EXPECT_EQ(secrets.Find(3, "secret")->machine_address(), 5 * sim::kPageSize);
  EXPECT_EQ(secrets.Find(3, "secret")->bytes(), 2 * sim::kPageSize);
  EXPECT_EQ(secrets.Find(2, "secret"), nullptr);
}

}  // namespace
}  // namespace pvpci::scenarios
