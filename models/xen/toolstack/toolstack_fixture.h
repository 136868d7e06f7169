// SPDX-License-Identifier: Apache-2.0
// What the toolstack's tests share: a scripted hypervisor, dom0 shell and inventory, and both ends of one pci device.
#ifndef PVPCI_MODELS_XEN_TOOLSTACK_TOOLSTACK_FIXTURE_H_
#define PVPCI_MODELS_XEN_TOOLSTACK_TOOLSTACK_FIXTURE_H_

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "models/xen/store/fake_guest.h"
#include "models/xen/store/store_client.h"
#include "models/xen/toolstack/toolstack.h"

namespace pvpci::xen {

inline constexpr pci::Bdf kNic(0, 0, 5, 0);
inline constexpr pci::Bdf kEdu(0, 1, 0, 0);
inline constexpr pci::Bdf kPlain(0, 2, 0, 0);

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
    ToolDomain dom0;
    dom0.name = "Domain-0";
    tools_->InitDom0(dom0);
    ToolDomain spec;
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

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_TOOLSTACK_TOOLSTACK_FIXTURE_H_
