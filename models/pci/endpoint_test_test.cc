// SPDX-License-Identifier: Apache-2.0
// The endpoint test function, driven as drivers/misc/pci_endpoint_test.c drives it.
#include "models/pci/endpoint_test.h"

#include "models/pci/test_rig.h"

namespace pvpci::pci::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kApic = 0xFEE01000;
constexpr uint64_t kCommand = 0x04, kStatus = 0x08, kSource = 0x0c, kDestination = 0x14, kSize = 0x1c, kChecksum = 0x20,
                   kIrqType = 0x24, kIrqNumber = 0x28;

class Driven : public Rig {
 public:
  explicit Driven(EndpointTestConfig config = {}) : Rig(OnePort(std::make_unique<EndpointTest>(config))) {
    EnableMaster("nic");
    EnableMsi("nic", kApic, 0x40);
  }
  void Transfer(uint32_t command, uint64_t source, uint64_t destination, uint32_t size) {
    Store("nic", kSource, static_cast<uint32_t>(source));
    Store("nic", kSource + 4, static_cast<uint32_t>(source >> 32));
    Store("nic", kDestination, static_cast<uint32_t>(destination));
    Store("nic", kDestination + 4, static_cast<uint32_t>(destination >> 32));
    Store("nic", kSize, size);
    Store("nic", kIrqType, irq_type);
    Store("nic", kIrqNumber, 1);
    Store("nic", kCommand, command);
    simulation.Run();
  }
  uint32_t Status() { return static_cast<uint32_t>(Load("nic", kStatus)); }
  // What the driver's handler does.
  void Handle() {
    const uint32_t status = Status();
    Store("nic", kStatus, status & ~0x40u);
    simulation.Run();
  }
  uint32_t irq_type = 1;
};

const uint32_t kSizes[] = {1, 1024, 1025, 102400, 102401};

TEST(EndpointTest, IsBoundByTheDriverWithItsDefaultData) {
  Driven rig;
  EXPECT_EQ(rig.Config("nic", 0), 0xb500104cu);
}

TEST(EndpointTest, CrcIsTheKernels) {
  const char text[] = "123456789";
  // CRC-32 check value, before the final inversion.
  EXPECT_EQ(Crc32Le(~0u, reinterpret_cast<const std::byte*>(text), 9), ~0xcbf43926u);
}

TEST(EndpointTest, ReadChecksTheHostsBuffer) {
  Driven rig;
  for (const uint32_t size : kSizes) {
    for (uint32_t i = 0; i < size; ++i) rig.ram[0x8000 + i] = static_cast<std::byte>(i * 13 + size);
    rig.Store("nic", kChecksum, Crc32Le(~0u, rig.At(0x8000), size));
    rig.Transfer(1u << 3, 0x8000, 0, size);
    EXPECT_EQ(rig.Status(), 0x41u) << size;
  }
  EXPECT_THAT(rig.host.messages, SizeIs(std::size(kSizes)));
}

TEST(EndpointTest, ReadWithAWrongChecksumFails) {
  Driven rig;
  rig.Store("nic", kChecksum, 1);
  rig.Transfer(1u << 3, 0x8000, 0, 64);
  EXPECT_EQ(rig.Status(), 0x42u);
}

TEST(EndpointTest, WriteSendsBytesThatMatchItsChecksum) {
  Driven rig;
  for (const uint32_t size : kSizes) {
    rig.Transfer(1u << 4, 0, 0x8000, size);
    EXPECT_EQ(rig.Status(), 0x44u);
    EXPECT_EQ(rig.Load("nic", kChecksum), Crc32Le(~0u, rig.At(0x8000), size)) << size;
  }
}

TEST(EndpointTest, CopyMovesTheBytes) {
  Driven rig;
  for (const uint32_t size : kSizes) {
    for (uint32_t i = 0; i < size; ++i) rig.ram[0x1000 + i] = static_cast<std::byte>(i * 31 + size);
    rig.Transfer(1u << 5, 0x1000, 0x20000, size);
    EXPECT_EQ(rig.Status(), 0x50u);
    EXPECT_EQ(std::memcmp(rig.At(0x1000), rig.At(0x20000), size), 0) << size;
  }
}

TEST(EndpointTest, TheInterruptFollowsTheLastByte) {
  Driven rig;
  rig.Transfer(1u << 4, 0, 0x8000, 100000);
  EXPECT_EQ(rig.host.order.back(), "message");
}

TEST(EndpointTest, DmaCarriesTheRegisterWriteThatGaveTheAddress) {
  Driven rig;
  rig.Transfer(1u << 5, 0x1000, 0x20000, 64);
  for (const AccessSeen& access : rig.host.accesses) {
    if (access.target != Target::kMemory) continue;
    const ProvenanceRecord& record = rig.fabric->provenance(access.provenance);
    EXPECT_EQ(record.RegisterName(), access.type == TlpType::kMemoryRead ? "BAR0+0x0c" : "BAR0+0x14");
  }
}

TEST(EndpointTest, ReadFromNowhereFails) {
  Driven rig;
  rig.Transfer(1u << 3, 0x70000000, 0, 64);
  EXPECT_EQ(rig.Status(), 0x42u);
  rig.Transfer(1u << 5, 0x70000000, 0x8000, 64);
  EXPECT_EQ(rig.Status(), 0x60u);
}

TEST(EndpointTest, LegacyLineIsPulsed) {
  Driven rig;
  rig.SetConfig("nic", rig.fabric->Find("nic")->spec().capabilities().msi + 2, 2, 0);
  rig.Store("nic", kIrqType, 0);
  rig.Store("nic", kCommand, 1);
  const sim::Ps start = rig.simulation.now();
  rig.simulation.Run(start + sim::kMs);
  EXPECT_EQ(rig.host.order, std::vector<std::string>{"gsi up"});
  rig.simulation.Run(start + sim::kMs + 10 * sim::kUs);
  EXPECT_EQ(rig.host.order, (std::vector<std::string>{"gsi up", "gsi down"}));
  EXPECT_EQ(rig.Status(), 0x40u);  // nobody has acknowledged
}

TEST(EndpointTest, LegacyLineComesDownWhenTheHandlerWritesStatus) {
  Driven rig;
  rig.SetConfig("nic", rig.fabric->Find("nic")->spec().capabilities().msi + 2, 2, 0);
  rig.Store("nic", kIrqType, 0);
  rig.Store("nic", kCommand, 1);
  rig.simulation.Run(rig.simulation.now() + 100 * sim::kUs);
  EXPECT_EQ(rig.host.order, std::vector<std::string>{"gsi up"});
  EXPECT_EQ(rig.Status(), 0x40u);
  rig.Handle();
  EXPECT_EQ(rig.host.order, (std::vector<std::string>{"gsi up", "gsi down"}));
}

TEST(EndpointTest, RaisesTheMessageAskedForAndNoneBeyondThoseGranted) {
  Driven rig;
  rig.EnableMsi("nic", kApic, 0x40, 5);
  rig.Store("nic", kIrqType, 1);
  rig.Store("nic", kIrqNumber, 32);
  rig.Store("nic", kCommand, 2);
  rig.simulation.Run();
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_EQ(rig.host.messages[0].data, 0x5fu);
  rig.EnableMsi("nic", kApic, 0x40, 0);
  rig.Store("nic", kIrqNumber, 2);
  rig.Store("nic", kCommand, 2);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_EQ(rig.Status(), 0u);
}

TEST(EndpointTest, RaisesMsixEntries) {
  Driven rig;
  rig.SetConfig("nic", rig.fabric->Find("nic")->spec().capabilities().msi + 2, 2, 0);
  rig.EnableMsix("nic");
  rig.SetVector("nic", 0x1000, 31, kApic, 0x77, false);
  rig.Store("nic", kIrqType, 2);
  rig.Store("nic", kIrqNumber, 32);
  rig.Store("nic", kCommand, 4);
  rig.simulation.Run();
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_EQ(rig.host.messages[0].data, 0x77u);
}

TEST(EndpointTest, PassesTheDriversBarTest) {
  Driven rig;
  Function& nic = *rig.fabric->Find("nic");
  for (unsigned bar = 0; bar < 6; ++bar) {
    const uint64_t size = bar == 0 ? 4 : nic.bar_size(bar);
    ASSERT_GT(size, 0u);
    for (uint64_t at = 0; at < size; at += 4) rig.fabric->MmioWrite(nic.bar_address(bar) + at, 4, 0xA0A0A0A0, {});
    for (uint64_t at = 0; at < size; at += 4) {
      ASSERT_EQ(rig.fabric->MmioRead(nic.bar_address(bar) + at, 4).value, 0xA0A0A0A0u) << bar << " " << at;
    }
  }
  EXPECT_THAT(rig.host.accesses, IsEmpty());
}

TEST(EndpointTest, KeepsItsTableInAPageOfItsOwn) {
  const FunctionSpec spec = EndpointTest::Spec({});
  EXPECT_EQ(spec.msix().table_offset % 4096, 0u);
  EXPECT_GE(spec.msix().pba_offset, spec.msix().table_offset + 4096);
  EXPECT_LE(spec.msix().vectors, 32u);
}

TEST(EndpointTest, ResetInTheMiddleOfATransferEndsIt) {
  Driven rig;
  rig.Store("nic", kDestination, 0x8000);
  rig.Store("nic", kSize, 100000);
  rig.Store("nic", kIrqType, 1);
  rig.Store("nic", kIrqNumber, 1);
  rig.Store("nic", kCommand, 1u << 4);
  rig.simulation.At(2 * sim::kUs, [&] { rig.fabric->Find("nic")->ResetFunction(ResetKind::kFunctionLevel); });
  rig.simulation.Run();
  EXPECT_THAT(rig.host.messages, IsEmpty());
  EXPECT_TRUE(rig.fabric->quiet());
}

TEST(EndpointTest, RefusesTransfersBeyondItsBuffer) {
  EndpointTestConfig config;
  config.largest_transfer = 4096;
  Driven rig(config);
  rig.Transfer(1u << 4, 0, 0x8000, 4097);
  EXPECT_EQ(rig.Status(), 0x100u | 0x8u | 0x40u);
  rig.Transfer(1u << 3, 0x8000, 0, 0xffffffff);
  EXPECT_EQ(rig.Status(), 0x80u | 0x2u | 0x40u);
}

}  // namespace
}  // namespace pvpci::pci::testing
