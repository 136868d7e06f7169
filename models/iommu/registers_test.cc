// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/registers.h"

#include <gtest/gtest.h>

#include "sim/register_contract.h"

namespace pvpci::iommu {
namespace {

TEST(Registers, KeepTheContract) { sim::RegisterContract(kRegisters); }

TEST(FaultRegister, KeepsTheContract) { sim::RegisterContract(kFaultRegister); }

TEST(Registers, LieWhereTheSpecificationPutsThem) {
  EXPECT_EQ(OffsetOf("GCMD"), 0x18u);
  EXPECT_EQ(OffsetOf("FSTS"), 0x34u);
  EXPECT_EQ(OffsetOf("IQA"), 0x90u);
  EXPECT_EQ(OffsetOf("IRTA"), 0xB8u);
  EXPECT_LE(kRegisters.back().end(), kFaultOffset);
}

}  // namespace
}  // namespace pvpci::iommu
