// SPDX-License-Identifier: Apache-2.0
#include "sim/timing_wheel.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sim/random.h"

namespace pvpci::sim {
namespace {

// What a wheel must do, slowly: entries by time, then in order of insertion.
class Reference {
 public:
  void Insert(Ps when, int id) { entries_.emplace(when, id); }
  void Remove(Ps when, int id) {
    const auto [first, last] = entries_.equal_range(when);
    for (auto i = first; i != last; ++i) {
      if (i->second != id) continue;
      entries_.erase(i);
      return;
    }
  }
  Ps next() const { return entries_.empty() ? kNever : entries_.begin()->first; }
  int Pop() {
    const int id = entries_.begin()->second;
    entries_.erase(entries_.begin());
    return id;
  }
  size_t size() const { return entries_.size(); }

 private:
  std::multimap<Ps, int> entries_;
};

// Delays below 2^delay_bits ps, many equal times, cancellations, insertions while one runs: as the reference, entry by
// entry.
void RunAsASortedListWould(unsigned delay_bits) {
  Random random(1, "wheel");
  TimingWheel wheel;
  Reference reference;
  std::map<int, std::pair<Ps, TimingWheel::Handle>> pending;
  int next_id = 0, ran = -1;
  const auto insert = [&](auto& self) -> void {
    const unsigned bits = static_cast<unsigned>(random.Below(delay_bits));
    Ps delay = random.Below(uint64_t{1} << bits);
    if (random.Below(3) == 0) delay &= ~Ps{0x3ff};
    const Ps when = wheel.time() + delay;
    const int id = next_id++;
    reference.Insert(when, id);
    pending[id] = {when, wheel.Insert(when, [&, id] {
                     ran = id;
                     if (id % 5 == 0 && reference.size() < 300) self(self);
                   })};
  };
  for (int step = 0; step < 200'000; ++step) {
    const uint64_t what = random.Below(10);
    if (what < 4 || pending.empty()) {
      if (pending.size() < 300) insert(insert);
    } else if (what == 4) {
      auto victim = pending.begin();
      std::advance(victim, static_cast<long>(random.Below(pending.size())));
      reference.Remove(victim->second.first, victim->first);
      EXPECT_TRUE(wheel.Cancel(victim->second.second));
      EXPECT_FALSE(wheel.Cancel(victim->second.second));
      pending.erase(victim);
    } else {
      ASSERT_EQ(wheel.NextTime(), reference.next());
      const Ps when = reference.next();
      const int expected = reference.Pop();
      const TimingWheel::Handle handle = pending.at(expected).second;
      pending.erase(expected);
      wheel.RunNext();
      ASSERT_EQ(ran, expected) << "step " << step;
      ASSERT_EQ(wheel.time(), when);
      EXPECT_FALSE(wheel.Cancel(handle));
    }
    ASSERT_EQ(wheel.pending(), reference.size());
    ASSERT_EQ(wheel.NextTime(), reference.next());
  }
}

TEST(TimingWheel, RunsWhatASortedListWould) { RunAsASortedListWould(40); }

// Some hundred entries in two or three near slots: most come earlier than others that are there.
TEST(TimingWheel, KeepsACrowdOfOneNanosecondInOrder) { RunAsASortedListWould(12); }

TEST(TimingWheel, PassesOnWhatAnEntryThrows) {
  TimingWheel wheel;
  int ran = 0;
  wheel.Insert(5, [] { throw 7; });
  wheel.Insert(5, [&ran] { ++ran; });
  EXPECT_THROW(wheel.RunNext(), int);
  EXPECT_EQ(wheel.pending(), 1u);
  wheel.RunNext();
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace pvpci::sim
