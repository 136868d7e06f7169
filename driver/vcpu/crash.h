// SPDX-License-Identifier: Apache-2.0
// What stops a domain without stopping the machine room: faults of guest code, panic, endless loops. Also warnings,
// which do not stop it. Host signals that hit outside guest code are the bench's own bugs and keep their default.
#ifndef PVPCI_DRIVER_VCPU_CRASH_H_
#define PVPCI_DRIVER_VCPU_CRASH_H_

#include <cstdint>
#include <string>

#include "driver/loader/backtrace.h"
#include "sim/time.h"

namespace pvpci::driver {

enum class CrashKind : uint8_t {
  kOops,           // access to an address where nothing is, or a write to a read-only page
  kNullPointer,    // the same, within the first 64 KiB
  kStackOverflow,  // access to a stack guard
  kMmioAccess,     // a driver dereferenced an __iomem pointer
  kBug,            // BUG(): ud2 at an entry of __bug_table without the warning flag
  kIllegal,        // any other illegal instruction
  kDivide,         // division by zero or overflow
  kPanic,          // panic()
  kDummy,          // a function nobody supplies was called
  kDeadlock,       // nothing runnable and interrupts off
  kHung,           // simulated time passed without progress
  kExited,         // the entry function returned
};
const char* Name(CrashKind kind);

struct CrashReport {
  CrashKind kind = CrashKind::kOops;
  sim::Ps time = 0;       // local time of the vCPU
  unsigned vcpu = 0;
  std::string message;    // one line without host addresses: guest addresses as "direct map + 0x123", symbol + offset
  uint64_t fault_address = 0;  // guest virtual; not for output
  RawBacktrace backtrace;
};

struct WarnReport {
  sim::Ps time = 0;
  unsigned vcpu = 0;
  RawBacktrace backtrace;  // first entry is the ud2 itself: resolve it for file:line
};

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_VCPU_CRASH_H_
