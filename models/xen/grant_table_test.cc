// SPDX-License-Identifier: Apache-2.0
#include "models/xen/test_machine.h"

namespace pvpci::xen {
namespace {

constexpr uint32_t kRef = 8;
constexpr unsigned kPage = 9;

struct Granted {
  Granted() : granter(machine.Add(1)), mapper(machine.Add(0)) {
    abi::GrantSetupTable setup{sim::kDomSelf, 0, 1, 0, {}, granter.Va(1)};
    EXPECT_EQ(machine.Op(granter, abi::kGrantTableOp, 2, setup), 0);
    EXPECT_EQ(setup.status, abi::kGntOkay);
    const sim::Mfn frame = granter.Page<uint64_t>(1)[0];
    EXPECT_EQ(machine.Raw(granter, abi::kUpdateVaMapping,
                          {granter.vmalloc, frame << 12 | abi::kPtePresent | abi::kPteWrite, 0, 0, 0}).value, 0);
    entry()->domid = 0;
    entry()->frame = static_cast<uint32_t>(granter.Mfn(kPage));
    entry()->flags = abi::kGtfPermitAccess;
  }
  abi::GrantEntryV1* entry() { return reinterpret_cast<abi::GrantEntryV1*>(granter.vmalloc) + kRef; }
  uint64_t Leaf() { return *machine.xen.mmu().LeafEntry(mapper.vcpu(), mapper.vmalloc); }
  abi::GrantMap Map(uint32_t flags = abi::kGntmapHost | abi::kGntmapContainsPte, uint32_t ref = kRef, sim::DomId dom = 1) {
    abi::GrantMap map{Leaf(), flags, ref, dom, 0, 0, 0};
    EXPECT_EQ(machine.Op(mapper, abi::kGrantTableOp, 0, map), 0);
    return map;
  }
  int16_t Unmap(uint32_t handle) {
    abi::GrantUnmap unmap{Leaf(), 0, handle, 0, 0};
    EXPECT_EQ(machine.Op(mapper, abi::kGrantTableOp, 1, unmap), 0);
    return unmap.status;
  }
  TestMachine machine;
  TestDomain& granter;
  TestDomain& mapper;
};

TEST(Grants, MappedFrameIsSharedMemoryUntilUnmapped) {
  Granted granted;
  const abi::GrantMap map = granted.Map();
  ASSERT_EQ(map.status, abi::kGntOkay);
  EXPECT_EQ(map.dev_bus_addr, granted.granter.Mfn(kPage) << 12);
  EXPECT_EQ(granted.entry()->flags, abi::kGtfPermitAccess | abi::kGtfReading | abi::kGtfWriting);
  *reinterpret_cast<uint32_t*>(granted.mapper.vmalloc) = 0xabcd;
  EXPECT_EQ(granted.granter.Page<uint32_t>(kPage)[0], 0xabcdu);
  EXPECT_EQ(granted.machine.memory.frame(granted.granter.Mfn(kPage)).grant_maps, 1u);
  EXPECT_EQ(granted.Unmap(map.handle), abi::kGntOkay);
  EXPECT_EQ(granted.entry()->flags, abi::kGtfPermitAccess);
  EXPECT_TRUE(granted.mapper.space->mapped.empty());
  EXPECT_EQ(granted.machine.memory.frame(granted.granter.Mfn(kPage)).grant_maps, 0u);
  EXPECT_EQ(granted.Unmap(map.handle), abi::kGntBadHandle);
}

// X:xen/common/grant_table.c, gnttab_setup_table: GNTST_general_error when the table cannot grow.
TEST(Grants, ATableDoesNotGrowWithoutMemory) {
  Granted granted;
  for (sim::Mfn mfn = 0; mfn < granted.machine.memory.frame_count(); ++mfn) granted.machine.xen.frames().Take(1, mfn);
  abi::GrantSetupTable setup{sim::kDomSelf, 0, 2, 0, {}, granted.granter.Va(1)};
  EXPECT_EQ(granted.machine.Op(granted.granter, abi::kGrantTableOp, 2, setup), 0);
  EXPECT_EQ(setup.status, abi::kGntGeneralError);
  setup.nr_frames = 1;
  EXPECT_EQ(granted.machine.Op(granted.granter, abi::kGrantTableOp, 2, setup), 0);
  EXPECT_EQ(setup.status, abi::kGntOkay) << "what it has it keeps";
}

TEST(Grants, StatusesOfAbi) {
  Granted granted;
  EXPECT_EQ(granted.Map(abi::kGntmapHost | abi::kGntmapContainsPte, kRef, 9).status, abi::kGntBadDomain);
  EXPECT_EQ(granted.Map(abi::kGntmapHost | abi::kGntmapContainsPte, 99999).status, abi::kGntBadGntref);
  EXPECT_EQ(granted.Map(abi::kGntmapHost | abi::kGntmapContainsPte, kRef + 1).status, abi::kGntGeneralError);
  granted.entry()->flags |= abi::kGtfReadonly;
  EXPECT_EQ(granted.Map().status, abi::kGntGeneralError);
  EXPECT_EQ(granted.Map(abi::kGntmapHost | abi::kGntmapContainsPte | abi::kGntmapReadonly).status, abi::kGntOkay);
  granted.entry()->frame = 3;
  granted.entry()->flags = abi::kGtfPermitAccess;
  EXPECT_EQ(granted.Map().status, abi::kGntBadPage);
}

TEST(Grants, DeadGrantersFrameLivesUntilTheLastUnmap) {
  Granted granted;
  const abi::GrantMap map = granted.Map();
  const sim::Mfn mfn = granted.granter.Mfn(kPage);
  EXPECT_EQ(granted.machine.xen.DestroyDomain(1), 0);
  EXPECT_EQ(granted.machine.memory.frame(mfn).owner, 1);
  EXPECT_EQ(granted.Unmap(map.handle), abi::kGntOkay);
  EXPECT_EQ(granted.machine.memory.frame(mfn).owner, sim::kDomNone);
}

TEST(Grants, QueryAndVersion) {
  Granted granted;
  abi::GrantQuerySize query{sim::kDomSelf, 0, 0, 0, 0, 0};
  EXPECT_EQ(granted.machine.Op(granted.granter, abi::kGrantTableOp, 6, query), 0);
  EXPECT_EQ(query.nr_frames, 1u);
  EXPECT_EQ(query.max_nr_frames, 64u);
  abi::GrantVersion version{2};
  EXPECT_EQ(granted.machine.Op(granted.granter, abi::kGrantTableOp, 8, version), -abi::kENOSYS);
  version.version = 1;
  EXPECT_EQ(granted.machine.Op(granted.granter, abi::kGrantTableOp, 8, version), 0);
}

}  // namespace
}  // namespace pvpci::xen
