// SPDX-License-Identifier: Apache-2.0
// A virtual CPU: runs guest code natively, on guest stacks, in slices of simulated time.
//
// Guest code leaves its stack through seam_host_table.call, which jumps (Boost.Context) to the vCPU's own SystemC
// thread; there the delegate answers, may throw, and may use deep stacks. Protocol: README.md.
//
// Time: local = clock.deadline_ps - clock.countdown. The deadline is never beyond the simulation's horizon, the next
// jiffy, or the reach of kGuardTrap, so no event is seen later than the end of the block in which it falls.
#ifndef PVPCI_DRIVER_VCPU_VCPU_RUNNER_H_
#define PVPCI_DRIVER_VCPU_VCPU_RUNNER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "driver/loader/backtrace.h"
#include "driver/loader/domain_space.h"
#include "driver/loader/image.h"
#include "driver/seam/seam.h"
#include "driver/vcpu/crash.h"
#include "driver/vcpu/guest_traps.h"
#include "sim/simulation.h"

namespace pvpci::driver {

using sim::Ps;

// Answer to a request that has a result.
struct Answer {
  uint64_t value = 0;
  Ps cost = 0;         // added to the vCPU's local time before it goes on
  bool block = false;  // sleep until somebody calls Simulation::Wake; VcpuRunner::SetResult may change `value` first
};

// `jiffies_64` at local time t is base + (t - origin) / period, never falling.
struct JiffiesClock {
  uint64_t base = 0;
  Ps origin = 0;
  Ps period = 4 * sim::kMs;    // HZ=250, driver/kernel.config
  uint64_t xen_offset_ns = 0;  // Xen system time minus local time: seam_clock.xen_offset_ns
};

// What surrounds a vCPU. All calls come on the vCPU's SystemC thread with Simulation::now() == its local time.
// Inside a call, VcpuRunner::CaptureBacktrace() tells where the guest stands.
class VcpuDelegate {
 public:
  virtual ~VcpuDelegate() = default;

  virtual Answer Hypercall(uint64_t number, const uint64_t (&args)[5]) = 0;
  virtual Answer MmioRead(uint64_t va, unsigned size) = 0;
  virtual Answer MmioWrite(uint64_t va, unsigned size, uint64_t value) = 0;  // value unused
  virtual Answer PortRead(uint16_t port, unsigned size) = 0;
  virtual Answer PortWrite(uint16_t port, unsigned size, uint64_t value) = 0;  // value unused

  // evtchn_upcall_pending && !evtchn_upcall_mask of this vCPU. Asked before every return into the guest.
  virtual bool UpcallDeliverable() = 0;
  // The bounce frame: sets evtchn_upcall_mask; returns its cost. The guest's seam_guest.upcall follows.
  virtual Ps BeginUpcall() = 0;
  // seam_guest.upcall returned: the iret. Clears evtchn_upcall_mask; returns its cost.
  virtual Ps EndUpcall() = 0;

  virtual JiffiesClock jiffies_clock() const = 0;  // asked at each Start
  virtual void Log(unsigned level, std::string_view text) = 0;
  virtual void Dma(const seam_dma& what) = 0;
  // A function at `address` was registered as handler of a physical interrupt.
  virtual void Handler(uint64_t /*address*/) {}
  // Events were masked from `since` to now, longer than ever before on this vCPU, and are let in again.
  virtual void IrqsOff(Ps /*since*/) {}
  // Whole pages of the direct map were made inaccessible to the guest's code, or accessible again.
  virtual void Guarded(uint64_t /*va*/, uint64_t /*bytes*/, bool /*guarded*/) {}
  // SEAM_USER_*: `text` is arg[1], arg[2]; for SEAM_USER_EXIT `value` is the exit code.
  virtual Answer User(seam_user kind, std::string_view text, uint64_t value) = 0;
  // "BAR0 of 0000:01:00.0" if `va` is an ioremapped address, else "".
  virtual std::string DescribeMmio(uint64_t va) = 0;

  virtual void Warned(const WarnReport& report) = 0;
  // This vCPU is stopped for good. The delegate halts the domain's others.
  virtual void Crashed(const CrashReport& report) = 0;
};

struct VcpuConfig {
  std::string name;  // "dom1.vcpu0"
  unsigned cpu = 0;  // index into __per_cpu_offset
  // Simulated time outside upcalls without any hypercall, MMIO, port access or delay: an endless loop. kNever: off.
  Ps quiet_limit = 200 * sim::kMs;
  // Simulated time without ever blocking: a loop that polls for ever. kNever: off.
  Ps busy_limit = 20 * sim::kSec;
};

// Called when a hooked function, or block, is entered. Local time is that before its first block's cost.
using FunctionHook = std::function<void(class VcpuRunner& vcpu, Ps entry_time)>;

// Hooks are per loaded image and shared by its vCPUs. Added while no vCPU of the domain executes guest code.
class FunctionHooks {
 public:
  explicit FunctionHooks(LoadedImage& image) : image_(image) {}
  // Every entry of `function` (all its inlined copies; all sources unless one is given) calls `hook` on the vCPU's
  // host stack. Returns the number of entry blocks hooked: 0 if the image has no such function.
  int Add(std::string_view function, FunctionHook hook, std::string_view source = {});
  // The same at every block of a function, or of a source file ("drivers/xen/events/events_base.c"). `hook` learns which
  // block from VcpuRunner::hooked_block().
  int AddBlocks(std::string_view function_or_source, FunctionHook hook);
  // Null if that block carries no hook.
  const std::vector<FunctionHook>* Find(uint32_t block_id) const;

 private:
  int AddTo(const std::vector<uint32_t>& blocks, const FunctionHook& hook);

  LoadedImage& image_;
  std::map<uint32_t, std::vector<FunctionHook>> by_block_;
};

class VcpuRunner : public sim::Runner {
 public:
  // Registers itself with `simulation`, which keeps it: a runner lives as long as the simulation runs, and a domain
  // that ends halts its vCPUs. `hooks` may be null. All arguments outlive the runner.
  VcpuRunner(VcpuConfig config, sim::Simulation& simulation, LoadedImage& image, FunctionHooks* hooks,
             VcpuDelegate& delegate);
  ~VcpuRunner() override;

  // Sets the entry: seam_guest.boot(argument), or `function` (guest virtual) if not 0, on the stack that ends at
  // `stack_top` (guest virtual, in the domain's memory; `stack_bytes` below it), and wakes the runner at `when`.
  // Once, and again after each Halt; not from inside this vCPU's own calls.
  void Start(uint64_t argument, uint64_t stack_top, uint64_t stack_bytes, Ps when, uint64_t function = 0);
  // Stops for good (domain destroyed or crashed elsewhere, VCPUOP_down). From inside Run it takes effect when the
  // delegate's call returns.
  void Halt();
  // XEN_DOMCTL_pausedomain for this vCPU: it executes nothing until Resume; what wakes it meanwhile is remembered. A
  // slice that has begun is finished. Not from inside this vCPU's own calls.
  void Pause();
  void Resume(Ps when);
  bool started() const { return state_ != State::kNew; }
  bool halted() const { return state_ == State::kHalted; }
  // Asleep in a request that was answered with `block`.
  bool blocked() const { return blocked_; }

  sim::RunnerId id() const { return id_; }
  unsigned cpu() const { return config_.cpu; }
  const std::string& name() const { return config_.name; }
  LoadedImage& image() const { return image_; }

  // sim::Runner
  Ps Run(Ps from) override;
  void Preempt() override;
  Ps local_time() const override;

  // The vCPU whose code, or whose request, is being executed; null in plain events.
  static VcpuRunner* current();
  // Where the guest stands: valid inside delegate calls and hooks. ~20 ns.
  RawBacktrace CaptureBacktrace() const;
  // Adds to local time from inside a delegate call (costs found deeper in a model).
  void AddCost(Ps cost) { local_ += cost; }
  // Executes nothing before `when`, as a vCPU that the hypervisor's scheduler does not run: no guest code, no upcall.
  // Interrupts pend meanwhile, and the limits below do not count it. From plain events, delegate calls and hooks.
  void StallUntil(Ps when);
  // When it last stood still by StallUntil or Pause: [since, until); until is sim::kNever while it is paused.
  struct Absence {
    Ps since = 0, until = 0;
  };
  Absence last_absence() const { return absence_; }
  // The processor did something else for `time`: what follows happens that much later. Nothing if the vCPU sleeps. From
  // plain events, delegate calls and hooks.
  void Steal(Ps time);
  // Replaces the result of the request this vCPU is blocked in.
  void SetResult(uint64_t value);
  // Hands `work` (guest virtual address of a struct seam_work) to seam_guest.post, on top of the next upcall. The
  // delegate's UpcallDeliverable must answer true while there is a post and the upcall mask is clear.
  void Post(uint64_t work) { posts_.push_back(work); }
  bool has_posts() const { return !posts_.empty(); }
  // Inside a hook: the block that is entered.
  uint32_t hooked_block() const { return hooked_block_; }
  // Depth of upcalls now on guest stacks; 0 in task context.
  unsigned upcall_depth() const { return upcall_depth_; }

  // --gdb: stop in the debugger (SIGTRAP) on the guest's own stack at the first block at or after `when`.
  void DebugStopAt(Ps when) { debug_stop_at_ = when; }

  struct Statistics {
    uint64_t entries = 0;         // jumps into the guest
    uint64_t deadlines = 0;       // SEAM_DEADLINE requests
    uint64_t hypercalls = 0;
    uint64_t accesses = 0;        // MMIO and port
    uint64_t upcalls = 0;
  };
  const Statistics& statistics() const { return statistics_; }

 private:
  enum class State { kNew, kReady, kHalted };
  struct Request;  // of the guest, on its stack
  struct Fault;    // of the guest, from the signal handler
  struct Stub;     // runs on guest stacks
  struct Scope;

  Request* Enter();  // into the guest; returns with its next request, null after a fault
  bool Proceed();    // decides what the guest does next; false: leave Run
  void Handle(Request& request);
  void HandleDeadline(Request& request);
  void HandleUser(Request& request);
  void HandleStop(const Request& request);
  void HandleMap(Request& request);
  void HandleFault();
  void RunHooks(uint32_t block_id, Ps entry_time);
  void Settle(const Answer& answer, Request& request);
  void Progress();
  void CheckLimits();
  void ArmClock();
  void UpdateJiffies();
  void Crash(CrashKind kind, std::string message, const RawBacktrace& backtrace, uint64_t fault_address = 0);
  void DeliverWarnings();
  bool AccountFirstRun(uint64_t guard_address);
  std::string_view GuestText(uint64_t va, uint64_t length);
  std::string GuestString(uint64_t va);

  const VcpuConfig config_;
  sim::Simulation& simulation_;
  LoadedImage& image_;
  FunctionHooks* const hooks_;
  VcpuDelegate& delegate_;
  const GuestTraps traps_;
  sim::RunnerId id_ = -1;
  State state_ = State::kNew;

  Ps local_ = 0;            // while host code runs; the clock in the image while guest code does
  bool in_guest_ = false;   // between the jump into the guest and the jump back
  bool blocked_ = false;
  bool paused_ = false;
  bool owed_ = false;        // was to run while it was paused
  bool upcall_begun_ = false;  // BeginUpcall was called, the guest not yet sent there
  void* guest_context_ = nullptr;
  void* host_context_ = nullptr;
  Request* request_ = nullptr;  // the one to be answered; null before the first
  uint64_t entry_argument_ = 0;
  uint64_t entry_function_ = 0;
  unsigned upcall_depth_ = 0;
  uint32_t hooked_block_ = 0;
  JiffiesClock jiffies_;
  Ps next_jiffy_ = 0;
  Ps stalled_until_ = 0;
  Absence absence_;
  Ps quiet_since_ = 0;
  Ps busy_since_ = 0;
  Ps debug_stop_at_ = sim::kNever;
  std::unique_ptr<Fault> fault_;
  std::vector<WarnReport> warnings_;
  std::vector<uint64_t> posts_;  // oldest first
  Statistics statistics_;
};

// gdb command file for a set of loaded images: symbols of every domain, and the signals the bench uses itself.
// Started by: gdb -x <file> --args pvpci run ... --gdb
void WriteGdbCommands(const std::string& path, const std::vector<const LoadedImage*>& images);

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_VCPU_VCPU_RUNNER_H_
