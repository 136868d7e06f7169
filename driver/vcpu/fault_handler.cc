// SPDX-License-Identifier: Apache-2.0
// Signals that guest code raises. They are synchronous, hit guest code or the stub on a guest stack, and arrive on an
// alternate stack; the guest's stack is left as it was, for the report.
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstring>

#include "driver/vcpu/vcpu_internal.h"
#include "sim/check.h"

namespace pvpci::driver {
namespace {

constexpr size_t kSignalStackBytes = 64 << 10;
constexpr size_t kEmergencyStackBytes = 16 << 10;
alignas(16) std::byte signal_stack[kSignalStackBytes];
// Only ever holds the one frame that jumps away from a faulted guest.
alignas(16) std::byte emergency_stack[kEmergencyStackBytes];

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
constexpr uint64_t kWriteFault = 2;  // page-fault error code, bit 1
constexpr greg_t kDirectionFlag = 0x400;

bool IsUd2(const LoadedImage& image, uint64_t pc) {
  if (!image.is_text(pc) || !image.is_text(pc + 1)) return false;
  const auto* code = reinterpret_cast<const uint8_t*>(pc);
  return code[0] == 0x0f && code[1] == 0x0b;
}

// A call to nowhere leaves no frame: its return address is the last word pushed.
uint64_t CallerOfNowhere(const LoadedImage& image, uint64_t sp) {
  if (!image.space().in_direct_map(sp) || image.space().guarded(sp) || sp % 8 != 0) return 0;
  const uint64_t address = *reinterpret_cast<const uint64_t*>(sp);
  return image.is_text(address) ? address : 0;
}

// The program's own code; a guest is never loaded there.
extern "C" char __executable_start, etext;

bool IsHostCode(uint64_t pc) {
  return pc >= reinterpret_cast<uint64_t>(&__executable_start) && pc < reinterpret_cast<uint64_t>(&etext);
}

// Guest code has its countdown in xmm15 (seam.h); the host looks for it in the clock.
void StoreCountdown(const mcontext_t& context, seam_clock* clock) {
  std::memcpy(&clock->countdown, &context.fpregs->_xmm[15], sizeof clock->countdown);
}

}  // namespace

void VcpuRunner::Stub::InstallFaultHandlers() {
  static bool installed = false;
  if (installed) return;
  installed = true;
  stack_t stack{};
  stack.ss_sp = signal_stack;
  stack.ss_size = sizeof signal_stack;
  SIM_CHECK(sigaltstack(&stack, nullptr) == 0, "no alternate signal stack");
  struct sigaction action {};
  action.sa_sigaction = &OnSignal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) SIM_CHECK(sigaction(signal, &action, nullptr) == 0, "no handler for faults");
}

void VcpuRunner::Stub::OnSignal(int signal, siginfo_t* info, void* raw_context) {
  VcpuRunner* const vcpu = current;
  mcontext_t& context = static_cast<ucontext_t*>(raw_context)->uc_mcontext;
  greg_t* const registers = context.gregs;
  const bool from_a_process = info->si_code <= 0;
  if (vcpu == nullptr || !vcpu->in_guest_ || from_a_process) {
    // The bench itself is wrong: the instruction faults again, without us.
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
    if (from_a_process) raise(signal);
    return;
  }
  const LoadedImage& image = vcpu->image_;
  const auto pc = static_cast<uint64_t>(registers[REG_RIP]);
  const auto frame = static_cast<uint64_t>(registers[REG_RBP]);
  const auto trap = static_cast<unsigned>(registers[REG_TRAPNO]);
  if (!IsHostCode(pc)) StoreCountdown(context, &vcpu->image_.clock());
  if (signal != SIGILL && vcpu->traps_.Fixup(&context, trap)) return;

  Fault& fault = *vcpu->fault_;
  fault.bug = GuestTraps::BugAction::kNotABug;
  if (signal == SIGILL && IsUd2(image, pc)) {
    fault.bug = vcpu->traps_.OnUd2(pc);
    if (fault.bug == GuestTraps::BugAction::kWarn || fault.bug == GuestTraps::BugAction::kWarnedBefore) {
      if (fault.bug == GuestTraps::BugAction::kWarn) {
        vcpu->warnings_.push_back({vcpu->local_time(), vcpu->cpu(), driver::CaptureBacktrace(image, frame, pc)});
      }
      registers[REG_RIP] += 2;
      return;
    }
  }
  fault.signal = signal;
  fault.code = info->si_code;
  fault.address = reinterpret_cast<uint64_t>(info->si_addr);
  fault.write = (static_cast<uint64_t>(registers[REG_ERR]) & kWriteFault) != 0;
  fault.pc = pc;
  fault.backtrace = driver::CaptureBacktrace(image, frame, pc);
  if (!image.is_text(pc)) {
    if (const uint64_t caller = CallerOfNowhere(image, static_cast<uint64_t>(registers[REG_RSP]))) {
      fault.backtrace = driver::CaptureBacktrace(image, frame, caller);
      fault.backtrace.first_is_pc = 0;
    }
  }
  // Continue on the emergency stack, aligned as after a call.
  registers[REG_RIP] = reinterpret_cast<greg_t>(&LeaveFaultedGuest);
  registers[REG_RSP] = reinterpret_cast<greg_t>(emergency_stack + sizeof emergency_stack - 8);
  registers[REG_EFL] &= ~kDirectionFlag;
}

void VcpuRunner::Stub::LeaveFaultedGuest() {
  void* ignored;
  Jump(current->host_context_, nullptr, &ignored);
  __builtin_trap();  // a faulted guest is never entered again
}

}  // namespace pvpci::driver
