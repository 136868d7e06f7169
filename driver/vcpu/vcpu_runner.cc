// SPDX-License-Identifier: Apache-2.0
#include "driver/vcpu/vcpu_runner.h"

#include <asm/prctl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "driver/vcpu/vcpu_internal.h"
#include "sim/check.h"

namespace pvpci::driver {
namespace {

constexpr uint64_t kNullZone = 64 << 10;
constexpr uint64_t kTextMax = 64 << 10;  // longest log line or program output taken in one piece
constexpr uint64_t kErrorInvalid = static_cast<uint64_t>(-static_cast<int64_t>(EINVAL));

bool HaveFsgsbase() {
  constexpr unsigned long kHwcap2Fsgsbase = 1 << 1;
  return (getauxval(AT_HWCAP2) & kHwcap2Fsgsbase) != 0;
}

// The host uses FS only, so what was set last stands until another vCPU needs another.
void SetGsBase(uint64_t base) {
  static const bool direct = HaveFsgsbase();
  static uint64_t present = 0;
  if (base == present) return;
  present = base;
  if (direct) {
    asm volatile("wrgsbase %0" : : "r"(base) : "memory");
  } else {
    syscall(SYS_arch_prctl, ARCH_SET_GS, base);
  }
}

// Requests after which a processor could take an interrupt. Logging and bookkeeping are not instructions of the guest.
bool Interruptible(uint32_t op) {
  switch (op) {
    case SEAM_HYPERCALL:
    case SEAM_MMIO_READ:
    case SEAM_MMIO_WRITE:
    case SEAM_PORT_READ:
    case SEAM_PORT_WRITE:
    case SEAM_DEADLINE:
    case SEAM_UDELAY:
    case SEAM_USER:
      return true;
    default:
      return false;
  }
}

std::string DescribeAddress(const DomainSpace& space, uint64_t va) {
  if (va < kNullZone) return fmt::format("{:#x}", va);
  if (space.in_direct_map(va)) return fmt::format("direct map + {:#x}", va - space.base());
  if (space.in_vmalloc(va)) return fmt::format("vmalloc area + {:#x}", va - space.vmalloc_base());
  return "an address outside the domain";
}

// The innermost functions of a stack, without the allocator's own.
std::string Callers(const Image& image, const RawBacktrace& backtrace) {
  constexpr uint32_t kShown = 5;
  std::string text;
  uint32_t shown = 0;
  for (uint32_t i = 0; i < backtrace.count && shown < kShown; ++i) {
    const auto nearest = image.NearestFunction(backtrace.pc[i]);
    if (!nearest || nearest->name.find("fence") != std::string_view::npos) continue;
    text += (shown++ == 0 ? "" : " < ") + std::string(nearest->name);
  }
  return text;
}

// An access to memory that the slab fences (driver/env/slab.c): an object ends where its page ends, the next one is its
// fence.
std::string DescribeGuard(const LoadedImage& image, const LoadedImage::GuardNote& note, uint64_t va, const char* verb) {
  constexpr uint64_t kPage = 4096, kAlign = 8;
  const uint64_t size = note.why >> SEAM_GUARD_SHIFT;
  const uint64_t page = va & ~(kPage - 1);
  const uint64_t span = (size + kAlign - 1) & ~(kAlign - 1);
  if ((note.why & ((1u << SEAM_GUARD_SHIFT) - 1)) == SEAM_GUARD_BEYOND) {
    return fmt::format("out of bounds: {} {} bytes into an object of {} bytes; allocated by {}", verb, va - page + span,
                       size, Callers(image.image(), note.by));
  }
  const LoadedImage::GuardNote* allocated = image.FindGuard(page + kPage);
  const auto offset = static_cast<int64_t>(va - (page + kPage - span));
  return fmt::format("use after free: {} {} bytes into an object of {} bytes; freed by {}; allocated by {}", verb, offset,
                     size, Callers(image.image(), note.by),
                     allocated == nullptr ? "?" : Callers(image.image(), allocated->by));
}

}  // namespace

struct VcpuRunner::Scope {
  explicit Scope(VcpuRunner* vcpu) : vcpu_(vcpu) {
    SIM_CHECK(Stub::current == nullptr, "a vCPU runs inside another");
    Stub::current = vcpu;
  }
  ~Scope() {
    vcpu_->in_guest_ = false;
    Stub::current = nullptr;
  }
  VcpuRunner* const vcpu_;
};

VcpuRunner::VcpuRunner(VcpuConfig config, sim::Simulation& simulation, LoadedImage& image, FunctionHooks* hooks,
                       VcpuDelegate& delegate)
    : config_(std::move(config)),
      simulation_(simulation),
      image_(image),
      hooks_(hooks),
      delegate_(delegate),
      traps_(image),
      fault_(std::make_unique<Fault>()) {
  Stub::InstallFaultHandlers();
  Stub::FillHostTable(&image_.host_table());
  id_ = simulation_.AddRunner(config_.name, this);
}

VcpuRunner::~VcpuRunner() = default;

VcpuRunner* VcpuRunner::current() { return Stub::current; }

void VcpuRunner::Start(uint64_t argument, uint64_t stack_top, uint64_t stack_bytes, Ps when, uint64_t function) {
  SIM_CHECK(state_ != State::kReady && Stub::current != this, config_.name + " is started while it runs");
  SIM_CHECK(image_.space().Access(stack_top - stack_bytes, stack_bytes, true) != nullptr,
            config_.name + ": its stack is not in the domain's memory");
  guest_context_ = Stub::MakeContext(stack_top, stack_bytes);
  entry_argument_ = argument;
  entry_function_ = function;
  request_ = nullptr;
  blocked_ = false;
  upcall_begun_ = false;
  upcall_depth_ = 0;
  jiffies_ = delegate_.jiffies_clock();
  next_jiffy_ = 0;
  image_.clock().xen_offset_ns = jiffies_.xen_offset_ns;
  image_.clock().jiffies_origin_ps = jiffies_.origin;
  quiet_since_ = busy_since_ = std::max(local_, when);
  state_ = State::kReady;
  simulation_.Wake(id_, when);
}

void VcpuRunner::Halt() { state_ = State::kHalted; }

void VcpuRunner::Pause() {
  if (std::exchange(paused_, true)) return;
  absence_ = {simulation_.now(), sim::kNever};
}

void VcpuRunner::Resume(Ps when) {
  if (!std::exchange(paused_, false)) return;
  absence_.until = when;
  quiet_since_ = busy_since_ = std::max(local_, when);
  if (std::exchange(owed_, false)) simulation_.Wake(id_, when);
}

void VcpuRunner::StallUntil(Ps when) {
  if (stalled_until_ <= simulation_.now()) absence_.since = simulation_.now();
  stalled_until_ = absence_.until = std::max(stalled_until_, when);
  quiet_since_ = busy_since_ = stalled_until_;
}

void VcpuRunner::Steal(Ps time) {
  if (state_ != State::kReady || blocked_ || paused_) return;
  local_ += time;
}

Ps VcpuRunner::local_time() const {
  if (!in_guest_) return local_;
  const seam_clock& clock = image_.clock();
  return clock.deadline_ps - clock.countdown;
}

// Model code runs on the host's stack, and the clock is armed anew before the guest goes on: only a guest that is
// executing right now (a signal) has to be shortened.
void VcpuRunner::Preempt() {
  if (!in_guest_) return;
  seam_clock& clock = image_.clock();
  clock.deadline_ps -= clock.countdown;
  clock.countdown = 0;
}

void VcpuRunner::SetResult(uint64_t value) {
  SIM_CHECK(request_ != nullptr && blocked_, config_.name + " waits for no result");
  request_->result = value;
}

RawBacktrace VcpuRunner::CaptureBacktrace() const {
  if (request_ == nullptr) return {};
  return driver::CaptureBacktrace(image_, request_->frame);
}

Ps VcpuRunner::Run(Ps from) {
  Scope scope(this);
  local_ = std::max(local_, from);
  if (paused_ && state_ == State::kReady) {
    owed_ = true;
    simulation_.Sleep(id_);
    return local_;
  }
  if (state_ == State::kReady && blocked_) {
    blocked_ = false;
    quiet_since_ = busy_since_ = local_;
  }
  while (state_ == State::kReady && Proceed()) {
    request_ = Enter();
    DeliverWarnings();
    if (request_ == nullptr) {
      HandleFault();
    } else {
      Handle(*request_);
      if (state_ == State::kReady && !blocked_) CheckLimits();
    }
    if (blocked_) {
      simulation_.Sleep(id_);
      return local_;
    }
  }
  if (state_ != State::kReady) simulation_.Sleep(id_);
  return local_;
}

bool VcpuRunner::Proceed() {
  local_ = std::max(local_, stalled_until_);
  UpdateJiffies();
  for (;;) {
    if (local_ >= simulation_.horizon(id_)) return false;
    if (request_ == nullptr) return true;
    request_->order = Request::Order::kReturn;
    if (upcall_begun_) {
      request_->order = Request::Order::kUpcall;
      upcall_begun_ = false;
      ++upcall_depth_;
      ++statistics_.upcalls;
      return true;
    }
    if (local_ >= debug_stop_at_) {
      debug_stop_at_ = sim::kNever;
      request_->order = Request::Order::kDebugStop;
      return true;
    }
    if (!request_->interruptible || !delegate_.UpcallDeliverable()) return true;
    // The bounce takes time, in which the horizon or the next jiffy may be reached.
    local_ += delegate_.BeginUpcall();
    upcall_begun_ = true;
    if (state_ != State::kReady) return false;
    UpdateJiffies();
  }
}

VcpuRunner::Request* VcpuRunner::Enter() {
  ArmClock();
  SetGsBase(image_.per_cpu_offset(config_.cpu));
  ++statistics_.entries;
  in_guest_ = true;
  void* request;
  void* const from = Stub::Jump(guest_context_, this, &request);
  local_ = local_time();
  in_guest_ = false;
  guest_context_ = from;
  return static_cast<Request*>(request);
}

// The countdown turns negative in the block that reaches the limit, not in the one after it.
void VcpuRunner::ArmClock() {
  Ps limit = std::min(simulation_.horizon(id_), local_ + kGuardTrap - 1);
  limit = std::min(limit, next_jiffy_);
  if (debug_stop_at_ > local_) limit = std::min(limit, debug_stop_at_);
  seam_clock& clock = image_.clock();
  clock.deadline_ps = limit - 1;
  clock.countdown = static_cast<seam_s64>(limit - 1 - local_);
}

void VcpuRunner::UpdateJiffies() {
  if (local_ < next_jiffy_) return;
  if (local_ < jiffies_.origin) {
    next_jiffy_ = jiffies_.origin;
    return;
  }
  const uint64_t ticks = (local_ - jiffies_.origin) / jiffies_.period;
  next_jiffy_ = jiffies_.origin + (ticks + 1) * jiffies_.period;
  uint64_t* const jiffies = reinterpret_cast<uint64_t*>(image_.guest().jiffies);
  if (jiffies == nullptr) return;
  // vCPUs of a domain are up to a quantum apart; the counter they share never falls. Signed: it starts near its wrap.
  const uint64_t now = jiffies_.base + ticks;
  if (static_cast<int64_t>(now - *jiffies) > 0) *jiffies = now;
}

void VcpuRunner::Settle(const Answer& answer, Request& request) {
  local_ += answer.cost;
  request.result = answer.value;
  blocked_ = answer.block;
}

// Only what happens in task context counts: timer interrupts do not excuse a loop that they interrupt.
void VcpuRunner::Progress() {
  if (upcall_depth_ == 0) quiet_since_ = local_;
}

void VcpuRunner::Handle(Request& request) {
  const auto& arg = request.arg;
  if (request.op < kOpUpcallDone) request.interruptible = Interruptible(request.op);
  switch (request.op) {
    case SEAM_HYPERCALL: {
      ++statistics_.hypercalls;
      const uint64_t args[5] = {arg[1], arg[2], arg[3], arg[4], arg[5]};
      Settle(delegate_.Hypercall(arg[0], args), request);
      return Progress();
    }
    case SEAM_MMIO_READ:
      ++statistics_.accesses;
      Settle(delegate_.MmioRead(arg[0], static_cast<unsigned>(arg[1])), request);
      return Progress();
    case SEAM_MMIO_WRITE:
      ++statistics_.accesses;
      Settle(delegate_.MmioWrite(arg[0], static_cast<unsigned>(arg[1]), arg[2]), request);
      return Progress();
    case SEAM_PORT_READ:
      ++statistics_.accesses;
      Settle(delegate_.PortRead(static_cast<uint16_t>(arg[0]), static_cast<unsigned>(arg[1])), request);
      return Progress();
    case SEAM_PORT_WRITE:
      ++statistics_.accesses;
      Settle(delegate_.PortWrite(static_cast<uint16_t>(arg[0]), static_cast<unsigned>(arg[1]), arg[2]), request);
      return Progress();
    case SEAM_UDELAY:
      local_ += arg[0];
      return Progress();
    case SEAM_DEADLINE:
      return HandleDeadline(request);
    case SEAM_HOOK:
      return RunHooks(static_cast<uint32_t>(arg[0]), local_);
    case SEAM_LOG:
      return delegate_.Log(static_cast<unsigned>(arg[0]), GuestText(arg[1], arg[2]));
    case SEAM_DMA:
      if (const void* what = image_.space().Access(arg[0], sizeof(seam_dma), false)) {
        delegate_.Dma(*static_cast<const seam_dma*>(what));
      }
      return;
    case SEAM_HANDLER:
      return delegate_.Handler(arg[0]);
    case SEAM_IRQS_OFF:
      return delegate_.IrqsOff(arg[0]);
    case SEAM_USER:
      return HandleUser(request);
    case SEAM_MAP:
      return HandleMap(request);
    case SEAM_STOP:
      return HandleStop(request);
    case SEAM_EXIT:
      return Crash(CrashKind::kExited, "the entry function returned", CaptureBacktrace());
    case kOpUpcallDone:
      --upcall_depth_;
      local_ += delegate_.EndUpcall();
      return;
    case kOpResumed:
      return;
    default:
      return Crash(CrashKind::kPanic, fmt::format("unknown seam operation {}", request.op), CaptureBacktrace());
  }
}

void VcpuRunner::HandleDeadline(Request& request) {
  ++statistics_.deadlines;
  const uint32_t block = image_.GuardBlock(request.arg[0]);
  if (block == 0 || !image_.hooked(block)) return;
  // A hook is not a place where the hypervisor is entered: an event that the guest has just unmasked waits as it would
  // without the hook. Unless the countdown had run out anyway, or the hook made the vCPU stand still.
  const Ps before = local_;
  RunHooks(block, local_ - image_.image().block(block).cost_ps);
  const bool due = before > image_.clock().deadline_ps;
  if (!due && local_ == before && stalled_until_ <= local_) request.interruptible = false;
}

void VcpuRunner::RunHooks(uint32_t block_id, Ps entry_time) {
  const auto* hooks = hooks_ == nullptr ? nullptr : hooks_->Find(block_id);
  if (hooks == nullptr) return;
  hooked_block_ = block_id;
  for (const FunctionHook& hook : *hooks) hook(*this, entry_time);
}

void VcpuRunner::CheckLimits() {
  if (local_ - std::min(local_, quiet_since_) > config_.quiet_limit) {
    Crash(CrashKind::kHung,
          fmt::format("no hypercall, register access or delay in {} ms of simulated time",
                      config_.quiet_limit / sim::kMs),
          CaptureBacktrace());
  } else if (local_ - std::min(local_, busy_since_) > config_.busy_limit) {
    Crash(CrashKind::kHung,
          fmt::format("busy for {} ms of simulated time without ever waiting", config_.busy_limit / sim::kMs),
          CaptureBacktrace());
  }
}

void VcpuRunner::HandleUser(Request& request) {
  const auto kind = static_cast<seam_user>(request.arg[0]);
  const bool exit = kind == SEAM_USER_EXIT;
  Settle(delegate_.User(kind, exit ? std::string_view() : GuestText(request.arg[1], request.arg[2]),
                        exit ? request.arg[1] : 0),
         request);
  Progress();
}

void VcpuRunner::HandleMap(Request& request) {
  DomainSpace& space = image_.space();
  bool done = false;
  if (request.arg[0] == SEAM_MAP_GUARD) {
    done = space.Guard(request.arg[1], request.arg[2]);
    if (done && request.arg[3] != SEAM_GUARD_STACK) {
      image_.NoteGuard(request.arg[1], {request.arg[3], CaptureBacktrace()});
    }
  }
  if (request.arg[0] == SEAM_MAP_UNGUARD) done = space.Unguard(request.arg[1], request.arg[2]);
  if (done) delegate_.Guarded(request.arg[1], request.arg[2], request.arg[0] == SEAM_MAP_GUARD);
  request.result = done ? 0 : kErrorInvalid;
}

void VcpuRunner::HandleStop(const Request& request) {
  const std::string text = GuestString(request.arg[1]);
  switch (request.arg[0]) {
    case SEAM_STOP_DUMMY:
      return Crash(CrashKind::kDummy, text + " is supplied by nobody", CaptureBacktrace());
    case SEAM_STOP_DEADLOCK:
      return Crash(CrashKind::kDeadlock, text.empty() ? "nothing can run and interrupts are off" : text,
                   CaptureBacktrace());
    default:
      return Crash(CrashKind::kPanic, text, CaptureBacktrace());
  }
}

void VcpuRunner::HandleFault() {
  const Fault& fault = *fault_;
  const DomainSpace& space = image_.space();
  const char* verb = fault.address == fault.pc ? "execution" : fault.write ? "write" : "read";
  if (fault.signal == SIGFPE) {
    Crash(CrashKind::kDivide, "divide error", fault.backtrace);
  } else if (fault.signal == SIGILL) {
    const bool bug = fault.bug == GuestTraps::BugAction::kBug;
    Crash(bug ? CrashKind::kBug : CrashKind::kIllegal, bug ? "kernel BUG" : "illegal instruction", fault.backtrace);
  } else if (fault.code == SI_KERNEL) {
    Crash(CrashKind::kOops, "general protection: a privileged instruction or a non-canonical address",
          fault.backtrace);
  } else if (fault.address < kNullZone) {
    Crash(CrashKind::kNullPointer, fmt::format("NULL pointer: {} at {:#x}", verb, fault.address), fault.backtrace,
          fault.address);
  } else if (const auto* note = image_.FindGuard(fault.address)) {
    Crash(CrashKind::kOops, DescribeGuard(image_, *note, fault.address, verb), fault.backtrace, fault.address);
  } else if (space.guarded(fault.address)) {
    Crash(CrashKind::kStackOverflow, "the kernel stack ran into its guard page", fault.backtrace, fault.address);
  } else if (const std::string mmio = delegate_.DescribeMmio(fault.address); !mmio.empty()) {
    Crash(CrashKind::kMmioAccess, fmt::format("direct {} of {}: an __iomem pointer was dereferenced", verb, mmio),
          fault.backtrace, fault.address);
  } else {
    Crash(CrashKind::kOops, fmt::format("{} at {}", verb, DescribeAddress(space, fault.address)), fault.backtrace,
          fault.address);
  }
}

void VcpuRunner::Crash(CrashKind kind, std::string message, const RawBacktrace& backtrace, uint64_t fault_address) {
  state_ = State::kHalted;
  delegate_.Crashed({kind, local_, config_.cpu, std::move(message), fault_address, backtrace});
}

void VcpuRunner::DeliverWarnings() {
  if (warnings_.empty()) return;
  for (const WarnReport& warning : std::exchange(warnings_, {})) delegate_.Warned(warning);
}

std::string_view VcpuRunner::GuestText(uint64_t va, uint64_t length) {
  length = std::min(length, kTextMax);
  const void* text = image_.space().Access(va, length, false);
  return text == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(text), length);
}

std::string VcpuRunner::GuestString(uint64_t va) {
  std::string text;
  while (text.size() < kTextMax) {
    const void* at = image_.space().Access(va + text.size(), 1, false);
    if (at == nullptr || *static_cast<const char*>(at) == '\0') break;
    text += *static_cast<const char*>(at);
  }
  return text;
}

}  // namespace pvpci::driver
