// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/invalidation_queue.h"

#include <gtest/gtest.h>

#include "models/iommu/registers.h"
#include "models/iommu/test_bench.h"

namespace pvpci::iommu {
namespace {

// Drives the queue by hand: descriptors from the first slot on.
class Queue : public testing::Test {
 protected:
  void SetUp() override {
    base_ = bench_.memory.NewTable();
    status_ = bench_.memory.NewTable();
    bench_.iommu.WriteRegister(OffsetOf("IQA"), base_, 8);
    bench_.iommu.WriteRegister(OffsetOf("GCMD"), Gcmd::QueuedInvalidation::kMask, 4);
  }
  void Put(const InvalidationDescriptor& d) {
    bench_.memory.memory.Write(base_ + 16 * tail_, &d, sizeof d);
    tail_ = (tail_ + 1) % 256;
  }
  void Ring() { bench_.iommu.WriteRegister(OffsetOf("IQT"), QueuePointer::Index::Of(tail_), 8); }
  uint64_t head() { return QueuePointer::Index::Get(bench_.iommu.ReadRegister(OffsetOf("IQH"), 8)); }
  bool error() { return Fsts::QueueError::Get(bench_.iommu.ReadRegister(OffsetOf("FSTS"), 4)) != 0; }
  uint64_t information() {
    return QueueErrorRecord::Information::Get(bench_.iommu.ReadRegister(OffsetOf("IQERCD"), 8));
  }
  uint32_t status() { return bench_.memory.memory.Load<uint32_t>(status_); }

  TestBench bench_;
  uint64_t base_ = 0;
  uint64_t status_ = 0;
  uint64_t tail_ = 0;
};

TEST_F(Queue, ExecutesUpToTheTailAndWritesTheStatus) {
  Put(InvalidationDescriptor::Contexts());
  Put(InvalidationDescriptor::Iotlb());
  Put(InvalidationDescriptor::InterruptEntries());
  Put(InvalidationDescriptor::Wait(status_, 0xCAFE));
  EXPECT_EQ(status(), 0u);
  Ring();
  EXPECT_EQ(status(), 0xCAFEu);
  EXPECT_EQ(head(), 4u);
  EXPECT_EQ(bench_.iommu.counters().invalidations, 3u);
}

// For software that polls while time passes: the invalidation is done at once, its status comes later.
TEST(QueueOfPollingSoftware, WritesTheStatusWhenTheTimeHasPassed) {
  IommuConfig config;
  config.wait_status_later = true;
  TestBench bench(config);
  const uint64_t base = bench.memory.NewTable(), status = bench.memory.NewTable();
  bench.iommu.WriteRegister(OffsetOf("IQA"), base, 8);
  bench.iommu.WriteRegister(OffsetOf("GCMD"), Gcmd::QueuedInvalidation::kMask, 4);
  const InvalidationDescriptor descriptors[] = {InvalidationDescriptor::Iotlb(),
                                                InvalidationDescriptor::Wait(status, 0xCAFE)};
  bench.memory.memory.Write(base, descriptors, sizeof descriptors);
  bench.iommu.WriteRegister(OffsetOf("IQT"), QueuePointer::Index::Of(2), 8);
  EXPECT_EQ(bench.iommu.counters().invalidations, 1u);
  EXPECT_EQ(bench.memory.memory.Load<uint32_t>(status), 0u);
  bench.simulation.Run(config.invalidation_wait - 1);
  EXPECT_EQ(bench.memory.memory.Load<uint32_t>(status), 0u);
  bench.simulation.Run(config.invalidation_wait);
  EXPECT_EQ(bench.memory.memory.Load<uint32_t>(status), 0xCAFEu);
}

TEST_F(Queue, WrapsAtItsEnd) {
  for (int i = 0; i < 1000; ++i) {
    Put(InvalidationDescriptor::IotlbOfDomain(1));
    Put(InvalidationDescriptor::Wait(status_, static_cast<uint32_t>(i)));
    Ring();
    ASSERT_EQ(status(), static_cast<uint32_t>(i));
  }
  EXPECT_EQ(head(), 2000u % 256);
}

TEST_F(Queue, StopsAtAnUnknownDescriptorUntilSoftwareClearsTheError) {
  Put({InvalidationDescriptor::kDeviceTlb, 0});
  Put(InvalidationDescriptor::Wait(status_, 1));
  Ring();
  EXPECT_TRUE(error());
  EXPECT_EQ(information(), 3u);
  EXPECT_EQ(status(), 0u);
  EXPECT_EQ(head(), 0u);
  const InvalidationDescriptor good = InvalidationDescriptor::Iotlb();
  bench_.memory.memory.Write(base_, &good, sizeof good);
  bench_.iommu.WriteRegister(OffsetOf("FSTS"), Fsts::QueueError::kMask, 4);
  EXPECT_FALSE(error());
  EXPECT_EQ(status(), 1u);
}

TEST_F(Queue, RefusesReservedBits) {
  InvalidationDescriptor d = InvalidationDescriptor::Contexts();
  d.high = 1;
  Put(d);
  Ring();
  EXPECT_TRUE(error());
  EXPECT_EQ(information(), 4u);
}

TEST_F(Queue, RefusesATailBeyondItsSize) {
  bench_.iommu.WriteRegister(OffsetOf("IQT"), QueuePointer::Index::Of(256), 8);
  EXPECT_TRUE(error());
  EXPECT_EQ(information(), 1u);
}

TEST_F(Queue, ReportsAFetchFromNowhere) {
  bench_.iommu.WriteRegister(OffsetOf("IQA"), uint64_t{1} << 40, 8);
  Put(InvalidationDescriptor::Iotlb());
  Ring();
  EXPECT_TRUE(error());
  EXPECT_EQ(information(), 2u);
}

TEST_F(Queue, CompletesByInterruptToo) {
  unsigned sent = 0;
  bench_.iommu.OnEvent([&](uint64_t, uint32_t) { ++sent; });
  InvalidationDescriptor d = InvalidationDescriptor::Wait(0, 0);
  d.low = InvalidationDescriptor::kWait | InvalidationDescriptor::WaitInterrupt::kMask;
  Put(d);
  Ring();
  EXPECT_EQ(sent, 0u) << "masked after reset";
  bench_.iommu.WriteRegister(OffsetOf("IECTL"), 0, 4);
  EXPECT_EQ(sent, 1u);
  EXPECT_EQ(bench_.iommu.ReadRegister(OffsetOf("ICS"), 4), 1u);
  bench_.iommu.WriteRegister(OffsetOf("ICS"), 1, 4);
  EXPECT_EQ(bench_.iommu.ReadRegister(OffsetOf("ICS"), 4), 0u);
}

}  // namespace
}  // namespace pvpci::iommu
