// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/symbols.h"

#include <gtest/gtest.h>

#include "driver/loader/backtrace.h"
#include "driver/loader/domain_space.h"
#include "driver/loader/image.h"
#include "driver/loader/test_image.h"

namespace pvpci::driver {
namespace {

constexpr char kSource[] = "driver/loader/test_guest.c";

TEST(Symbolizer, ResolvesInlinedFrames) {
  const auto image = OpenTestImage();
  Symbolizer symbols(image);
  const auto touch = image->FindSymbol("touch");
  ASSERT_TRUE(touch);
  bool seen = false;
  for (uint64_t pc = touch->address; pc < touch->address + touch->size; ++pc) {
    const auto& frames = symbols.Resolve(pc);
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.back().function, "touch");
    EXPECT_FALSE(frames.back().inlined);
    if (frames.size() != 2 || frames[0].line != TestGuestLine("LINE_WRITE")) continue;
    seen = true;
    EXPECT_EQ(frames[0].function, "inlined_write");
    EXPECT_EQ(frames[0].file, kSource);
    EXPECT_TRUE(frames[0].inlined);
    EXPECT_EQ(frames[1].line, TestGuestLine("LINE_TOUCH"));
    EXPECT_EQ(frames[1].file, kSource);
  }
  EXPECT_TRUE(seen);
}

TEST(Symbolizer, AnswersForAnyAddress) {
  Symbolizer symbols(OpenTestImage());
  EXPECT_EQ(symbols.Resolve(0).at(0).function, "?");
  EXPECT_EQ(symbols.Resolve(UINT64_MAX).at(0).function, "?");
  EXPECT_EQ(symbols.Resolve(0).at(0).file, "");
}

TEST(Backtrace, EndsWhereTheChainLeavesTheDomain) {
  const auto image = OpenTestImage();
  DomainSpace space({0, 1024});
  const auto loaded = LoadedImage::Load(image, space, 0);
  const uint64_t text = loaded->Symbol("touch") + 4;
  const uint64_t stack = space.base() + 900 * 4096;
  auto* words = reinterpret_cast<uint64_t*>(stack);
  const auto frame = [&](int at, uint64_t next, uint64_t pc) {
    words[at] = next;
    words[at + 1] = pc;
  };
  frame(0, stack + 32, text);
  frame(4, stack + 64, 0x1234);  // the seam's own frame: passed over
  frame(8, 0x7fff'0000'0000, text + 1);
  const RawBacktrace raw = CaptureBacktrace(*loaded, stack, text + 2);
  ASSERT_EQ(raw.count, 3u);
  EXPECT_EQ(raw.first_is_pc, 1u);
  EXPECT_EQ(raw.pc[0], image->FindSymbol("touch")->address + 6);
  EXPECT_EQ(raw.pc[2], image->FindSymbol("touch")->address + 5);

  frame(8, stack, text);  // a loop
  EXPECT_EQ(CaptureBacktrace(*loaded, stack).count, 2u);
  EXPECT_EQ(CaptureBacktrace(*loaded, 8).count, 0u);
  EXPECT_EQ(CaptureBacktrace(*loaded, stack + 1).count, 0u);
  EXPECT_EQ(CaptureBacktrace(*loaded, space.base() + space.bytes() - 8).count, 0u);
  space.Guard(stack, 4096);
  EXPECT_EQ(CaptureBacktrace(*loaded, stack).count, 0u);
}

TEST(Backtrace, PrintsOneLinePerFrame) {
  const std::vector<SourceFrame> frames = {
      {"emul_writel", "driver/env/iomem.c", 3, false},
      {"writel", "driver/shadow/asm/io.h", 4, true},
      {"pci_endpoint_test_write", "drivers/misc/pci_endpoint_test.c", 5, false},
  };
  EXPECT_EQ(Format(frames),
            "  #0 emul_writel (driver/env/iomem.c:3)\n"
            "  #1 writel (driver/shadow/asm/io.h:4) [inlined]\n"
            "  #2 pci_endpoint_test_write (drivers/misc/pci_endpoint_test.c:5)\n");
}

}  // namespace
}  // namespace pvpci::driver
