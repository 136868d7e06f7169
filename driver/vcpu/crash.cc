// SPDX-License-Identifier: Apache-2.0
#include "driver/vcpu/crash.h"

namespace pvpci::driver {

const char* Name(CrashKind kind) {
  switch (kind) {
    case CrashKind::kOops: return "oops";
    case CrashKind::kNullPointer: return "null pointer";
    case CrashKind::kStackOverflow: return "stack overflow";
    case CrashKind::kMmioAccess: return "mmio access";
    case CrashKind::kBug: return "bug";
    case CrashKind::kIllegal: return "illegal instruction";
    case CrashKind::kDivide: return "divide error";
    case CrashKind::kPanic: return "panic";
    case CrashKind::kDummy: return "missing function";
    case CrashKind::kDeadlock: return "deadlock";
    case CrashKind::kHung: return "hung";
    case CrashKind::kExited: return "exited";
  }
  return "unknown";
}

}  // namespace pvpci::driver
