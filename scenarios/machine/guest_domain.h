// SPDX-License-Identifier: Apache-2.0
// One domain: its memory, its image, its vCPUs, and everything that crosses between the guest and the rest of the
// machine room. Adapts driver/ (DomainSpace, VcpuRunner) to models/xen (GuestSpace, VcpuHost) and back (VcpuDelegate).
//
// Layout of the pseudo-physical memory: [0, kImagePfn) free, the image, then pages of the bench's own (boot stack, work
// slots, secrets), then the domain builder's pages, then what the guest's allocator hands out.
#ifndef PVPCI_SCENARIOS_MACHINE_GUEST_DOMAIN_H_
#define PVPCI_SCENARIOS_MACHINE_GUEST_DOMAIN_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "driver/loader/domain_space.h"
#include "driver/loader/image.h"
#include "driver/vcpu/vcpu_runner.h"
#include "models/iommu/iommu.h"
#include "models/pci/fabric.h"
#include "models/xen/domain_builder.h"
#include "models/xen/guest_space.h"
#include "models/xen/hypervisor.h"
#include "reports/result.h"
#include "scenarios/machine/backtraces.h"
#include "scenarios/machine/ring_probe.h"
#include "scenarios/machine/secrets.h"
#include "scenarios/machine/spans.h"
#include "scenarios/scenario.h"
#include "sim/dma_ledger.h"
#include "sim/simulation.h"

namespace pvpci::scenarios {

// What all domains share. Members outlive the domains.
// A mapping of the DMA API that began or ended.
struct DmaCall {
  sim::DomId domain = 0;
  pci::Bdf function;
  uint64_t bus_address = 0;
  uint64_t bytes = 0;
  sim::DmaDirection direction = sim::DmaDirection::kBidirectional;
  bool begins = false;
  uint32_t backtrace = 0;  // in Backtraces
};

struct Surroundings {
  sim::Simulation* simulation = nullptr;
  sim::Trace* trace = nullptr;
  bool watched = true;  // false: ledger, backtraces, spans and rings are not told of anything
  xen::Hypervisor* hypervisor = nullptr;
  pci::Fabric* fabric = nullptr;
  iommu::Iommu* iommu = nullptr;  // null unless a kernel drives it
  sim::DmaLedger* ledger = nullptr;
  Backtraces* backtraces = nullptr;
  Secrets* secrets = nullptr;
  Spans* spans = nullptr;
  RingProbe* rings = nullptr;
  int mutant = 0;  // which fix the image takes back (driver/mutants/mutate.py), 0: none
  // The physical function a guest calls `name` ("0000:00:00.0"); nothing if it has none of that name.
  std::function<std::optional<pci::Bdf>(sim::DomId, const std::string& name)> function_of;
  std::function<void(const DmaCall&)> dma_called;
  // A domain stopped (crashed or hung).
  std::function<void(sim::DomId)> stopped;
};

// Where in this process: which domain of the run, and, where there are more than have a slot each, the offset of its memory.
struct DomainPlace {
  unsigned index = 0;
  std::optional<uint64_t> offset;
};

class GuestVcpu;

class GuestDomain : public xen::GuestSpace {
 public:
  enum class State { kNew, kBuilt, kRunning, kUp, kCrashed, kHung, kDestroyed };

  // `image` null: memory only. Reserves the address space; nothing of Xen yet.
  GuestDomain(const DomainSpec& spec, sim::DomId id, const DomainPlace& place, std::shared_ptr<const driver::Image> image,
              const Surroundings& around);
  ~GuestDomain() override;
  GuestDomain(const GuestDomain&) = delete;
  GuestDomain& operator=(const GuestDomain&) = delete;

  // Loads the image and lets the domain builder make the domain. Plants the secrets.
  void Build(const std::string& command_line, uint64_t seed, std::function<void()> on_store);
  // vCPU 0 begins; `up` is called once when the kernel's init is done.
  void Start(std::function<void()> up);
  // xl pause, xl unpause: its vCPUs stand still; time and events go on.
  void Pause();
  void Unpause();

  const DomainSpec& spec() const { return spec_; }
  sim::DomId id() const { return id_; }
  State state() const { return state_; }
  bool stopped() const { return state_ == State::kCrashed || state_ == State::kHung || state_ == State::kDestroyed; }
  void MarkDestroyed();
  // The hypervisor ended it for `reason`: nothing more of it runs.
  void MarkCrashed(const std::string& reason);
  const std::optional<reports::DomainReport>& report() const { return report_; }
  const std::string& console() const { return console_; }
  const std::vector<reports::Program>& programs() const { return programs_; }
  driver::LoadedImage* image() { return loaded_.get(); }
  driver::FunctionHooks* hooks() { return hooks_.get(); }  // null before Build and without a kernel
  xen::Domain* domain() { return built_.domain; }
  const xen::BuiltDomain& built() const { return built_; }
  const std::vector<std::unique_ptr<GuestVcpu>>& vcpus() const { return vcpus_; }

  // Asks the guest to do something in task context. `words` as seam_work_kind says. `done` comes once: with the
  // guest's result and, for reads, the text; -EIO if the domain stops first.
  using WorkDone = std::function<void(long result, const std::string& text)>;
  void Post(seam_work_kind kind, const std::vector<std::string>& words, WorkDone done);

  // Calls `hook` at every entry of `function` from now on. False: the image has no such function, or the domain is not
  // built yet.
  bool OnEntry(const std::string& function, driver::FunctionHook hook);

  // The longest time that a vCPU has let no event in so far; empty before a vCPU has masked and unmasked them.
  std::optional<reports::IrqsOff> irqs_off() const;

  // End of the pages through which work is handed to the guest; nobody uses them while there is none.
  static constexpr uint64_t kWorkAreaBytes = 8 * sim::kPageSize;
  std::byte* work_area_end() { return space_.page(work_pfn_) + kWorkAreaBytes; }

  // xen::GuestSpace
  void* Access(uint64_t va, uint64_t length, bool write) override;
  bool MapFrame(uint64_t va, const sim::Frame& frame, bool writable) override;
  void UnmapPage(uint64_t va) override;

 private:
  friend class GuestVcpu;
  struct Work {
    uint64_t va = 0;
    seam_work_kind kind = SEAM_WORK_CALL;
    WorkDone done;
  };

  struct IrqsOff {
    sim::Ps length = 0;
    sim::Ps since = 0;
    unsigned vcpu = 0;
    driver::RawBacktrace backtrace;
  };

  void InstallHooks();
  // t6: `address` became the handler of a physical interrupt.
  void WatchHandler(uint64_t address);
  void Log(unsigned level, std::string_view text, sim::Ps time);
  void CollectWork();
  void StopAll(const driver::CrashReport& report);
  void Fail(const std::string& message);

  const DomainSpec spec_;
  const sim::DomId id_;
  const Surroundings around_;
  std::shared_ptr<const driver::Image> image_;
  driver::DomainSpace space_;
  std::unique_ptr<driver::LoadedImage> loaded_;
  std::unique_ptr<driver::FunctionHooks> hooks_;
  std::set<std::string> handlers_;
  std::vector<std::unique_ptr<GuestVcpu>> vcpus_;
  xen::BuiltDomain built_;
  State state_ = State::kNew;
  std::optional<reports::DomainReport> report_;
  IrqsOff irqs_off_;
  std::function<void()> up_;
  sim::Ps started_ = 0;  // jiffies count from here, on every vCPU

  uint64_t stack_pfn_ = 0;
  uint64_t work_pfn_ = 0;
  std::vector<bool> slots_used_;
  std::vector<Work> works_;                       // given to the guest, not yet done
  std::deque<std::pair<seam_work_kind, std::pair<std::string, WorkDone>>> waiting_;  // no slot free
  std::string console_;
  bool console_line_open_ = false;
  std::vector<reports::Program> programs_;
};

// How records of DMA-API calls print.
void RegisterDmaTrace(sim::Trace& trace);

// One vCPU, both ways.
class GuestVcpu : public driver::VcpuDelegate, public xen::VcpuHost {
 public:
  GuestVcpu(GuestDomain& guest, unsigned number);

  driver::VcpuRunner& runner() { return *runner_; }
  xen::Vcpu& vcpu();
  void PostWork(uint64_t va);

  // driver::VcpuDelegate
  driver::Answer Hypercall(uint64_t number, const uint64_t (&args)[5]) override;
  driver::Answer MmioRead(uint64_t va, unsigned size) override;
  driver::Answer MmioWrite(uint64_t va, unsigned size, uint64_t value) override;
  driver::Answer PortRead(uint16_t port, unsigned size) override;
  driver::Answer PortWrite(uint16_t port, unsigned size, uint64_t value) override;
  bool UpcallDeliverable() override;
  sim::Ps BeginUpcall() override;
  sim::Ps EndUpcall() override;
  driver::JiffiesClock jiffies_clock() const override;
  void Log(unsigned level, std::string_view text) override;
  void Dma(const seam_dma& what) override;
  void Handler(uint64_t address) override;
  void IrqsOff(sim::Ps since) override;
  void Guarded(uint64_t va, uint64_t bytes, bool guarded) override;
  driver::Answer User(seam_user kind, std::string_view text, uint64_t value) override;
  std::string DescribeMmio(uint64_t va) override;
  void Warned(const driver::WarnReport& report) override;
  void Crashed(const driver::CrashReport& report) override;

  // xen::VcpuHost
  void Kick() override;
  void Steal(sim::Ps time) override;
  void Deschedule() override;
  void Reschedule(sim::Ps when) override;
  // By the tools: on top of what the scheduler says.
  void Pause(bool paused);
  void Wake(sim::Ps when) override;
  void Start(const xen::VcpuContext& context, sim::Ps when) override;
  void Stop() override;

 private:
  pci::WriteContext Context(bool with_backtrace);
  iommu::Iommu* IommuAt(uint64_t machine_address) const;  // whose registers the domain reaches there

  GuestDomain& guest_;
  const unsigned number_;
  std::unique_ptr<driver::VcpuRunner> runner_;
  bool paused_ = false, descheduled_ = false;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_GUEST_DOMAIN_H_
