// SPDX-License-Identifier: Apache-2.0
// What a kernel does about its own exceptions before it gives up: the exception table (accesses that may fault) and
// the table of BUG() and WARN(). Layouts as in Linux 6.1 and 6.12: include/linux/bug.h, asm/extable.h.
#ifndef PVPCI_DRIVER_VCPU_GUEST_TRAPS_H_
#define PVPCI_DRIVER_VCPU_GUEST_TRAPS_H_

#include <signal.h>
#include <ucontext.h>

#include <cstdint>

#include "driver/loader/image.h"

namespace pvpci::driver {

class GuestTraps {
 public:
  explicit GuestTraps(const LoadedImage& image);

  enum class BugAction { kNotABug, kBug, kWarn, kWarnedBefore };
  // What the ud2 at `pc` means. Marks WARN_ONCE sites as done, as the kernel does.
  BugAction OnUd2(uint64_t pc) const;

  // If the exception table covers the faulting instruction, changes the registers as its handler would (continue at
  // the fixup) and returns true. `vector` is the processor's exception number.
  bool Fixup(mcontext_t* context, unsigned vector) const;

 private:
  struct Table { uint64_t start = 0; uint64_t end = 0; };
  static Table Find(const LoadedImage& image, const char* section, const char* start, const char* stop);

  Table bugs_;
  Table exceptions_;
};

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_VCPU_GUEST_TRAPS_H_
