// SPDX-License-Identifier: Apache-2.0
// Errors from the function that detects them to the root port's registers and its interrupt. PCIe 6.0 6.2, 7.8.4.
#include "models/pci/fabric.h"
#include "models/pci/registers.h"
#include "models/pci/test_rig.h"

namespace pvpci::pci::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kApic = 0xFEE01000;
constexpr unsigned kReceiverError = 0, kDataLinkProtocol = 4, kCompletionTimeout = 14;

FabricSpec Native(FabricSpec spec) {
  spec.firmware.native_aer = true;
  return spec;
}

struct ErrorRig : Rig {
  explicit ErrorRig(FabricSpec spec = OnePort(std::make_unique<Probe>(ProbeSpec()))) : Rig(Native(std::move(spec))) {}
  unsigned Aer(const std::string& name) { return fabric->Find(name)->spec().capabilities().aer; }
  unsigned Express(const std::string& name) { return fabric->Find(name)->spec().capabilities().express; }
  uint32_t Root(unsigned offset) { return Config("rp0", Aer("rp0") + offset); }
  // As the kernel's AER driver does it.
  void EnableReporting(const std::string& device) {
    SetConfig(device, Express(device) + reg::kDevCtl, 2, 0x000f);
    SetConfig("rp0", Aer("rp0") + reg::kAerRootCommand, 4, 7);
    EnableMaster("rp0");
    EnableMsi("rp0", kApic, 0x41);
  }
  void Detect(const std::string& device, bool correctable, unsigned bit) {
    EXPECT_TRUE(fabric->Find(device)->DetectError(correctable, bit));
    simulation.Run();
  }
};

TEST(Errors, AreLoggedAtBothEndsAndSignalled) {
  ErrorRig rig;
  rig.EnableReporting("nic");
  rig.Detect("nic", false, kCompletionTimeout);
  EXPECT_EQ(rig.Config("nic", rig.Aer("nic") + reg::kAerUncorrectable), 1u << kCompletionTimeout);
  EXPECT_EQ(rig.Config("nic", rig.Aer("nic") + reg::kAerControl) & reg::kAerFirstError, kCompletionTimeout);
  EXPECT_EQ(rig.Config("nic", rig.Express("nic") + reg::kDevSta, 2) & 0xf, reg::kDevStaNonFatal);
  EXPECT_EQ(rig.Root(reg::kAerRootStatus), reg::kRootStaUncorrectable | reg::kRootStaNonFatal);
  EXPECT_EQ(rig.Root(reg::kAerRootSource) >> 16, rig.bdf("nic").id);
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_EQ(rig.host.messages[0].requester, rig.bdf("rp0"));
}

TEST(Errors, SeverityIsTheDevicesOwnRegister) {
  ErrorRig rig;
  rig.EnableReporting("nic");
  rig.SetConfig("nic", rig.Aer("nic") + reg::kAerSeverity, 4, 1u << kCompletionTimeout);
  rig.Detect("nic", false, kCompletionTimeout);
  EXPECT_EQ(rig.Root(reg::kAerRootStatus),
            reg::kRootStaUncorrectable | reg::kRootStaFatal | reg::kRootStaFirstFatal);
}

TEST(Errors, OfOneKindInterruptOnceUntilTheStatusIsCleared) {
  ErrorRig rig;
  rig.EnableReporting("nic");
  rig.Detect("nic", true, kReceiverError);
  rig.Detect("nic", true, kReceiverError);
  EXPECT_EQ(rig.Root(reg::kAerRootStatus), reg::kRootStaCorrectable | reg::kRootStaMultipleCorrectable);
  EXPECT_THAT(rig.host.messages, SizeIs(1));
  rig.SetConfig("rp0", rig.Aer("rp0") + reg::kAerRootStatus, 4, rig.Root(reg::kAerRootStatus));
  EXPECT_EQ(rig.Root(reg::kAerRootStatus), 0u);
  rig.Detect("nic", true, kReceiverError);
  EXPECT_THAT(rig.host.messages, SizeIs(2));
}

TEST(Errors, MaskedOnesAreLoggedOnly) {
  ErrorRig rig;
  rig.EnableReporting("nic");
  rig.SetConfig("nic", rig.Aer("nic") + reg::kAerUncorrectableMask, 4, 1u << kDataLinkProtocol);
  rig.Detect("nic", false, kDataLinkProtocol);
  EXPECT_EQ(rig.Config("nic", rig.Aer("nic") + reg::kAerUncorrectable), 1u << kDataLinkProtocol);
  EXPECT_EQ(rig.Root(reg::kAerRootStatus), 0u);
}

TEST(Errors, GoNowhereUnlessEnabled) {
  ErrorRig rig;
  rig.SetConfig("nic", reg::kCommand, 2, 0);
  rig.Detect("nic", false, kDataLinkProtocol);
  EXPECT_EQ(rig.Root(reg::kAerRootStatus), 0u);
  rig.SetConfig("nic", reg::kCommand, 2, reg::kCommandSerr);
  rig.Detect("nic", false, kDataLinkProtocol);
  EXPECT_NE(rig.Root(reg::kAerRootStatus), 0u) << "SERR# enable stands for the uncorrectable kinds";
  EXPECT_THAT(rig.host.messages, IsEmpty()) << "the root port's own enables are off";
}

TEST(Errors, StopAtABridgeThatDoesNotForward) {
  ErrorRig rig(WithSwitch());
  rig.EnableReporting("a");
  rig.SetConfig("sw", reg::kBridgeControl, 2, 0);
  rig.Detect("a", true, kReceiverError);
  EXPECT_EQ(rig.Root(reg::kAerRootStatus), 0u);
  rig.SetConfig("sw", reg::kBridgeControl, 2, reg::kBridgeControlSerr);
  rig.Detect("a", true, kReceiverError);
  EXPECT_EQ(rig.Root(reg::kAerRootStatus), reg::kRootStaCorrectable);
}

TEST(Errors, SurviveAReset) {
  ErrorRig rig;
  rig.Detect("nic", false, kDataLinkProtocol);
  rig.fabric->Find("nic")->ResetFunction(ResetKind::kHot);
  EXPECT_EQ(rig.Config("nic", rig.Aer("nic") + reg::kAerUncorrectable), 1u << kDataLinkProtocol);
}

TEST(Errors, NeedTheCapability) {
  ErrorRig rig(OnePort(std::make_unique<Probe>(FunctionSpec(0x1234, 1, 0).Bar(0, BarKind::kMemory32, 4096))));
  EXPECT_FALSE(rig.fabric->Find("nic")->DetectError(true, kReceiverError));
}

TEST(Errors, NeedADefinedBit) {
  ErrorRig rig;
  EXPECT_FALSE(rig.fabric->Find("nic")->DetectError(true, 31));
  EXPECT_FALSE(rig.fabric->Find("nic")->DetectError(false, 0));
}

TEST(Errors, PortsHaveNoAerUnlessThePlatformGrantsIt) {
  Rig rig(OnePort(std::make_unique<Probe>(ProbeSpec())));
  EXPECT_EQ(rig.fabric->Find("rp0")->spec().capabilities().aer, 0);
}

}  // namespace
}  // namespace pvpci::pci::testing
