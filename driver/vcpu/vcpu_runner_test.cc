// SPDX-License-Identifier: Apache-2.0
#include "driver/vcpu/vcpu_runner.h"

#include <gtest/gtest.h>

#include "driver/vcpu/test_machine.h"

namespace pvpci::driver {
namespace {

using sim::kMs;
using sim::kUs;

std::vector<uint64_t> FirstWords(const std::vector<Note>& notes) {
  std::vector<uint64_t> words;
  for (const Note& note : notes) words.push_back(note.a);
  return words;
}

TEST(Vcpu, AnswersHypercallsInOrder) {
  TestMachine machine;
  machine.vcpu().Start(kHypercalls, 3);
  machine.simulation.Run();
  EXPECT_EQ(FirstWords(machine.vcpu().notes), (std::vector<uint64_t>{1000, 0, 1001, 1, 1002, 2}));
  EXPECT_EQ(machine.vcpu().notes[1].b, 2000u);
  EXPECT_TRUE(machine.vcpu().crashes.empty());
}

TEST(Vcpu, LocalTimeIsTheCostOfTheBlocksRun) {
  TestMachine machine(2);
  machine.vcpu(0).Start(kLoop, 1000);
  machine.vcpu(1).Start(kLoop, 3000);
  machine.simulation.Run(kMs);
  ASSERT_EQ(machine.vcpu(0).notes.size(), 1u);
  ASSERT_EQ(machine.vcpu(1).notes.size(), 1u);
  EXPECT_EQ(machine.vcpu(0).notes[0].a, 499500u);
  const Ps per_round = (machine.vcpu(1).notes[0].time - machine.vcpu(0).notes[0].time) / 2000;
  EXPECT_EQ(per_round % kTestBlockCost, 0u);
  EXPECT_EQ(machine.vcpu(1).notes[0].time - machine.vcpu(0).notes[0].time, per_round * 2000);
  // What remains is a handful of blocks around the loop.
  const Ps around = machine.vcpu(0).notes[0].time - 1000 * per_round;
  EXPECT_EQ(around % kTestBlockCost, 0u);
  EXPECT_LT(around, 20 * kTestBlockCost);
}

TEST(Vcpu, WhatIsStolenComesOnTop) {
  TestMachine machine(2);
  machine.vcpu(0).Start(kLoop, 1000);
  machine.vcpu(1).Start(kLoop, 1000);
  machine.simulation.At(500 * sim::kNs, [&] { machine.vcpu(1).runner->Steal(3 * kUs); });
  machine.simulation.At(900 * sim::kNs, [&] { machine.vcpu(1).runner->Steal(2 * kUs); });  // while it is not running
  machine.simulation.Run(kMs);
  ASSERT_EQ(machine.vcpu(1).notes.size(), 1u);
  EXPECT_EQ(machine.vcpu(1).notes[0].time, machine.vcpu(0).notes[0].time + 5 * kUs);
}

TEST(Vcpu, StealsNothingFromOneThatSleeps) {
  TestMachine machine;
  TestVcpu& vcpu = machine.vcpu();
  vcpu.Start(kBlock);
  machine.simulation.At(3 * kUs, [&] {
    vcpu.runner->Steal(10 * kUs);
    machine.simulation.Wake(vcpu.runner->id(), 4 * kUs);
  });
  machine.simulation.Run();
  ASSERT_EQ(vcpu.notes.size(), 1u);
  EXPECT_LT(vcpu.notes[0].time, 4 * kUs + 5 * kTestBlockCost);
}

TEST(Vcpu, SeesNoEventLaterThanTheEndOfItsBlock) {
  TestMachine machine;
  std::vector<Ps> skew;
  machine.vcpu().Start(kLoop, 100000);
  for (Ps when = 12345; when < 30 * kUs; when += 777'777) {
    machine.simulation.At(when, [&, when] {
      EXPECT_EQ(machine.simulation.now(), when);
      EXPECT_GE(machine.vcpu().runner->local_time(), when);
      skew.push_back(machine.vcpu().runner->local_time() - when);
    });
  }
  machine.simulation.Run(kMs);
  ASSERT_FALSE(skew.empty());
  for (const Ps late : skew) EXPECT_LT(late, kTestBlockCost);
}

TEST(Vcpu, DeliversUpcallAtABlockBoundary) {
  TestMachine machine;
  TestVcpu& vcpu = machine.vcpu();
  vcpu.Start(kNested, 1000);
  machine.simulation.At(500 * sim::kNs, [&] { vcpu.RaiseUpcall(); });
  machine.simulation.Run(kMs);
  EXPECT_EQ(FirstWords(vcpu.notes), (std::vector<uint64_t>{0xcafe, 0xd0e}));
  ASSERT_EQ(vcpu.upcall_times.size(), 1u);
  EXPECT_GE(vcpu.upcall_times[0], 500 * sim::kNs);
  EXPECT_LT(vcpu.upcall_times[0], 500 * sim::kNs + kTestBlockCost);
  EXPECT_EQ(vcpu.runner->upcall_depth(), 0u);
}

TEST(Vcpu, NestsUpcalls) {
  TestMachine machine;
  TestVcpu& vcpu = machine.vcpu();
  vcpu.Start(kNested, 1000);
  machine.simulation.At(500 * sim::kNs, [&] { vcpu.RaiseUpcall(); });
  // While the first is in its handler, masked: the second comes when the handler unmasks.
  machine.simulation.At(750 * sim::kNs, [&] { vcpu.RaiseUpcall(); });
  machine.simulation.Run(kMs);
  ASSERT_EQ(vcpu.notes.size(), 3u);
  EXPECT_EQ(vcpu.notes[0].b, 1u);
  EXPECT_EQ(vcpu.notes[1].b, 2u);
  EXPECT_EQ(vcpu.notes[2], (Note{vcpu.notes[2].time, 0xd0e, 0}));
}

TEST(Vcpu, HoldsUpcallWhileMasked) {
  TestMachine machine;
  TestVcpu& vcpu = machine.vcpu();
  vcpu.Start(kMasked, 1000);
  machine.simulation.At(500 * sim::kNs, [&] { vcpu.RaiseUpcall(); });
  machine.simulation.Run(kMs);
  EXPECT_EQ(FirstWords(vcpu.notes), (std::vector<uint64_t>{1, 0xcafe, 2}));
}

TEST(Vcpu, SleepsInABlockingHypercallUntilWoken) {
  TestMachine machine;
  TestVcpu& vcpu = machine.vcpu();
  vcpu.Start(kBlock);
  machine.simulation.At(3 * kUs, [&] {
    EXPECT_TRUE(vcpu.runner->blocked());
    vcpu.runner->SetResult(77);
    machine.simulation.Wake(vcpu.runner->id(), 4 * kUs);
  });
  machine.simulation.Run();
  ASSERT_EQ(vcpu.notes.size(), 1u);
  EXPECT_EQ(vcpu.notes[0].a, 77u);
  EXPECT_GE(vcpu.notes[0].time, 4 * kUs);
  EXPECT_LT(vcpu.notes[0].time, 4 * kUs + 5 * kTestBlockCost);
}

TEST(Vcpu, WakesIntoAnUpcallBeforeTheHypercallReturns) {
  TestMachine machine;
  TestVcpu& vcpu = machine.vcpu();
  vcpu.Start(kBlock);
  machine.simulation.At(3 * kUs, [&] { vcpu.RaiseUpcall(); });
  machine.simulation.Run();
  EXPECT_EQ(FirstWords(vcpu.notes), (std::vector<uint64_t>{0xcafe, 55}));
}

TEST(Vcpu, ChargesWhatAccessesCost) {
  TestMachine machine;
  TestVcpu& vcpu = machine.vcpu();
  vcpu.Start(kMmio, kIoremapped);
  machine.simulation.Run();
  ASSERT_EQ(vcpu.accesses.size(), 3u);
  EXPECT_EQ(vcpu.accesses[0].a, kIoremapped);
  EXPECT_EQ(vcpu.accesses[0].b, 0x41234u);
  EXPECT_EQ(vcpu.accesses[1].time - vcpu.accesses[0].time, 10'000u);
  ASSERT_EQ(vcpu.notes.size(), 2u);
  EXPECT_EQ(vcpu.notes[0].a, 0xabcdu);
  EXPECT_EQ(vcpu.notes[0].time - vcpu.accesses[1].time, 500'000u);
  EXPECT_EQ(vcpu.notes[1].a, 0xcfeu);
}

TEST(Vcpu, BacktraceNamesTheWritesLine) {
  TestMachine machine;
  TestVcpu& vcpu = machine.vcpu();
  vcpu.Start(kMmio, kIoremapped);
  machine.simulation.Run();
  const auto frames = machine.Frames(vcpu.write_backtrace);
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames[0].line, TestGuestLine("LINE_MMIO"));
  EXPECT_EQ(frames[0].file, "driver/loader/test_guest.c");
}

TEST(Vcpu, EachHasItsPerCpuArea) {
  TestMachine machine(2, 3);
  for (unsigned domain = 0; domain < 2; ++domain) {
    for (unsigned cpu = 0; cpu < 3; ++cpu) machine.vcpu(domain, cpu).Start(kPercpu);
  }
  machine.simulation.Run();
  for (unsigned domain = 0; domain < 2; ++domain) {
    for (unsigned cpu = 0; cpu < 3; ++cpu) {
      const auto& notes = machine.vcpu(domain, cpu).notes;
      ASSERT_EQ(notes.size(), 6u);
      for (size_t i = 1; i < notes.size(); ++i) EXPECT_EQ(notes[i].a, 100 + cpu);
    }
  }
}

TEST(Vcpu, SwitchesTaskFibers) {
  TestMachine machine;
  machine.vcpu().Start(kFibers);
  machine.simulation.Run();
  EXPECT_EQ(FirstWords(machine.vcpu().notes), (std::vector<uint64_t>{1, 12, 121, 1212, 12121, 121212, 121212}));
  EXPECT_TRUE(machine.vcpu().crashes.empty());
}

TEST(Vcpu, KeepsJiffiesInStep) {
  TestMachine machine;
  machine.vcpu().Start(kJiffies);
  machine.simulation.Run();
  const auto& notes = machine.vcpu().notes;
  ASSERT_EQ(notes.size(), 4u);
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(notes[i].a, i - 2);  // base -3, across the wrap
    EXPECT_GE(notes[i].time, (i + 1) * 4 * kMs);
    EXPECT_LT(notes[i].time, (i + 1) * 4 * kMs + 2 * kUs);
  }
}

TEST(Vcpu, BlockHookFiresAtEveryBlockOfAFunction) {
  TestMachine machine;
  const auto& image = machine.domains[0]->loaded->image();
  const std::vector<uint32_t> blocks = image.BlocksOf("handler");
  ASSERT_FALSE(blocks.empty());
  std::vector<uint32_t> seen;
  EXPECT_EQ(machine.domains[0]->hooks.AddBlocks("handler", [&](VcpuRunner& vcpu, Ps) {
    seen.push_back(vcpu.hooked_block());
  }), static_cast<int>(blocks.size()));
  EXPECT_EQ(machine.domains[0]->hooks.AddBlocks("no/such/source.c", [](VcpuRunner&, Ps) {}), 0);
  machine.vcpu().Start(kNested, 100);
  machine.simulation.At(kUs, [&machine] { machine.vcpu().RaiseUpcall(); });
  machine.simulation.Run();
  ASSERT_FALSE(seen.empty());
  for (const uint32_t block : seen) EXPECT_EQ(image.block(block).function, "handler");
}

TEST(Vcpu, HookFiresAtEveryEntryAndChangesNoTime) {
  const auto run = [](TestMachine& machine) {
    machine.vcpu().Start(kNested, 100);
    for (Ps when = kUs; when < 5 * kUs; when += kUs) {
      machine.simulation.At(when, [&machine] { machine.vcpu().RaiseUpcall(); });
    }
    machine.simulation.Run();
  };
  TestMachine machine(2);
  std::vector<Ps> entries;
  EXPECT_EQ(machine.domains[0]->hooks.Add("handler", [&](VcpuRunner& vcpu, Ps entry) {
    EXPECT_EQ(&vcpu, machine.vcpu().runner.get());
    EXPECT_EQ(entry, vcpu.local_time() - kTestBlockCost);
    entries.push_back(entry);
  }), 1);
  EXPECT_EQ(machine.domains[0]->hooks.Add("no_such_function", [](VcpuRunner&, Ps) {}), 0);
  run(machine);
  EXPECT_EQ(entries.size(), machine.vcpu().upcall_times.size());
  EXPECT_EQ(entries.size(), 4u);
  // The other domain, unhooked, doing the same at the same times later.
  machine.vcpu(1).Start(kNested, 100, machine.simulation.now());
  const Ps offset = machine.simulation.now();
  for (Ps when = kUs; when < 5 * kUs; when += kUs) {
    machine.simulation.At(offset + when, [&machine] { machine.vcpu(1).RaiseUpcall(); });
  }
  machine.simulation.Run();
  ASSERT_EQ(machine.vcpu(1).notes.size(), machine.vcpu(0).notes.size());
  for (size_t i = 0; i < machine.vcpu(0).notes.size(); ++i) {
    EXPECT_EQ(machine.vcpu(1).notes[i].time - offset, machine.vcpu(0).notes[i].time);
  }
}

TEST(Vcpu, CountsTheBlocksThatRan) {
  TestMachine machine(2);
  EXPECT_EQ(machine.domains[0]->loaded->blocks_run(), 0u);
  machine.vcpu(0).Start(kLoop, 10);
  machine.vcpu(1).Start(kLoop, 100000);
  machine.simulation.Run();
  const LoadedImage& first = *machine.domains[0]->loaded;
  const auto ran = [&](const char* function) { return first.has_run(machine.image->EntryBlocks(function)[0]); };
  EXPECT_TRUE(ran("work"));
  EXPECT_TRUE(ran("guest_boot"));
  EXPECT_FALSE(ran("recurse"));
  const auto coverage = first.Coverage();
  ASSERT_EQ(coverage.size(), 1u);
  EXPECT_EQ(coverage[0].blocks_run, first.blocks_run());
  EXPECT_EQ(coverage[0].blocks_total, machine.image->block_count());
  EXPECT_LT(coverage[0].blocks_run, coverage[0].blocks_total);
  // How long it ran does not matter.
  EXPECT_EQ(first.blocks_run(), machine.domains[1]->loaded->blocks_run());
}

TEST(Vcpu, FourDomainsOfTwoRunTheSameTwice) {
  std::vector<std::vector<Note>> seen;
  TestMachine machine(4, 2);
  for (unsigned round = 0; round < 2; ++round) {
    const Ps start = machine.simulation.now();
    for (unsigned domain = 0; domain < 4; ++domain) {
      for (unsigned cpu = 0; cpu < 2; ++cpu) {
        TestVcpu& vcpu = machine.vcpu(domain, cpu);
        vcpu.notes.clear();
        vcpu.Start(kNested, 1000 + 10 * cpu, start);
        machine.simulation.At(start + 700'000 + 1'000 * domain, [&vcpu] { vcpu.RaiseUpcall(); });
      }
    }
    machine.simulation.Run();
    for (unsigned domain = 0; domain < 4; ++domain) {
      for (unsigned cpu = 0; cpu < 2; ++cpu) {
        TestVcpu& vcpu = machine.vcpu(domain, cpu);
        for (Note& note : vcpu.notes) note.time -= start;
        EXPECT_EQ(vcpu.notes.size(), 2u);
        seen.push_back(vcpu.notes);
        vcpu.runner->Halt();
      }
    }
  }
  ASSERT_EQ(seen.size(), 16u);
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(seen[i], seen[i + 8]);
}

TEST(Vcpu, HaltedRunsNoMore) {
  TestMachine machine;
  TestVcpu& vcpu = machine.vcpu();
  vcpu.Start(kPoll);
  machine.simulation.At(3 * kUs, [&] { vcpu.runner->Halt(); });
  machine.simulation.Run();
  EXPECT_TRUE(vcpu.runner->halted());
  EXPECT_LT(machine.simulation.now(), 5 * kUs);
  vcpu.Start(kHypercalls, 1, machine.simulation.now());
  machine.simulation.Run();
  EXPECT_EQ(vcpu.notes.size(), 2u);
}

}  // namespace
}  // namespace pvpci::driver
