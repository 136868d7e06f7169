// SPDX-License-Identifier: Apache-2.0
// Domains, the assignable list, the no-IOMMU policies of abi.md S3, and the order of operations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/xen/toolstack/toolstack_fixture.h"

namespace pvpci::xen {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(Tools, ANewDomainFindsItsNodes) {
  CreateDomU();
  EXPECT_EQ(front_->Read("domid").value, "1");
  EXPECT_EQ(front_->Read("name").value, "u");
  EXPECT_EQ(front_->Read("store/port").value, "3");
  EXPECT_EQ(front_->Read("store/ring-ref").value, std::to_string(0x1234));
  EXPECT_EQ(front_->Read("cpu/0/availability").value, "online");
  EXPECT_EQ(front_->Read(front_->Read("vm").value + "/name").value, "u");
  EXPECT_EQ(front_->Write("control/shutdown", ""), XsError::kOk);
  EXPECT_EQ(front_->Write("name", "evil"), XsError::kEacces);
  EXPECT_TRUE(daemon_.introduced(1));
  guest_.Send(XsType::kRead, std::string("domid\0", 6));
  simulation_.Run();
  EXPECT_THAT(guest_.Received(), ElementsAre("READ 1"));
}

TEST_F(Tools, ASilentDom0EndsTheOperationInTime) {
  CreateDomU();
  agent_.silent = true;
  tools_->AttachCold(1, {kNic}, {}, Keep());
  const OperationResult result = Finish();
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.error, HasSubstr("does not return"));
  EXPECT_EQ(result.elapsed, 10 * sim::kSec);
}

TEST_F(Tools, DestroyGoesOnWithoutTheGuest) {
  CreateDomU();
  Cold({kNic});
  Connect();
  closes_ = false;
  tools_->Destroy(1, Keep());
  const OperationResult result = Finish();
  EXPECT_TRUE(result.ok) << result.error;
  EXPECT_LE(result.elapsed, 2 * sim::kSec);
  EXPECT_EQ(hypervisor_.calls.back(), "destroy 1");
  EXPECT_FALSE(daemon_.introduced(1));
  EXPECT_EQ(kernel_->Read("/local/domain/1").error, XsError::kEnoent);
  EXPECT_EQ(kernel_->Read(kBack).error, XsError::kEnoent);
}

TEST_F(Tools, SeizeUnbindsTheDriverAndBindsPciback) {
  Start({});
  tools_ = std::make_unique<Toolstack>(simulation_, trace_, daemon_, hypervisor_, agent_, inventory_);
  agent_.files["/sys/bus/pci/devices/0000:00:05.0/driver"] = "../../../bus/pci/drivers/e1000e\n";
  tools_->Seize(kNic, Keep());
  ASSERT_TRUE(Finish().ok);
  EXPECT_THAT(agent_.writes, ElementsAre("/sys/bus/pci/devices/0000:00:05.0/driver/unbind 0000:00:05.0",
                                         "/sys/bus/pci/drivers/pciback/new_slot 0000:00:05.0",
                                         "/sys/bus/pci/drivers/pciback/bind 0000:00:05.0"));
  EXPECT_THAT(hypervisor_.calls, ElementsAre("assign 32753 0000:00:05.0"));  // DOMID_IO: quarantine
  EXPECT_EQ(kernel_->Read("/libxl/pci/0000-00-05-0/driver_path").value, "/sys/bus/pci/drivers/e1000e");

  agent_.writes.clear();
  agent_.files["/sys/bus/pci/drivers/pciback/slots"] = "0000:00:05.0\n";
  tools_->Release(kNic, Keep());
  ASSERT_TRUE(Finish().ok);
  EXPECT_THAT(agent_.writes, ElementsAre("/sys/bus/pci/drivers/pciback/unbind 0000:00:05.0",
                                         "/sys/bus/pci/drivers/pciback/remove_slot 0000:00:05.0",
                                         "/sys/bus/pci/drivers/e1000e/bind 0000:00:05.0"));
  EXPECT_EQ(kernel_->Read("/libxl/pci/0000-00-05-0/driver_path").error, XsError::kEnoent);
}

TEST_F(Tools, SeizeSkipsWhatIsDoneAlready) {
  tools_ = std::make_unique<Toolstack>(simulation_, trace_, daemon_, hypervisor_, agent_, inventory_);
  hypervisor_.iommu = false;
  agent_.files["/sys/bus/pci/drivers/pciback/slots"] = "0000:00:05.0\n";  // and no driver bound
  tools_->Seize(kNic, Keep());
  ASSERT_TRUE(Finish().ok);
  EXPECT_THAT(agent_.writes, ElementsAre("/sys/bus/pci/devices/0000:00:05.0/driver/unbind 0000:00:05.0",
                                         "/sys/bus/pci/drivers/pciback/bind 0000:00:05.0"));
  EXPECT_THAT(hypervisor_.calls, IsEmpty());
  agent_.writes.clear();
  tools_->Seize(kNic, Keep());
  ASSERT_TRUE(Finish().ok);
  EXPECT_THAT(agent_.writes, IsEmpty());
}

TEST_F(Tools, SeizeSaysWhyItFailed) {
  tools_ = std::make_unique<Toolstack>(simulation_, trace_, daemon_, hypervisor_, agent_, inventory_);
  tools_->Seize(pci::Bdf(0, 9, 9, 0), Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Couldn't lstat /sys/bus/pci/devices/0000:09:09.0");
  agent_.failing = "/sys/bus/pci/drivers/pciback/bind";
  tools_->Seize(kNic, Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Couldn't bind device to pciback!: Device or resource busy");
  agent_.files.clear();
  tools_->Seize(kNic, Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Looks like pciback driver is not loaded");
}

// abi.md S3.
TEST(PolicyNames, GoBothWays) {
  for (auto policy : {NoIommuPolicy::kRefused, NoIommuPolicy::kIntxOnly, NoIommuPolicy::kMsiToo}) {
    EXPECT_EQ(ParseNoIommuPolicy(Name(policy)), policy);
  }
  EXPECT_FALSE(ParseNoIommuPolicy("maybe"));
  EXPECT_EQ(AssignWithoutIommu(NoIommuPolicy::kRefused), -EOPNOTSUPP);
  EXPECT_FALSE(MsiWithoutIommu(NoIommuPolicy::kIntxOnly));
  EXPECT_TRUE(MsiWithoutIommu(NoIommuPolicy::kMsiToo));
}

TEST_F(Tools, WithoutIommuTodaysToolsRefuse) {
  CreateDomU();
  hypervisor_.iommu = false;
  tools_->AttachCold(1, {kNic}, {}, Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Domain 1:passthrough not supported on this platform");
  EXPECT_THAT(hypervisor_.calls, IsEmpty());
  tools_->AttachHot(1, kNic, {}, Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Domain 1:xc_assign_device failed: Operation not supported");
  ToolDomain spec;
  spec.domain = 2;
  spec.wants_passthrough = true;
  tools_->CreateDomain(spec, Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Domain 2:passthrough not supported on this platform");
  EXPECT_THAT(Lines(), IsEmpty());
  EXPECT_EQ(tools_->no_iommu_policy(), NoIommuPolicy::kRefused);
}

TEST_F(Tools, WithoutIommuOlderToolsGoOn) {
  CreateDomU();
  hypervisor_.iommu = false;
  for (auto policy : {NoIommuPolicy::kIntxOnly, NoIommuPolicy::kMsiToo}) {
    hypervisor_.policy = policy;
    ToolstackConfig config;
    config.no_iommu = policy;
    Start(config);
    Cold({kNic});
    EXPECT_THAT(hypervisor_.calls, Contains("assign 1 0000:00:05.0"));
    EXPECT_EQ(tools_->no_iommu_policy(), policy);
  }
}

TEST_F(Tools, OperationsRunOneAfterTheOther) {
  CreateDomU();
  std::vector<std::string> order;
  tools_->AttachCold(1, {kNic}, {}, [&](const OperationResult& r) { order.push_back(r.ok ? "attached" : "failed"); });
  tools_->WaitBackend(1, kXenbusConnected, sim::kSec,
                      [&](const OperationResult& r) { order.push_back(r.ok ? "connected" : "late"); });
  tools_->Close(1, [&](const OperationResult&) { order.push_back("closed"); });
  EXPECT_THAT(order, IsEmpty());
  simulation_.Run();
  EXPECT_THAT(order, ElementsAre("attached", "late", "closed"));
}

TEST_F(Tools, StepsAreTraced) {
  CreateDomU();
  Cold({kNic});
  const auto lines = Lines(" tool ");
  EXPECT_THAT(lines, Contains("toolstack tool attach to 1: begins"));
  EXPECT_THAT(lines, Contains("toolstack tool attach to 1: map_pirq domain=1 gsi=21 = 21"));
  EXPECT_THAT(lines, Contains("toolstack tool attach to 1: assign_device domain=1 0000:00:05.0 = 0"));
  EXPECT_THAT(lines, Contains("toolstack tool attach to 1: done"));
}

TEST_F(Tools, MayGoWhileAnOperationRuns) {
  CreateDomU();
  tools_->AttachCold(1, {kNic}, {}, Keep());
  simulation_.Run(simulation_.now() + sim::kUs);
  tools_.reset();
  simulation_.Run();
  EXPECT_THAT(results_, IsEmpty());
}

}  // namespace
}  // namespace pvpci::xen
