// SPDX-License-Identifier: Apache-2.0
// A machine room without guests for the tests of this folder: domains in real memory, a few PCI functions as register
// arrays, and hypercalls made by hand.
#ifndef PVPCI_MODELS_XEN_TEST_MACHINE_H_
#define PVPCI_MODELS_XEN_TEST_MACHINE_H_

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/xen/abi.h"
#include "models/xen/apic.h"
#include "models/xen/domain_builder.h"
#include "models/xen/event_channels.h"
#include "models/xen/frames.h"
#include "models/xen/grant_table.h"
#include "models/xen/hypervisor.h"
#include "models/xen/irq.h"
#include "models/xen/mmu.h"
#include "sim/check.h"

namespace pvpci::xen {

// Register arrays; memory BARs are a plain map.
class FakePci : public PlatformPci {
 public:
  using Space = std::array<uint8_t, 256>;
  Space& Add(pci::Bdf function) { return functions_[function]; }
  // A function with MSI (64-bit, optionally per-vector masking) at 0x50 and MSI-X (4 entries, BAR 0 at 0) at 0x70.
  void AddEndpoint(pci::Bdf function, uint64_t bar, bool msi_maskable) {
    Space& space = Add(function);
    Put(space, 0x00, 0x11e81234, 4);
    Put(space, 0x04, 0x0006, 2);
    Put(space, 0x06, 0x0010, 2);
    Put(space, 0x10, static_cast<uint32_t>(bar), 4);
    Put(space, 0x34, 0x50, 1);
    Put(space, 0x50, 0x7005, 2);
    Put(space, 0x52, 0x0080 | (2 << 1) | (msi_maskable ? 0x100 : 0), 2);
    Put(space, 0x70, 0x0011, 2);
    Put(space, 0x72, 3, 2);
    Put(space, 0x74, 0, 4);
    Put(space, 0x78, 0x1000, 4);
  }
  static void Put(Space& space, unsigned offset, uint32_t value, unsigned size) {
    std::memcpy(&space[offset], &value, size);
  }
  uint32_t ConfigRead(pci::Bdf function, unsigned offset, unsigned size) override {
    const auto found = functions_.find(function);
    uint32_t value = 0xffffffffu;
    if (found != functions_.end()) {
      value = 0;
      std::memcpy(&value, &found->second[offset], size);
    }
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
  }
  void ConfigWrite(pci::Bdf function, unsigned offset, unsigned size, uint32_t value) override {
    const auto found = functions_.find(function);
    if (found != functions_.end()) Put(found->second, offset, value, size);
  }
  uint64_t MmioRead(uint64_t address, unsigned) override { return mmio[address]; }
  void MmioWrite(uint64_t address, unsigned, uint64_t value) override { mmio[address] = value; }

  std::map<uint64_t, uint64_t> mmio;

 private:
  std::map<pci::Bdf, Space> functions_;
};

// An IOMMU that takes no time and keeps nothing.
struct QuietIommu : IommuControl {
  bool remaps_interrupts() const override { return false; }
  sim::Ps DestroyDomain(sim::DomId) override { return 0; }
  sim::Ps AttachDevice(pci::Bdf, sim::DomId) override { return 0; }
  sim::Ps PassDevice(pci::Bdf, sim::DomId) override { return 0; }
  sim::Ps AttachQuarantine(pci::Bdf) override { return 0; }
  sim::Ps BlockDevice(pci::Bdf) override { return 0; }
  sim::Ps MakeQuarantine(pci::Bdf, const std::vector<std::pair<sim::Mfn, sim::Mfn>>&, bool) override { return 0; }
  sim::Ps MapFrame(sim::DomId, sim::Mfn, bool) override { return 0; }
  sim::Ps UnmapFrame(sim::DomId, sim::Mfn) override { return 0; }
  void BeginBatch() override {}
  sim::Ps EndBatch(sim::Ps) override { return 0; }
  void SuppressFlushes(bool) override {}
  std::vector<DmaFaultReport> TakeFaults() override { return {}; }
  std::optional<unsigned> AllocateIrtes(unsigned) override { return std::nullopt; }
  sim::Ps WriteIrte(unsigned, const RemapTarget&) override { return 0; }
  sim::Ps FreeIrtes(unsigned, unsigned) override { return 0; }
};

struct FakeVcpu : VcpuHost {
  void Kick() override { ++kicks; }
  void Steal(sim::Ps time) override { stolen += time; }
  void Wake(sim::Ps when) override { wakes.push_back(when); }
  void Start(const VcpuContext& c, sim::Ps) override { context = c; ++starts; }
  void Stop() override { ++stops; }
  void Deschedule() override { ++descheduled; }
  void Reschedule(sim::Ps when) override { rescheduled.push_back(when); }
  int kicks = 0, starts = 0, stops = 0, descheduled = 0;
  sim::Ps stolen = 0;
  std::vector<sim::Ps> wakes, rescheduled;
  VcpuContext context;
};

class FakeSpace : public GuestSpace {
 public:
  FakeSpace(uint64_t base, uint64_t pages, uint64_t vmalloc, uint64_t vmalloc_bytes)
      : base_(base), bytes_(pages << 12), vmalloc_(vmalloc), vmalloc_bytes_(vmalloc_bytes) {
    fd = memfd_create("test-domain", 0);
    SIM_CHECK(ftruncate(fd, static_cast<off_t>(bytes_)) == 0, "ftruncate");
    SIM_CHECK(mmap(reinterpret_cast<void*>(base), bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
                   0) != MAP_FAILED, "mmap");
  }
  ~FakeSpace() override {
    munmap(reinterpret_cast<void*>(base_), bytes_);
    for (const auto& [va, writable] : mapped) munmap(reinterpret_cast<void*>(va), 4096);
    close(fd);
  }
  void* Access(uint64_t va, uint64_t length, bool write) override {
    if (va >= base_ && va + length <= base_ + bytes_) return reinterpret_cast<void*>(va);
    const auto found = mapped.find(va & ~uint64_t{4095});
    if (found == mapped.end() || (write && !found->second)) return nullptr;
    return reinterpret_cast<void*>(va);
  }
  bool MapFrame(uint64_t va, const sim::Frame& frame, bool writable) override {
    if (va < vmalloc_ || va >= vmalloc_ + vmalloc_bytes_) return false;
    if (mmap(reinterpret_cast<void*>(va), 4096, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED | MAP_FIXED,
             frame.backing_fd, static_cast<off_t>(frame.backing_offset)) == MAP_FAILED) {
      return false;
    }
    mapped[va] = writable;
    return true;
  }
  void UnmapPage(uint64_t va) override {
    if (mapped.erase(va) != 0) munmap(reinterpret_cast<void*>(va), 4096);
  }

  int fd = -1;
  std::map<uint64_t, bool> mapped;

 private:
  const uint64_t base_, bytes_, vmalloc_, vmalloc_bytes_;
};

struct ProbeLog : InterruptProbe {
  void OnProbe(const ProbeEvent& event) override { probes.push_back(event); }
  void OnOutcome(uint32_t interrupt, InterruptOutcome outcome, uint32_t into, sim::Ps) override {
    outcomes.push_back({interrupt, outcome, into});
  }
  int Count(Probe probe) const {
    int count = 0;
    for (const ProbeEvent& event : probes) count += event.probe == probe ? 1 : 0;
    return count;
  }
  struct End { uint32_t interrupt; InterruptOutcome outcome; uint32_t into; };
  std::vector<ProbeEvent> probes;
  std::vector<End> outcomes;
};

inline constexpr uint64_t kTestPages = 2048;
inline constexpr uint64_t kTestImagePages = 16;

struct TestDomain {
  std::unique_ptr<FakeSpace> space;
  std::vector<std::unique_ptr<FakeVcpu>> hosts;
  BuiltDomain built;
  Domain* domain = nullptr;
  uint64_t base = 0;
  uint64_t vmalloc = 0;
  std::string stores;

  Vcpu& vcpu(unsigned id = 0) { return *domain->vcpus[id]; }
  FakeVcpu& host(unsigned id = 0) { return *hosts[id]; }
  // Page `n` of the image: free for the test's arguments.
  template <typename T = std::byte>
  T* Page(unsigned n) { return reinterpret_cast<T*>(base + n * 4096); }
  uint64_t Va(unsigned n) const { return base + n * 4096; }
  sim::Mfn Mfn(unsigned n) const { return domain->p2m[n]; }
  abi::VcpuInfo& info(unsigned id = 0) { return *reinterpret_cast<abi::VcpuInfo*>(domain->vcpus[id]->info); }
  abi::SharedInfo& shared() { return *reinterpret_cast<abi::SharedInfo*>(domain->shared_info); }
};

class TestMachine {
 public:
  explicit TestMachine(HypervisorConfig config = {}, IommuControl* iommu = nullptr)
      : simulation({}), memory(16384), trace([this] { return simulation.now(); }),
        xen(config, simulation, memory, trace, pci, iommu) {
    xen.SetInterruptProbe(&probes);
  }

  TestDomain& Add(sim::DomId id, unsigned vcpus = 1, P2mLayout layout = P2mLayout::kExtents,
                  sim::Mfn first_mfn = 0) {
    TestDomain& added = *(domains[id] = std::make_unique<TestDomain>());
    added.base = 0x20000000 + uint64_t{id} * 0x4000000;
    added.vmalloc = added.base + 0x2000000;
    constexpr uint64_t kVmallocBytes = 0x400000;
    added.space = std::make_unique<FakeSpace>(added.base, kTestPages, added.vmalloc, kVmallocBytes);
    BuildRequest request;
    request.spec.name = id == 0 ? "dom0" : "domU" + std::to_string(id);
    request.spec.id = id;
    request.spec.role = id == 0 ? DomainRole::kDom0 : DomainRole::kDomU;
    request.spec.pages = kTestPages;
    request.spec.vcpus = vcpus;
    request.spec.seed = 7;
    request.spec.p2m = layout;
    request.spec.first_mfn = first_mfn;
    request.spec.command_line = "console=hvc0";
    request.memory = {reinterpret_cast<std::byte*>(added.base), kTestPages, added.space->fd};
    request.vmalloc = {added.vmalloc, kVmallocBytes};
    request.space = added.space.get();
    for (unsigned i = 0; i < vcpus; ++i) {
      added.hosts.push_back(std::make_unique<FakeVcpu>());
      request.vcpus.push_back(added.hosts.back().get());
    }
    request.image_first_pfn = 0;
    request.image_pages = kTestImagePages;
    added.built = BuildDomain(xen, request, [&added] { added.stores += "s"; });
    added.domain = added.built.domain;
    return added;
  }

  HypercallResult Raw(TestDomain& domain, unsigned nr, std::array<uint64_t, 5> args, unsigned vcpu = 0) {
    return xen.Hypercall(domain.vcpu(vcpu), nr, args.data());
  }
  // cmd(pointer) style; the structure travels through page 0 of the domain's image.
  template <typename T>
  long Op(TestDomain& domain, unsigned nr, unsigned cmd, T& args, unsigned vcpu = 0) {
    std::memcpy(domain.Page(0), &args, sizeof args);
    last = Raw(domain, nr, {cmd, domain.Va(0), 1, 0, 0}, vcpu);
    std::memcpy(&args, domain.Page(0), sizeof args);
    return last.value;
  }
  template <typename T>
  long Event(TestDomain& domain, unsigned cmd, T args) { return Op(domain, abi::kEventChannelOp, cmd, args); }
  template <typename T>
  long Physdev(TestDomain& domain, unsigned cmd, T args) { return Op(domain, abi::kPhysdevOp, cmd, args); }
  template <typename T>
  long VcpuOp(TestDomain& domain, unsigned cmd, unsigned target, T args) {
    std::memcpy(domain.Page(0), &args, sizeof args);
    last = Raw(domain, abi::kVcpuOp, {cmd, target, domain.Va(0), 0, 0});
    return last.value;
  }
  uint32_t BindPirq(TestDomain& domain, uint32_t pirq, uint32_t flags) {
    abi::EvtchnBindPirq args{pirq, flags, 0};
    return Op(domain, abi::kEventChannelOp, 2, args) == 0 ? args.port : 0;
  }
  void RunFor(sim::Ps time) {
    const sim::Ps until = simulation.now() + time;
    simulation.At(until, [] {});  // the clock stops with the last event
    simulation.Run(until);
  }
  std::string LastTrace() {
    std::string text;
    trace.ForEach([&](const sim::RecordView& record) { text = trace.Format(record); });
    return text.substr(text.find(' ') + 1);
  }

  sim::Simulation simulation;
  sim::MachineMemory memory;
  sim::Trace trace;
  FakePci pci;
  Hypervisor xen;
  ProbeLog probes;
  HypercallResult last;
  std::map<sim::DomId, std::unique_ptr<TestDomain>> domains;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_TEST_MACHINE_H_
