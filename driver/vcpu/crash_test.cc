// SPDX-License-Identifier: Apache-2.0
#include "driver/vcpu/crash.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <iterator>

#include "driver/vcpu/test_machine.h"

namespace pvpci::driver {
namespace {

using sim::kMs;
using sim::kUs;

// Runs `test` in domain 0 while domain 1 works, and returns the report; the other domain must come to its end.
class Crash : public testing::Test {
 protected:
  const CrashReport& Of(GuestTest test, uint64_t parameter = 0, VcpuConfig config = {}) {
    machine = std::make_unique<TestMachine>(2, 1, config);
    machine->vcpu(0).Start(test, parameter);
    machine->vcpu(1).Start(kNested, 100000);
    machine->simulation.Run();
    EXPECT_EQ(machine->vcpu(1).notes.size(), 1u) << "the other domain stopped too";
    EXPECT_TRUE(machine->vcpu(0).runner->halted());
    static const CrashReport kNone{};
    EXPECT_EQ(machine->vcpu(0).crashes.size(), 1u);
    if (machine->vcpu(0).crashes.empty()) return kNone;
    frames = machine->Frames(machine->vcpu(0).crashes[0].backtrace);
    frames.resize(std::max<size_t>(frames.size(), 8));
    return machine->vcpu(0).crashes[0];
  }

  std::unique_ptr<TestMachine> machine;
  std::vector<SourceFrame> frames;
};

TEST_F(Crash, NamesTheLineOfANullDereference) {
  const CrashReport& report = Of(kNull);
  EXPECT_EQ(report.kind, CrashKind::kNullPointer);
  EXPECT_EQ(report.message, "NULL pointer: write at 0x8");
  EXPECT_EQ(report.fault_address, 8u);
  EXPECT_EQ(frames[0].function, "inlined_write");
  EXPECT_EQ(frames[0].line, TestGuestLine("LINE_WRITE"));
  EXPECT_TRUE(frames[0].inlined);
  EXPECT_EQ(frames[1].function, "touch");
  EXPECT_EQ(frames[1].line, TestGuestLine("LINE_TOUCH"));
  EXPECT_EQ(frames[2].function, "caller_of_touch");
  EXPECT_EQ(frames[2].line, TestGuestLine("LINE_CALLER"));
  EXPECT_EQ(frames[3].function, "guest_boot");
}

TEST_F(Crash, KnowsAStackOverflow) {
  const CrashReport& report = Of(kOverflow);
  EXPECT_EQ(report.kind, CrashKind::kStackOverflow);
  EXPECT_EQ(frames[0].function, "recurse");
  EXPECT_EQ(frames[5].function, "recurse");
}

TEST_F(Crash, KnowsABug) {
  const CrashReport& report = Of(kBug);
  EXPECT_EQ(report.kind, CrashKind::kBug);
  EXPECT_EQ(frames[0].function, "guest_boot");
}

TEST_F(Crash, TellsAnIomemDereference) {
  const CrashReport& report = Of(kIomem, kIoremapped + 8);
  EXPECT_EQ(report.kind, CrashKind::kMmioAccess);
  EXPECT_EQ(report.message, "direct write of BAR0 of 0000:01:00.0: an __iomem pointer was dereferenced");
}

TEST_F(Crash, SaysWhereAWildAccessWent) {
  const CrashReport& report = Of(kIomem, DomainSpace::kVmallocBase + 0x123000);
  EXPECT_EQ(report.kind, CrashKind::kOops);
  EXPECT_EQ(report.message, "write at vmalloc area + 0x123000");
}

TEST_F(Crash, KnowsAPanicWithItsText) {
  const CrashReport& report = Of(kPanic);
  EXPECT_EQ(report.kind, CrashKind::kPanic);
  EXPECT_EQ(report.message, "a string in the image");
}

TEST_F(Crash, NamesAFunctionThatNobodySupplies) {
  const CrashReport& report = Of(kDummy);
  EXPECT_EQ(report.kind, CrashKind::kDummy);
  EXPECT_EQ(report.message, "a string in the image is supplied by nobody");
}

TEST_F(Crash, KnowsADivideError) { EXPECT_EQ(Of(kDivide).kind, CrashKind::kDivide); }

TEST_F(Crash, FindsTheCallerOfACallToNowhere) {
  const CrashReport& report = Of(kJumpNull);
  EXPECT_EQ(report.kind, CrashKind::kNullPointer);
  EXPECT_EQ(report.message, "NULL pointer: execution at 0x0");
  EXPECT_EQ(frames[0].function, "guest_boot");
}

TEST_F(Crash, KnowsAPrivilegedInstruction) { EXPECT_EQ(Of(kPrivileged).kind, CrashKind::kOops); }

TEST_F(Crash, KnowsAnEntryThatReturned) { EXPECT_EQ(Of(kReturn).kind, CrashKind::kExited); }

TEST_F(Crash, StopsALoopWithoutProgress) {
  VcpuConfig config;
  config.quiet_limit = kMs;
  const CrashReport& report = Of(kHang, 0, config);
  EXPECT_EQ(report.kind, CrashKind::kHung);
  EXPECT_GT(report.time, kMs);
  EXPECT_LT(report.time, 8 * kMs);
  EXPECT_EQ(frames[0].function, "__sanitizer_cov_trace_pc_guard");
  EXPECT_EQ(frames[1].function, "guest_boot");
}

TEST_F(Crash, StopsALoopWithoutProgressUnderInterrupts) {
  VcpuConfig config;
  config.quiet_limit = kMs;
  machine = std::make_unique<TestMachine>(1, 1, config);
  TestVcpu& vcpu = machine->vcpu();
  vcpu.Start(kHang);
  for (Ps when = 100 * kUs; when < 5 * kMs; when += 100 * kUs) {
    machine->simulation.At(when, [&] { vcpu.RaiseUpcall(); });
  }
  machine->simulation.Run();
  ASSERT_EQ(vcpu.crashes.size(), 1u);
  EXPECT_EQ(vcpu.crashes[0].kind, CrashKind::kHung);
  EXPECT_LT(vcpu.crashes[0].time, 2 * kMs);
  EXPECT_GE(vcpu.upcall_times.size(), 9u);
}

TEST_F(Crash, StopsALoopThatPollsForEver) {
  VcpuConfig config;
  config.busy_limit = 10 * kMs;
  const CrashReport& report = Of(kPoll, 0, config);
  EXPECT_EQ(report.kind, CrashKind::kHung);
  EXPECT_LT(report.time, 15 * kMs);
}

TEST(Warning, IsReportedAndTheGuestGoesOn) {
  TestMachine machine;
  machine.vcpu().Start(kWarn);
  machine.simulation.Run();
  EXPECT_TRUE(machine.vcpu().crashes.empty());
  EXPECT_EQ(machine.vcpu().notes.size(), 1u);
  // WARN twice, WARN_ONCE once.
  ASSERT_EQ(machine.vcpu().warnings.size(), 3u);
  const auto frames = machine.Frames(machine.vcpu().warnings[0].backtrace);
  EXPECT_EQ(frames[0].function, "warn_twice");
  EXPECT_EQ(frames[0].line, TestGuestLine("LINE_WARN"));
}

TEST(Fixup, ContinuesAfterAFaultThatTheGuestExpected) {
  TestMachine machine;
  machine.vcpu().Start(kFixup);
  machine.simulation.Run();
  EXPECT_TRUE(machine.vcpu().crashes.empty());
  ASSERT_EQ(machine.vcpu().notes.size(), 2u);
  EXPECT_EQ(static_cast<int64_t>(machine.vcpu().notes[0].a), -14);
  EXPECT_EQ(machine.vcpu().notes[1].a, 0u);
  EXPECT_EQ(machine.vcpu().notes[1].b, 7u);
}

TEST(Gdb, StopsOnTheGuestsStackAtItsTime) {
  TestMachine machine;
  static Ps stopped_at = 0;
  static VcpuRunner* runner = nullptr;
  runner = machine.vcpu().runner.get();
  signal(SIGTRAP, [](int) { stopped_at = runner->local_time(); });
  machine.vcpu().Start(kLoop, 10000);
  runner->DebugStopAt(3 * kUs);
  machine.simulation.Run();
  EXPECT_GE(stopped_at, 3 * kUs);
  EXPECT_LT(stopped_at, 3 * kUs + kTestBlockCost);
  EXPECT_EQ(machine.vcpu().notes.size(), 1u);
}

TEST(Gdb, CommandsNameEveryImage) {
  TestMachine machine(2);
  const std::string path = std::string(std::getenv("TEST_TMPDIR") ? std::getenv("TEST_TMPDIR") : "/tmp") + "/gdb.txt";
  WriteGdbCommands(path, {machine.domains[0]->loaded.get(), machine.domains[1]->loaded.get()});
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(text.find(machine.domains[0]->loaded->GdbSymbolCommand()), std::string::npos);
  EXPECT_NE(text.find(machine.domains[1]->loaded->GdbSymbolCommand()), std::string::npos);
}

TEST(BenchFault, IsNotTheGuests) {
  TestMachine machine;
  volatile uint64_t nowhere = 16;
  machine.simulation.At(0, [&] { *reinterpret_cast<volatile int*>(nowhere) = 1; });
  EXPECT_DEATH(machine.simulation.Run(), "");
}

}  // namespace
}  // namespace pvpci::driver
