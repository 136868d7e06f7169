// SPDX-License-Identifier: Apache-2.0
// The toolstack against recorded store writes and a scripted backend and frontend. The expected lines are those of
// spec/golden/e1000e-attach.store (Xen 4.17.7, libxl) and of the flows in abi.md 3.3.
#include "models/xen/toolstack/toolstack.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <sstream>

#include "models/xen/store/fake_guest.h"
#include "models/xen/store/store_trace.h"

namespace pvpci::xen {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr pci::Bdf kNic(0, 0, 5, 0);
constexpr pci::Bdf kEdu(0, 1, 0, 0);
constexpr pci::Bdf kPlain(0, 2, 0, 0);

class FakeHypervisor : public HypervisorControl {
 public:
  long IomemPermission(sim::DomId domain, uint64_t mfn, uint64_t count, bool allow) override {
    return Note(fmt::format("iomem {} {:#x}+{} {:d}", domain, mfn, count, allow));
  }
  long IoportPermission(sim::DomId domain, uint32_t port, uint32_t count, bool allow) override {
    return Note(fmt::format("ioport {} {:#x}+{} {:d}", domain, port, count, allow));
  }
  long IrqPermission(sim::DomId domain, unsigned pirq, bool allow) override {
    return Note(fmt::format("irq {} {} {:d}", domain, pirq, allow));
  }
  long MapGsiPirq(sim::DomId domain, unsigned gsi) override {
    const long result = Note(fmt::format("map {} {}", domain, gsi));
    return result < 0 ? result : static_cast<long>(gsi);
  }
  long UnmapPirq(sim::DomId domain, unsigned pirq) override { return Note(fmt::format("unmap {} {}", domain, pirq)); }
  long AssignDevice(sim::DomId domain, pci::Bdf function) override {
    const long result = Note(fmt::format("assign {} {}", domain, pci::ToString(function)));
    return result == 0 && !iommu ? AssignWithoutIommu(policy) : result;
  }
  long DeassignDevice(sim::DomId domain, pci::Bdf function) override {
    return Note(fmt::format("deassign {} {}", domain, pci::ToString(function)));
  }
  long DestroyDomain(sim::DomId domain) override { return Note(fmt::format("destroy {}", domain)); }
  bool has_iommu() const override { return iommu; }

  bool iommu = true;
  NoIommuPolicy policy = NoIommuPolicy::kRefused;
  std::string failing;  // a call that begins like this answers -EPERM
  std::vector<std::string> calls;

 private:
  long Note(const std::string& call) {
    calls.push_back(call);
    return !failing.empty() && call.rfind(failing, 0) == 0 ? -EPERM : 0;
  }
};

class FakeAgent : public DomainAgent {
 public:
  void SysfsWrite(sim::DomId domain, const std::string& path, const std::string& value, WriteDone done) override {
    EXPECT_EQ(domain, 0);
    writes.push_back(path + " " + value);
    if (silent) return;
    done(path.find("/reset") != std::string::npos ? -ENOENT : path == failing ? -EBUSY : 0);
  }
  void SysfsRead(sim::DomId, const std::string& path, ReadDone done) override {
    if (silent) return;
    const auto file = files.find(path);
    if (file == files.end()) done(-ENOENT, "");
    else done(0, file->second);
  }

  bool silent = false;
  std::string failing;
  std::map<std::string, std::string> files = {{"/sys/bus/pci/drivers/pciback/slots", ""}};
  std::vector<std::string> writes;
};

class FakeInventory : public PciInventory {
 public:
  std::optional<PciFunctionInfo> Find(pci::Bdf function) const override {
    using Kind = PciResource::Kind;
    // Sizes as golden/README.md: 128 KiB, 128 KiB, 32 ports, 16 KiB.
    if (function == kNic) {
      return PciFunctionInfo{{{Kind::kMemory, 0, 0xfebc0000, 0x20000}, {Kind::kMemory, 1, 0xfebe0000, 0x20000},
                              {Kind::kIo, 2, 0xc040, 32}, {Kind::kMemory, 3, 0xfebb0000, 0x4000},
                              {Kind::kMemory, 6, 0, 0x40000}}, 21};
    }
    if (function == kEdu) return PciFunctionInfo{{{Kind::kMemory, 0, 0xfe800000, 0x100000}}, 16};
    if (function == kPlain) return PciFunctionInfo{{{Kind::kMemory, 0, 0xfe900000, 0x80}}, std::nullopt};
    return std::nullopt;
  }
};

class Tools : public testing::Test {
 protected:
  Tools() : simulation_({}), trace_([this] { return simulation_.now(); }), daemon_(simulation_, trace_) {
    trace_.SetDomainName(0, "dom0");
    trace_.SetDomainName(1, "domU");
    kernel_ = daemon_.OpenClient(0, 0);
    Start({});
  }
  void Start(ToolstackConfig config) {
    tools_.reset();
    tools_ = std::make_unique<Toolstack>(simulation_, trace_, daemon_, hypervisor_, agent_, inventory_, config);
    for (pci::Bdf function : {kNic, kEdu, kPlain}) tools_->MarkAssignable(function);
  }
  OperationDone Keep() {
    return [this](const OperationResult& result) {
      results_.push_back(result);
    };
  }
  OperationResult Finish() {
    simulation_.Run();
    EXPECT_EQ(results_.size(), 1u);
    const OperationResult result = results_.empty() ? OperationResult{} : results_.back();
    results_.clear();
    return result;
  }
  void CreateDomU() {
    DomainSpec dom0;
    dom0.name = "Domain-0";
    tools_->InitDom0(dom0);
    DomainSpec spec;
    spec.domain = 1;
    spec.name = "u";
    spec.ring = guest_.Ring();
    tools_->CreateDomain(spec, Keep());
    ASSERT_TRUE(Finish().ok);
    front_ = daemon_.OpenClient(1, 1);
    Lines();
  }
  void Cold(std::vector<pci::Bdf> functions) {
    tools_->AttachCold(1, std::move(functions), {}, Keep());
    ASSERT_TRUE(Finish().ok);
  }
  // pciback and pcifront as far as state goes (abi.md 3.3): 7 is answered with 7, 8, 4, 4; 5 with 6.
  void Connect() {
    kernel_->Watch(kBack + "/state", [this](const std::string&) {
      const std::string state = kernel_->Read(kBack + "/state").value;
      if (state == "7") front_->Write("device/pci/0/state", "7");
      if (state == "5" && closes_) kernel_->Write(kBack + "/state", "6");
    });
    kernel_->Watch(kFront + "/state", [this](const std::string&) {
      const std::string state = kernel_->Read(kFront + "/state").value;
      if (state == "7") {
        for (int i = 0; i < 4; ++i) {
          const std::string node = kBack + "/state-" + std::to_string(i);
          if (kernel_->Read(node).value == "1") kernel_->Write(node, "3");
        }
        kernel_->Write(kBack + "/state", "8");
        front_->Write("device/pci/0/state", "4");
      } else if (state == "4") {
        kernel_->Write(kBack + "/state", "4");
      }
    });
    kernel_->Write(kBack + "/state", "4");
    front_->Write("device/pci/0/state", "4");
    simulation_.Run();
    Lines();
    hypervisor_.calls.clear();
    agent_.writes.clear();
  }
  // Store lines since the last call, without time.
  std::vector<std::string> Lines(const std::string& kind = " store ") {
    std::ostringstream out;
    trace_.WriteText(out);
    std::istringstream in(out.str());
    std::vector<std::string> lines;
    size_t number = 0;
    for (std::string line; std::getline(in, line); ++number) {
      if (number >= seen_ && line.find(kind) != std::string::npos) lines.push_back(line.substr(line.find(' ') + 1));
    }
    seen_ = number;
    return lines;
  }

  const std::string kBack = "/local/domain/0/backend/pci/1/0";
  const std::string kFront = "/local/domain/1/device/pci/0";
  sim::Simulation simulation_;
  sim::Trace trace_;
  Xenstored daemon_;
  FakeHypervisor hypervisor_;
  FakeAgent agent_;
  FakeInventory inventory_;
  std::unique_ptr<Toolstack> tools_;
  std::unique_ptr<StoreClient> kernel_, front_;
  FakeGuest guest_{daemon_, 1};
  std::vector<OperationResult> results_;
  size_t seen_ = 0;
  bool closes_ = true;
};

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

TEST_F(Tools, DetachMayLetTheGuestGoFirst) {
  CreateDomU();
  ToolstackConfig config;
  config.detach_order = DetachOrder::kHandshakeFirst;
  Start(config);
  Cold({kNic});
  Connect();
  kernel_->Watch(kBack + "/state", [&](const std::string&) {
    if (kernel_->Read(kBack + "/state").ok()) EXPECT_THAT(hypervisor_.calls, IsEmpty());
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

TEST_F(Tools, ASilentDom0EndsTheOperationInTime) {
  CreateDomU();
  agent_.silent = true;
  tools_->AttachCold(1, {kNic}, {}, Keep());
  const OperationResult result = Finish();
  EXPECT_FALSE(result.ok);
  EXPECT_THAT(result.error, HasSubstr("does not return"));
  EXPECT_EQ(result.elapsed, 10 * sim::kSec);
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
  agent_.files["/sys/bus/pci/devices/0000:00:05.0/driver"] = "../../../bus/pci/drivers/e1000e";
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
  EXPECT_THAT(agent_.writes, ElementsAre("/sys/bus/pci/drivers/pciback/bind 0000:00:05.0"));
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
  DomainSpec spec;
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
