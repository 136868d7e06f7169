// SPDX-License-Identifier: Apache-2.0
// Guest backtraces by frame pointer (the image is built with -fno-omit-frame-pointer). Capture is cheap and allocates
// nothing, since it is taken at every MMIO write; symbolisation happens when a report wants it.
#ifndef PVPCI_DRIVER_LOADER_BACKTRACE_H_
#define PVPCI_DRIVER_LOADER_BACKTRACE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "driver/loader/symbols.h"

namespace pvpci::driver {

class LoadedImage;

inline constexpr unsigned kBacktraceDepth = 16;

// Linked addresses, so that they are the same in every domain and may enter a trace. The first may be the faulting
// instruction itself (`first_is_pc`), all others are return addresses.
struct RawBacktrace {
  std::array<uint32_t, kBacktraceDepth> pc{};
  uint32_t count = 0;
  uint32_t first_is_pc = 0;
};

// Walks from frame pointer `frame` ([frame] the caller's frame pointer, [frame + 8] the return address) while frames
// lie in the domain's own memory at rising addresses. Frames of the seam between an upcall and what it interrupted are
// passed over. `pc`, if not 0, comes first.
RawBacktrace CaptureBacktrace(const LoadedImage& image, uint64_t frame, uint64_t pc = 0);

// Frames with inlined ones, innermost first.
std::vector<SourceFrame> Symbolize(Symbolizer& symbols, const RawBacktrace& backtrace);

// "  #0 pci_endpoint_test_probe (drivers/misc/pci_endpoint_test.c:700)" lines.
std::string Format(const std::vector<SourceFrame>& frames);

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_LOADER_BACKTRACE_H_
