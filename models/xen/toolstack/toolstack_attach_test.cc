// SPDX-License-Identifier: Apache-2.0
// Attach, detach and close against recorded store writes and a scripted backend and frontend. The expected lines are
// those of spec/golden/e1000e-attach.store (Xen 4.17.7, libxl) and of the flows in abi.md 3.3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/xen/toolstack/toolstack_fixture.h"

namespace pvpci::xen {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(Tools, ColdAttachWritesWhatLibxlWrote) {
  CreateDomU();
  Cold({kNic});
  // golden/e1000e-attach.store, the lines of the toolstack, in order.
  const char* const kGolden[] = {
      "toolstack store RM /local/domain/0/backend/pci/1/0",
      "toolstack store MKDIR /local/domain/0/backend/pci/1/0",
      "toolstack store SET_PERMS /local/domain/0/backend/pci/1/0 n0 r1",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/frontend /local/domain/1/device/pci/0",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/frontend-id 1",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/online 1",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/state 1",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/domain u",
      "toolstack store RM /local/domain/1/device/pci/0",
      "toolstack store MKDIR /local/domain/1/device/pci/0",
      "toolstack store SET_PERMS /local/domain/1/device/pci/0 n1 r0",
      "toolstack store WRITE /local/domain/1/device/pci/0/backend /local/domain/0/backend/pci/1/0",
      "toolstack store WRITE /local/domain/1/device/pci/0/backend-id 0",
      "toolstack store WRITE /local/domain/1/device/pci/0/state 1",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/key-0 0000:00:05.0",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/dev-0 0000:00:05.0",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/opts-0 "
      "msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/state-0 1",
      "toolstack store WRITE /local/domain/0/backend/pci/1/0/num_devs 1",
  };
  EXPECT_THAT(Lines(), ElementsAreArray(kGolden));
  EXPECT_THAT(tools_->attached(1), ElementsAre(kNic));
}

// Both kernels' ends as scripts on the wire-level semantics: watch "backend" in dom0, "device" in the domU, state
// switches in transactions. The whole of spec/golden/e1000e-attach.store after the toolstack's lines.
TEST_F(Tools, BothEndsConnectInTheGoldenOrder) {
  CreateDomU();
  const auto switch_state = [](StoreClient& client, const std::string& directory, const char* state) {
    client.Transact([&](TransactionId id) {
      if (!client.Read(directory + "/state", id).ok()) return XsError::kEnoent;
      return client.Write(directory + "/state", state, id);
    });
  };
  const auto advance = [&](const std::string&) {
    const std::string back = kernel_->Read("backend/pci/1/0/state").value;
    const std::string front = kernel_->Read(kFront + "/state").value;
    if (back == "1") {
      switch_state(*kernel_, "backend/pci/1/0", "2");
    } else if (back == "2" && kernel_->Read("backend/pci/1/0/num_devs").ok()) {
      kernel_->Write("backend/pci/1/0/vdev-0", "0000:00:00.00");
      kernel_->Write("backend/pci/1/0/state-0", "3");
      kernel_->Write("backend/pci/1/0/root-0", "0000:00");
      kernel_->Write("backend/pci/1/0/root_num", "1");
      switch_state(*kernel_, "backend/pci/1/0", "3");
      // The module is loaded later: the guest finds its directory by asking, its first watch event does the rest.
      front_->Watch("device/pci/0/state", [&](const std::string&) {
        if (front_->Read("device/pci/0/state").value != "1") return;
        front_->Transact([&](TransactionId id) {
          front_->Write("device/pci/0/pci-op-ref", "8", id);
          front_->Write("device/pci/0/event-channel", "8", id);
          return front_->Write("device/pci/0/magic", "7", id);
        });
        switch_state(*front_, "device/pci/0", "3");
      });
      front_->Watch(kBack + "/state", [&](const std::string&) {
        if (front_->Read(kBack + "/state").value == "4") switch_state(*front_, "device/pci/0", "4");
      });
    } else if (back == "3" && front == "3") {
      switch_state(*kernel_, "backend/pci/1/0", "4");
    }
  };
  kernel_->Watch("backend", advance);
  kernel_->Watch(kFront + "/state", advance);
  Cold({kNic});
  auto lines = Lines();
  ASSERT_EQ(lines.size(), 31u);
  lines.erase(lines.begin(), lines.begin() + 19);
  const char* const kGolden[] = {
      "dom0 store WRITE /local/domain/0/backend/pci/1/0/state 2",
      "dom0 store WRITE /local/domain/0/backend/pci/1/0/vdev-0 0000:00:00.00",
      "dom0 store WRITE /local/domain/0/backend/pci/1/0/state-0 3",
      "dom0 store WRITE /local/domain/0/backend/pci/1/0/root-0 0000:00",
      "dom0 store WRITE /local/domain/0/backend/pci/1/0/root_num 1",
      "dom0 store WRITE /local/domain/0/backend/pci/1/0/state 3",
      "domU store WRITE /local/domain/1/device/pci/0/pci-op-ref 8",
      "domU store WRITE /local/domain/1/device/pci/0/event-channel 8",
      "domU store WRITE /local/domain/1/device/pci/0/magic 7",
      "domU store WRITE /local/domain/1/device/pci/0/state 3",
      "dom0 store WRITE /local/domain/0/backend/pci/1/0/state 4",
      "domU store WRITE /local/domain/1/device/pci/0/state 4",
  };
  EXPECT_THAT(lines, ElementsAreArray(kGolden));
}

TEST_F(Tools, TheHypervisorIsAskedBeforeTheStoreIsWritten) {
  CreateDomU();
  AttachOptions options;
  options.permissive = true;
  tools_->AttachCold(1, {kNic}, options, Keep());
  ASSERT_TRUE(Finish().ok);
  EXPECT_THAT(hypervisor_.calls,
              ElementsAre("iomem 1 0xfebc0+32 1", "iomem 1 0xfebe0+32 1", "ioport 1 0xc040+32 1",
                          "iomem 1 0xfebb0+4 1", "map 1 21", "irq 1 21 1", "assign 1 0000:00:05.0"));
  EXPECT_THAT(agent_.writes, ElementsAre("/sys/bus/pci/devices/0000:00:05.0/reset 1",
                                         "/sys/bus/pci/drivers/pciback/permissive 0000:00:05.0"));
  EXPECT_EQ(kernel_->Read(kBack + "/opts-0").value, "msitranslate=0,power_mgmt=0,permissive=1,rdm_policy=strict");
}

TEST_F(Tools, AFunctionWithoutPinOrFullPageIsAttachedToo) {
  CreateDomU();
  Cold({kPlain});
  EXPECT_THAT(hypervisor_.calls, ElementsAre("iomem 1 0xfe900+1 1", "assign 1 0000:02:00.0"));
}

TEST_F(Tools, ColdAttachOfSeveralFunctionsIsOneTransaction) {
  CreateDomU();
  const uint64_t commits = daemon_.counters().commits;
  Cold({kNic, kEdu});
  EXPECT_EQ(daemon_.counters().commits, commits + 1);
  EXPECT_EQ(kernel_->Read(kBack + "/dev-1").value, "0000:01:00.0");
  EXPECT_EQ(kernel_->Read(kBack + "/num_devs").value, "2");
  EXPECT_THAT(tools_->attached(1), ElementsAre(kNic, kEdu));
}

TEST_F(Tools, TheGuestMayReadBothDirectoriesAndWriteItsOwn) {
  CreateDomU();
  Cold({kNic});
  EXPECT_EQ(front_->Read("device/pci/0/backend").value, kBack);
  EXPECT_THAT(front_->Directory("device").value, ElementsAre("pci"));
  EXPECT_EQ(front_->Read(kBack + "/num_devs").value, "1");
  EXPECT_EQ(front_->Write(kBack + "/state", "4"), XsError::kEacces);
  EXPECT_EQ(front_->Write("device/pci/0/magic", "7"), XsError::kOk);
  EXPECT_EQ(front_->Write("device/vbd/0/x", "7"), XsError::kEacces);
  EXPECT_EQ(front_->Write("error/device/pci/0/error", "22 x"), XsError::kOk);
}

TEST_F(Tools, AnotherFrontendGetsItsDirectoriesAndMayWriteItsOwn) {
  CreateDomU();
  tools_->AddFrontend(1, {"vbd", 51712, {{"virtual-device", "51712"}}, {{"mode", "w"}}}, Keep());
  ASSERT_TRUE(Finish().ok);
  const std::string back = "/local/domain/0/backend/vbd/1/51712", front = "/local/domain/1/device/vbd/51712";
  EXPECT_EQ(front_->Read("device/vbd/51712/backend").value, back);
  EXPECT_EQ(front_->Read("device/vbd/51712/virtual-device").value, "51712");
  EXPECT_EQ(front_->Read(back + "/frontend").value, front);
  EXPECT_EQ(front_->Read(back + "/mode").value, "w");
  EXPECT_EQ(front_->Write("device/vbd/51712/state", "4"), XsError::kOk);
  EXPECT_EQ(front_->Write(back + "/state", "4"), XsError::kEacces);
}

TEST_F(Tools, HotAddGoesThroughReconfiguring) {
  CreateDomU();
  Cold({kNic});
  Connect();
  tools_->AttachHot(1, kEdu, {}, Keep());
  ASSERT_TRUE(Finish().ok);
  // abi.md 3.3, "Hot add"; 18 (a): backend 4, 7, 8, 4, frontend 4, 7, 4.
  EXPECT_THAT(Lines(),
              ElementsAre("toolstack store WRITE " + kBack + "/key-1 0000:01:00.0",
                          "toolstack store WRITE " + kBack + "/dev-1 0000:01:00.0",
                          "toolstack store WRITE " + kBack +
                              "/opts-1 msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict",
                          "toolstack store WRITE " + kBack + "/state-1 1",
                          "toolstack store WRITE " + kBack + "/num_devs 2",
                          "toolstack store WRITE " + kBack + "/state 7", "domU store WRITE " + kFront + "/state 7",
                          "dom0 store WRITE " + kBack + "/state-0 3", "dom0 store WRITE " + kBack + "/state-1 3",
                          "dom0 store WRITE " + kBack + "/state 8", "domU store WRITE " + kFront + "/state 4",
                          "dom0 store WRITE " + kBack + "/state 4"));
  EXPECT_THAT(tools_->attached(1), ElementsAre(kNic, kEdu));
}

TEST_F(Tools, HotAddOfTheFirstFunctionMakesTheDirectories) {
  CreateDomU();
  tools_->AttachHot(1, kNic, {}, Keep());
  simulation_.Run(simulation_.now() + sim::kMs);
  EXPECT_EQ(kernel_->Read(kBack + "/state").value, "1");
  EXPECT_THAT(results_, IsEmpty());
  kernel_->Write(kBack + "/state", "4");
  EXPECT_TRUE(Finish().ok);
  EXPECT_THAT(Lines(), Not(Contains(HasSubstr("/state 7"))));
}

TEST_F(Tools, DetachShiftsTheHigherFunctionsDown) {
  CreateDomU();
  Cold({kNic, kEdu});
  kernel_->Write(kBack + "/vdev-0", "0000:00:00.00");
  kernel_->Write(kBack + "/vdev-1", "0000:00:01.00");
  Connect();
  kernel_->Write(kBack + "/state-0", "3");
  kernel_->Write(kBack + "/state-1", "3");
  Lines();
  tools_->Detach(1, kNic, Keep());
  ASSERT_TRUE(Finish().ok);
  const auto lines = Lines();
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines[0], "toolstack store WRITE " + kBack + "/state-0 5");
  EXPECT_EQ(lines[1], "toolstack store WRITE " + kBack + "/state 7");
  EXPECT_THAT(tools_->attached(1), ElementsAre(kEdu));
  EXPECT_EQ(kernel_->Read(kBack + "/num_devs").value, "1");
  EXPECT_EQ(kernel_->Read(kBack + "/key-0").value, "0000:01:00.0");
  EXPECT_EQ(kernel_->Read(kBack + "/vdev-0").value, "0000:00:01.00");
  EXPECT_EQ(kernel_->Read(kBack + "/state-0").value, "3");
  for (const char* node : {"key-1", "dev-1", "vdev-1", "opts-1", "state-1"}) {
    EXPECT_EQ(kernel_->Read(kBack + "/" + node).error, XsError::kEnoent) << node;
  }
}

TEST_F(Tools, DetachOfTheLastFunctionRemovesBothDirectories) {
  CreateDomU();
  Cold({kNic});
  Connect();
  tools_->Detach(1, kNic, Keep());
  ASSERT_TRUE(Finish().ok);
  EXPECT_EQ(kernel_->Read(kBack).error, XsError::kEnoent);
  EXPECT_EQ(kernel_->Read("/local/domain/0/backend").error, XsError::kEnoent);  // empty parents go too
  EXPECT_EQ(kernel_->Read("/local/domain/1/device").error, XsError::kEnoent);
  EXPECT_EQ(kernel_->Read("/local/domain/1/name").value, "u");
  EXPECT_THAT(hypervisor_.calls,
              ElementsAre("iomem 1 0xfebc0+32 0", "iomem 1 0xfebe0+32 0", "ioport 1 0xc040+32 0",
                          "iomem 1 0xfebb0+4 0", "unmap 1 21", "irq 1 21 0", "deassign 1 0000:00:05.0"));
  // And back again.
  Cold({kNic});
  EXPECT_THAT(tools_->attached(1), ElementsAre(kNic));
}

// A second xl starts when the first has ended; what xl create does is one command.
TEST_F(Tools, CommandsKeepTheirDistance) {
  CreateDomU();
  const sim::Ps asked = simulation_.now();
  Cold({kNic});
  EXPECT_EQ(simulation_.now() - asked, 200 * sim::kUs + 7 * 5 * sim::kUs);
  Connect();
  std::vector<sim::Ps> ended;
  sim::Ps begun = 0;
  tools_->Detach(1, kNic, [&](const OperationResult&) { ended.push_back(simulation_.now()); });
  tools_->AttachHot(1, kNic, {}, [&](const OperationResult& result) {
    ended.push_back(simulation_.now());
    begun = ended.back() - result.elapsed;
  });
  simulation_.Run();
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(begun - ended[0], 2 * sim::kMs);
  // Nobody waits for a command that ended long ago, or for one that was none.
  simulation_.After(sim::kSec, [] {});
  simulation_.Run();
  Cold({kEdu});
  const sim::Ps later = simulation_.now();
  tools_->Close(1, [&](const OperationResult& result) { begun = simulation_.now() - result.elapsed; });
  simulation_.Run();
  EXPECT_EQ(begun, later);
}

TEST_F(Tools, DetachMayLetTheGuestGoFirst) {
  CreateDomU();
  ToolstackConfig config;
  config.detach_order = DetachOrder::kHandshakeFirst;
  Start(config);
  Cold({kNic});
  Connect();
  kernel_->Watch(kBack + "/state", [&](const std::string&) {
    const bool there = kernel_->Read(kBack + "/state").ok();
    EXPECT_TRUE(!there || hypervisor_.calls.empty());
  });
  tools_->Detach(1, kNic, Keep());
  EXPECT_TRUE(Finish().ok);
  EXPECT_EQ(hypervisor_.calls.size(), 7u);
}

TEST_F(Tools, ABackendThatNeverAnswersEndsTheOperationInTime) {
  CreateDomU();
  Cold({kNic});
  kernel_->Write(kBack + "/state", "4");
  tools_->Detach(1, kNic, Keep());
  const sim::Ps start = simulation_.now();
  const OperationResult result = Finish();
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.error, "libxl: error: Backend " + kBack + " not ready");
  EXPECT_GE(result.elapsed, 10 * sim::kSec);
  EXPECT_LE(simulation_.now() - start, 11 * sim::kSec);
  EXPECT_EQ(kernel_->Read(kBack + "/state").value, "7");
  EXPECT_FALSE(tools_->busy());
}

TEST_F(Tools, CloseWaitsForTheBackendAndGivesEverythingBack) {
  CreateDomU();
  Cold({kNic});
  Connect();
  tools_->Close(1, Keep());
  ASSERT_TRUE(Finish().ok);
  const auto lines = Lines();
  ASSERT_GE(lines.size(), 3u);
  EXPECT_EQ(lines[0], "toolstack store WRITE " + kBack + "/online 0");
  EXPECT_EQ(lines[1], "toolstack store WRITE " + kBack + "/state 5");
  EXPECT_EQ(lines[2], "dom0 store WRITE " + kBack + "/state 6");
  EXPECT_EQ(kernel_->Read(kBack).error, XsError::kEnoent);
  EXPECT_THAT(hypervisor_.calls, Contains("deassign 1 0000:00:05.0"));
}

TEST_F(Tools, WhatIsNotAssignableOrTakenIsRefused) {
  CreateDomU();
  tools_->AttachCold(1, {pci::Bdf(0, 9, 1, 2)}, {}, Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Domain 1:PCI device 0:9:1.2 is not assignable");
  Cold({kNic});
  tools_->AttachHot(2, kNic, {}, Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Domain 2:PCI device already attached to a domain");
  tools_->Detach(2, kNic, Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Domain 2:PCI device not attached to this domain");
  tools_->Release(kNic, Keep());
  EXPECT_FALSE(Finish().ok);
  tools_->AttachHot(2, kEdu, {}, Keep());
  EXPECT_EQ(Finish().error, "libxl: error: Domain 2:domain does not exist");
}

TEST_F(Tools, AFailingHypervisorCallEndsTheAttachBeforeTheStore) {
  CreateDomU();
  for (const char* call : {"iomem", "ioport", "map", "irq", "assign"}) {
    hypervisor_.failing = call;
    tools_->AttachCold(1, {kNic}, {}, Keep());
    const OperationResult result = Finish();
    EXPECT_FALSE(result.ok) << call;
    EXPECT_THAT(result.error, HasSubstr("Operation not permitted")) << call;
  }
  EXPECT_THAT(Lines(), IsEmpty());
  hypervisor_.failing.clear();
  Cold({kNic});
}

}  // namespace
}  // namespace pvpci::xen
