// SPDX-License-Identifier: Apache-2.0
// Shared between vcpu_runner.cc (host stack), guest_stub.cc (guest stacks) and fault_handler.cc (signals).
#ifndef PVPCI_DRIVER_VCPU_VCPU_INTERNAL_H_
#define PVPCI_DRIVER_VCPU_VCPU_INTERNAL_H_

#include <cstdint>

#include "driver/vcpu/vcpu_runner.h"

namespace pvpci::driver {

// What the stub tells the host beside SEAM_*.
inline constexpr uint32_t kOpUpcallDone = 0x1000;
inline constexpr uint32_t kOpResumed = 0x1001;

struct VcpuRunner::Request {
  enum class Order : uint32_t { kReturn, kUpcall, kDebugStop };
  uint32_t op = 0;
  Order order = Order::kReturn;  // the host's answer: what the stub does next
  bool interruptible = false;    // an upcall may be delivered before the answer is returned
  uint64_t arg[6] = {};
  uint64_t result = 0;
  uint64_t frame = 0;  // frame pointer of the stub: the guest's return address lies above it
};

struct VcpuRunner::Fault {
  int signal = 0;
  int code = 0;
  bool write = false;
  uint64_t address = 0;
  uint64_t pc = 0;
  GuestTraps::BugAction bug = GuestTraps::BugAction::kNotABug;
  RawBacktrace backtrace;
};

struct VcpuRunner::Stub {
  static VcpuRunner* current;

  static seam_u64 Call(seam_u32 op, seam_u64 a0, seam_u64 a1, seam_u64 a2, seam_u64 a3, seam_u64 a4, seam_u64 a5);
  static void ToHost(Request* request);
  static uint64_t TakePost();  // 0: none
  // First frame of a new vCPU's stack; `runner` came with the jump.
  static void Entry(void* from, VcpuRunner* runner);
  static void FillHostTable(seam_host_table* table);
  // A context that begins with Entry.
  static void* MakeContext(uint64_t stack_top, uint64_t stack_bytes);
  // Jumps; returns who jumped back and sets `*data` to what it brought.
  static void* Jump(void* to, void* data_out, void** data_in);

  static void InstallFaultHandlers();
  static void OnSignal(int signal, siginfo_t* info, void* context);
  // On the emergency stack, in place of the guest's next instruction.
  [[noreturn]] static void LeaveFaultedGuest();
};

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_VCPU_VCPU_INTERNAL_H_
