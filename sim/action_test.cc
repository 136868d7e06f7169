// SPDX-License-Identifier: Apache-2.0
#include "sim/action.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <utility>

namespace pvpci::sim {
namespace {

TEST(Action, CallsWhatItHoldsSmallOrLarge) {
  int calls = 0;
  Action small([&calls] { ++calls; });
  std::array<int, 32> numbers{};
  numbers[31] = 10;
  Action large([&calls, numbers] { calls += numbers[31]; });
  small();
  large();
  EXPECT_EQ(calls, 11);
  EXPECT_FALSE(Action());
  EXPECT_FALSE(Action(nullptr));
}

TEST(Action, MovesAndDestroysItsCapturesOnce) {
  const auto alive = std::make_shared<int>(0);
  std::array<char, 64> padding{};
  {
    Action small([alive] { ++*alive; });
    Action large([alive, padding] { *alive += 10 + padding[0]; });
    EXPECT_EQ(alive.use_count(), 3);
    Action moved(std::move(small));
    large = std::move(moved);
    EXPECT_EQ(alive.use_count(), 2) << "what it held before is gone";
    EXPECT_FALSE(moved);
    large();
    EXPECT_EQ(*alive, 1);
    large = nullptr;
    EXPECT_EQ(alive.use_count(), 1);
    large = [alive, padding] { *alive += 10 + padding[0]; };
    Action(std::move(large))();
    EXPECT_EQ(*alive, 11);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(Action, TakesWhatCannotBeCopiedAndWhatIsAFunctionObject) {
  auto number = std::make_unique<int>(5);
  int seen = 0;
  Action owner([number = std::move(number), &seen] { seen = *number; });
  owner();
  EXPECT_EQ(seen, 5);
  const std::function<void()> function = [&seen] { seen = 6; };
  Action copy(function);
  copy();
  EXPECT_EQ(seen, 6);
}

}  // namespace
}  // namespace pvpci::sim
