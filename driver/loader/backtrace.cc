// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/backtrace.h"

#include <cstring>

#include <fmt/format.h>

#include "driver/loader/domain_space.h"
#include "driver/loader/image.h"

namespace pvpci::driver {
namespace {

// The seam's own frames, on the guest's stack between an upcall and what it interrupted: passed over.
constexpr unsigned kForeignFrames = 16;

}  // namespace

RawBacktrace CaptureBacktrace(const LoadedImage& image, uint64_t frame, uint64_t pc) {
  RawBacktrace out;
  const DomainSpace& space = image.space();
  if (pc != 0 && image.is_text(pc)) {
    out.pc[out.count++] = static_cast<uint32_t>(image.ToLink(pc));
    out.first_is_pc = 1;
  }
  unsigned foreign = 0;
  // A guarded page in the chain would fault here; stacks lie wholly inside the direct map, their guards below them,
  // so only the first frame of an overflowed stack can touch one.
  while (out.count < kBacktraceDepth && space.in_direct_map(frame) && space.in_direct_map(frame + 15) &&
         !space.guarded(frame) && !space.guarded(frame + 15)) {
    uint64_t words[2];  // a function that calls nobody need not align its frame
    std::memcpy(words, reinterpret_cast<const void*>(frame), sizeof words);
    if (image.is_text(words[1])) {
      out.pc[out.count++] = static_cast<uint32_t>(image.ToLink(words[1]));
    } else if (++foreign > kForeignFrames) {
      break;
    }
    if (words[0] <= frame) break;
    frame = words[0];
  }
  return out;
}

std::vector<SourceFrame> Symbolize(Symbolizer& symbols, const RawBacktrace& backtrace) {
  std::vector<SourceFrame> frames;
  for (uint32_t i = 0; i < backtrace.count; ++i) {
    const bool exact = i == 0 && backtrace.first_is_pc != 0;
    const auto& resolved = symbols.Resolve(backtrace.pc[i] - (exact ? 0 : 1));
    frames.insert(frames.end(), resolved.begin(), resolved.end());
  }
  return frames;
}

std::string Format(const std::vector<SourceFrame>& frames) {
  std::string text;
  int number = 0;
  for (const SourceFrame& frame : frames) {
    text += fmt::format("  #{} {}", number++, frame.function);
    if (!frame.file.empty()) text += fmt::format(" ({}:{})", frame.file, frame.line);
    if (frame.inlined) text += " [inlined]";
    text += '\n';
  }
  return text;
}

}  // namespace pvpci::driver
