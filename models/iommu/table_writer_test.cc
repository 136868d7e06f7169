// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/table_writer.h"

#include <gtest/gtest.h>

#include "models/iommu/test_bench.h"
#include "sim/check.h"

namespace pvpci::iommu {
namespace {

using sim::kNs;

constexpr uint16_t kDomU = 2;

TEST(TableWriter, ChargesInvalidationsOnlyWhereTheyAreNeeded) {
  TestBench bench;
  EXPECT_EQ(bench.writer.Enable(), 1400 * kNs);
  bench.writer.SetContext(kNic, kDomU);
  EXPECT_EQ(bench.writer.MapPage(kDomU, 5, 100, true, true), 100 * kNs);
  EXPECT_EQ(bench.writer.MapPage(kDomU, 5, 100, true, true), 100 * kNs) << "no change";
  EXPECT_EQ(bench.writer.MapPage(kDomU, 5, 100, true, false), 800 * kNs);
  EXPECT_EQ(bench.writer.UnmapPage(kDomU, 5), 800 * kNs);
  EXPECT_EQ(bench.writer.UnmapPage(kDomU, 5), 0u);
}

TEST(TableWriter, RemappingAPageTakesEffectAtOnce) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  bench.writer.MapPage(kDomU, 5, 100, true, true);
  ASSERT_TRUE(bench.Allowed(kNic, 5 << 12, true));
  bench.writer.MapPage(kDomU, 5, 101, true, false);
  EXPECT_FALSE(bench.Allowed(kNic, 5 << 12, true));
  ASSERT_TRUE(bench.Allowed(kNic, 5 << 12, false));
  EXPECT_EQ(bench.translation.host_address, 101u << 12);
}

TEST(TableWriter, ABatchLeavesStaleTranslationsUntilItEnds) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  bench.writer.MapPage(kDomU, 5, 100, true, true);
  ASSERT_TRUE(bench.Allowed(kNic, 5 << 12, true));
  bench.writer.BeginBatch();
  EXPECT_EQ(bench.writer.UnmapPage(kDomU, 5), 100 * kNs);
  EXPECT_TRUE(bench.Allowed(kNic, 5 << 12, true));
  EXPECT_EQ(bench.writer.EndBatch(), 700 * kNs);
  EXPECT_FALSE(bench.Allowed(kNic, 5 << 12, true));
}

TEST(TableWriter, WithoutMemoryForATableNothingChangesForADevice) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  bench.writer.MapPage(kDomU, 5, 100, true, true);
  const uint64_t tables = bench.writer.table_frames();
  bench.memory.full = true;
  EXPECT_THROW(bench.writer.MapPage(kDomU, 1 << 20, 101, true, true), sim::OutOfResources);
  EXPECT_THROW(bench.writer.SetContext(kNic, kDomU + 1), sim::OutOfResources);
  EXPECT_EQ(bench.writer.table_frames(), tables);
  EXPECT_FALSE(bench.Allowed(kNic, uint64_t{1} << 32, true));
  EXPECT_TRUE(bench.Allowed(kNic, 5 << 12, true));
  bench.writer.MapPage(kDomU, 6, 102, true, true);  // needs no table
  bench.memory.full = false;
  bench.writer.MapPage(kDomU, 1 << 20, 101, true, true);
  EXPECT_TRUE(bench.Allowed(kNic, uint64_t{1} << 32, true));
}

TEST(TableWriter, SplitsASuperpageAroundAnUnmappedPage) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  bench.writer.MapPage(kDomU, 512, 512, true, true, 9);
  ASSERT_TRUE(bench.Allowed(kNic, (512 + 7) << 12, true));
  EXPECT_EQ(bench.translation.host_address, (512u + 7) << 12);
  bench.writer.UnmapPage(kDomU, 512 + 7);
  EXPECT_FALSE(bench.Allowed(kNic, (512 + 7) << 12, true));
  ASSERT_TRUE(bench.Allowed(kNic, (512 + 8) << 12, true));
  EXPECT_EQ(bench.translation.host_address, (512u + 8) << 12);
  EXPECT_EQ(bench.writer.Find(kDomU, 512 + 8)->host_page, 512u + 8);
  EXPECT_FALSE(bench.writer.Find(kDomU, 512 + 7));
}

TEST(TableWriter, LeavesASuperpageWholeWhereItSaysTheSame) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.MapPage(kDomU, 512, 512, true, true, 9);
  const uint64_t frames = bench.writer.table_frames();
  bench.writer.MapPage(kDomU, 512 + 7, 512 + 7, true, true);
  EXPECT_EQ(bench.writer.table_frames(), frames);
  bench.writer.MapPage(kDomU, 512 + 7, 512 + 7, true, false);
  EXPECT_EQ(bench.writer.table_frames(), frames + 1);
  EXPECT_FALSE(bench.writer.Find(kDomU, 512 + 7)->write);
  EXPECT_TRUE(bench.writer.Find(kDomU, 512 + 6)->write);
}

TEST(TableWriter, MovesAFunctionBetweenDomains) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.MapPage(1, 5, 100, true, true);
  bench.writer.MapPage(2, 5, 200, true, true);
  bench.writer.SetContext(kNic, 1);
  ASSERT_TRUE(bench.Allowed(kNic, 5 << 12, true));
  EXPECT_EQ(bench.translation.host_address, 100u << 12);
  bench.writer.SetContext(kNic, 2);
  ASSERT_TRUE(bench.Allowed(kNic, 5 << 12, true));
  EXPECT_EQ(bench.translation.host_address, 200u << 12);
  bench.writer.ClearContext(kNic);
  EXPECT_FALSE(bench.Allowed(kNic, 5 << 12, true));
  EXPECT_EQ(bench.reason, FaultReason::kContextNotPresent);
}

TEST(TableWriter, FreesADomainsTablesOnceNothingIsAttached) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  bench.writer.MapPage(kDomU, 5, 100, true, true);
  EXPECT_THROW(bench.writer.DestroyDomain(kDomU), sim::BenchError);
  bench.writer.ClearContext(kNic);
  const uint64_t in_use = bench.writer.table_frames();
  bench.writer.DestroyDomain(kDomU);
  EXPECT_EQ(bench.memory.freed, 4u);
  EXPECT_EQ(bench.writer.table_frames(), in_use - 4);
}

TEST(TableWriter, KeepsTablesInTypedFramesOfTheHypervisor) {
  IommuConfig config;
  config.remap_interrupts = true;
  TestBench bench(config);
  bench.writer.Enable();
  const sim::Frame& root = bench.memory.memory.frame(bench.writer.root_table() >> 12);
  EXPECT_EQ(root.type, sim::FrameType::kIommuTable);
  EXPECT_EQ(root.owner, sim::kDomXen);
  EXPECT_EQ(bench.memory.memory.frame(bench.writer.IrteAddress(0) >> 12).type, sim::FrameType::kIrt);
}

TEST(TableWriter, RunsOutOfInterruptEntries) {
  IommuConfig config;
  config.remap_interrupts = true;
  TableWriterConfig writer_config;
  writer_config.interrupt_entries = 256;
  TestBench bench(config, writer_config);
  bench.writer.Enable();
  EXPECT_EQ(bench.writer.AllocateIrte(32), 0u);
  for (unsigned i = 32; i < 256; ++i) EXPECT_EQ(bench.writer.AllocateIrte(), i);
  EXPECT_FALSE(bench.writer.AllocateIrte());
  bench.writer.FreeIrte(0, 32);
  EXPECT_EQ(bench.writer.AllocateIrte(16), 0u);
}

TEST(TableWriter, SurvivesManyQueueRounds) {
  TestBench bench;
  bench.writer.Enable();
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(bench.writer.FlushIotlbDomain(kDomU), 700 * kNs);
}

}  // namespace
}  // namespace pvpci::iommu
