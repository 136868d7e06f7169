// SPDX-License-Identifier: Apache-2.0
#include "sim/machine_memory.h"

#include <gmock/gmock.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "sim/check.h"

namespace pvpci::sim {
namespace {

// Frames 0, 1, 2 and 4 have memory, in an order of their own.
class Memory : public testing::Test {
 protected:
  void SetUp() override {
    static constexpr int kPlace[] = {2, 0, 3, -1, 1};
    for (Mfn mfn = 0; mfn < 5; ++mfn) {
      if (kPlace[mfn] >= 0) memory_.frame(mfn).host = bytes_.data() + kPlace[mfn] * kPageSize;
    }
  }
  std::array<std::byte, 4 * kPageSize> bytes_{};
  MachineMemory memory_{5};
};

TEST_F(Memory, ReadsWhatWasWrittenAcrossFrames) {
  std::vector<char> out(6000);
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(i * 7);
  ASSERT_TRUE(memory_.Write(1000, out.data(), out.size()));
  std::vector<char> in(out.size());
  ASSERT_TRUE(memory_.Read(1000, in.data(), in.size()));
  EXPECT_EQ(in, out);
  EXPECT_EQ(std::memcmp(bytes_.data() + 0 * kPageSize, out.data() + 3096, 2904), 0) << "frame 1 lies first";
}

TEST_F(Memory, DoesNothingWhereAByteHasNoMemory) {
  uint64_t value = ~uint64_t{0};
  EXPECT_FALSE(memory_.Write(3 * kPageSize - 4, &value, 8));
  EXPECT_EQ(memory_.Load<uint32_t>(3 * kPageSize - 4), 0u) << "not even the first half";
  EXPECT_FALSE(memory_.Read(3 * kPageSize, &value, 1));
  EXPECT_FALSE(memory_.Read(5 * kPageSize, &value, 1)) << "beyond the table";
  EXPECT_FALSE(memory_.Read(~uint64_t{0} - 3, &value, 8)) << "wraps";
  EXPECT_TRUE(memory_.Read(~uint64_t{0}, &value, 0));
  EXPECT_TRUE(memory_.Write(5 * kPageSize - 8, &value, 8));
}

TEST_F(Memory, CountsGenerationsAndTellsObservers) {
  std::vector<std::string> seen;
  memory_.OnChange([&](Mfn mfn, const Frame& before, const Frame& after) {
    seen.push_back(std::to_string(mfn) + ' ' + std::to_string(before.owner) + ">" + std::to_string(after.owner) + ' ' +
                   Name(before.type) + '>' + Name(after.type));
  });
  memory_.SetOwner(1, 5);
  memory_.SetOwner(1, 5);
  memory_.SetType(1, FrameType::kWritable);
  memory_.SetOwner(1, kDomXen);
  EXPECT_EQ(memory_.frame(1).generation, 2u);
  EXPECT_THAT(seen, testing::ElementsAre("1 32756>5 none>none", "1 5>5 none>writable", "1 5>32754 writable>writable"));
  EXPECT_THROW(memory_.SetOwner(5, 1), BenchError);
  EXPECT_EQ(memory_.Find(5), nullptr);
  EXPECT_TRUE(memory_.populated(4));
  EXPECT_FALSE(memory_.populated(3));
}

}  // namespace
}  // namespace pvpci::sim
