// SPDX-License-Identifier: Apache-2.0
// The host's code on guest stacks: small frames, no exceptions, no allocation. Protocol: README.md.
#include <boost/context/detail/fcontext.hpp>

#include "driver/vcpu/vcpu_internal.h"

namespace pvpci::driver {

namespace fiber = boost::context::detail;

// fcontext's transfer_t has the layout the seam declares (two pointers, in registers both ways), so its functions serve
// as they are; the casts go through void* because the compiler sees different types.
static_assert(sizeof(fiber::transfer_t) == sizeof(seam_transfer));

VcpuRunner* VcpuRunner::Stub::current = nullptr;

void* VcpuRunner::Stub::Jump(void* to, void* data_out, void** data_in) {
  const fiber::transfer_t transfer = fiber::jump_fcontext(to, data_out);
  *data_in = transfer.data;
  return transfer.fctx;
}

seam_u64 VcpuRunner::Stub::Call(seam_u32 op, seam_u64 a0, seam_u64 a1, seam_u64 a2, seam_u64 a3, seam_u64 a4,
                                seam_u64 a5) {
  if (op == SEAM_DEADLINE && current->AccountFirstRun(a0)) return 0;
  Request request;
  request.op = op;
  request.arg[0] = a0;
  request.arg[1] = a1;
  request.arg[2] = a2;
  request.arg[3] = a3;
  request.arg[4] = a4;
  request.arg[5] = a5;
  request.frame = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  ToHost(&request);
  return request.result;
}

__attribute__((noinline)) void VcpuRunner::Stub::ToHost(Request* request) {
  for (;;) {
    // `current` is read anew after each jump: a task's fiber may come back on another vCPU.
    void* ignored;
    void* const host = Jump(current->host_context_, request, &ignored);
    current->host_context_ = host;
    switch (request->order) {
      case Request::Order::kReturn:
        return;
      case Request::Order::kUpcall:
        while (const uint64_t work = TakePost()) current->image_.guest().post(reinterpret_cast<void*>(work));
        current->image_.guest().upcall();
        request->op = kOpUpcallDone;
        break;
      case Request::Order::kDebugStop:
        asm volatile("int3");  // --gdb: the guest's frames are above; "continue" resumes
        request->op = kOpResumed;
        break;
    }
  }
}

// By value and outside ToHost's loop: nothing of it is on the stack while the guest runs.
uint64_t VcpuRunner::Stub::TakePost() {
  if (current->posts_.empty()) return 0;
  const uint64_t work = current->posts_.front();
  current->posts_.erase(current->posts_.begin());
  return work;
}

void VcpuRunner::Stub::Entry(void* from, VcpuRunner* runner) {
  runner->host_context_ = from;
  void (*entry)(void*) = runner->image_.guest().boot;
  if (runner->entry_function_ != 0) entry = reinterpret_cast<void (*)(void*)>(runner->entry_function_);
  entry(reinterpret_cast<void*>(runner->entry_argument_));
  Call(SEAM_EXIT, 0, 0, 0, 0, 0, 0);
  __builtin_trap();  // the host never enters a vCPU that exited
}

void* VcpuRunner::Stub::MakeContext(uint64_t stack_top, uint64_t stack_bytes) {
  return fiber::make_fcontext(reinterpret_cast<void*>(stack_top), stack_bytes,
                              [](fiber::transfer_t t) { Entry(t.fctx, static_cast<VcpuRunner*>(t.data)); });
}

void VcpuRunner::Stub::FillHostTable(seam_host_table* table) {
  table->version = SEAM_VERSION;
  table->call = &Call;
  table->fiber_make = reinterpret_cast<decltype(table->fiber_make)>(reinterpret_cast<void*>(&fiber::make_fcontext));
  table->fiber_jump = reinterpret_cast<decltype(table->fiber_jump)>(reinterpret_cast<void*>(&fiber::jump_fcontext));
}

// The inlined accounting subtracted the trap value of a block that runs for the first time: charge what it costs.
// True if that leaves time before the deadline, so that the host need not be asked.
bool VcpuRunner::AccountFirstRun(uint64_t guard_address) {
  const uint32_t id = image_.GuardBlock(guard_address);
  if (id == 0) return false;
  auto* slot = reinterpret_cast<uint32_t*>(guard_address);
  if (!(*slot & kGuardTrap)) return false;
  seam_clock& clock = image_.clock();
  clock.countdown += kGuardTrap;
  image_.MarkRun(id);
  if (image_.hooked(id)) return false;
  *slot &= ~kGuardTrap;
  return clock.countdown >= 0;
}

}  // namespace pvpci::driver
