// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/image.h"
#include "driver/loader/line_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "driver/loader/domain_space.h"
#include "driver/loader/test_image.h"

namespace pvpci::driver {
namespace {

std::string TemporaryFile(const std::string& text) {
  const char* directory = std::getenv("TEST_TMPDIR");
  static int number = 0;
  const std::string path = std::string(directory == nullptr ? "/tmp" : directory) + "/image_test_" +
                           std::to_string(getpid()) + "_" + std::to_string(number++);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What Open says about a file; "" if nothing.
std::string Refusal(const std::string& elf, const std::string& blocks) {
  try {
    Image::Open(elf, blocks);
    return "";
  } catch (const ImageError& error) {
    return error.what();
  }
}

TEST(Image, KnowsItsExtent) {
  const auto image = OpenTestImage();
  EXPECT_EQ(image->link_base(), 0x1000000u);
  EXPECT_EQ(image->size_bytes() % 4096, 0u);
  const auto boot = image->FindSymbol("guest_boot");
  ASSERT_TRUE(boot);
  EXPECT_TRUE(image->is_text(boot->address));
  EXPECT_FALSE(image->is_text(image->FindSymbol("guest_clock")->address));
  EXPECT_FALSE(image->FindSymbol("not_there"));
  EXPECT_EQ(image->NearestFunction(boot->address + 3)->name, "guest_boot");
  EXPECT_EQ(image->NearestFunction(boot->address + 3)->offset, 3u);
}

TEST(Image, RelocatesFourInstancesSideBySide) {
  const auto image = OpenTestImage();
  std::vector<std::unique_ptr<DomainSpace>> spaces;
  std::vector<std::unique_ptr<LoadedImage>> loaded;
  for (unsigned i = 0; i < 4; ++i) {
    spaces.push_back(std::make_unique<DomainSpace>(DomainSpaceConfig{i, 1024}));
    loaded.push_back(LoadedImage::Load(image, *spaces.back(), 16 * i));
  }
  for (unsigned i = 0; i < 4; ++i) {
    const LoadedImage& copy = *loaded[i];
    EXPECT_EQ(copy.delta() + image->link_base(), spaces[i]->base() + 16 * i * 4096);
    const char* text = *reinterpret_cast<const char**>(copy.Symbol("pointer_to_text"));
    EXPECT_STREQ(text, "a string in the image");
    EXPECT_TRUE(copy.contains(reinterpret_cast<uint64_t>(text)));
    EXPECT_EQ(*reinterpret_cast<uint64_t*>(copy.Symbol("pointer_to_nothing")), 0u) << "undefined weak stays null";
    EXPECT_EQ(reinterpret_cast<uint64_t>(copy.guest().boot), copy.Symbol("enter_boot"));
    EXPECT_EQ(reinterpret_cast<uint64_t>(&copy.clock()), copy.Symbol("guest_clock"));
    EXPECT_EQ(copy.per_cpu_offset(0), 0u);
    // Code runs where it lies: this function has one block and no state.
    auto* add = reinterpret_cast<uint64_t (*)(uint64_t, uint64_t)>(copy.Symbol("add_up"));
    asm volatile("movq %0, %%xmm15" : : "r"(int64_t{1} << 40) : "xmm15");  // the countdown: seam.h
    EXPECT_EQ(add(2, 3), 5u);
  }
}

TEST(Image, ClearsBssWhereAnotherDomainHasBeen) {
  const auto image = OpenTestImage();
  DomainSpace space({0, 1024});
  std::memset(space.page(0), 0xff, space.bytes());
  const auto loaded = LoadedImage::Load(image, space, 0);
  EXPECT_EQ(loaded->clock().countdown, 0);
  EXPECT_EQ(loaded->per_cpu_offset(3), 0u);
}

TEST(Image, ArmsEveryGuard) {
  const auto image = OpenTestImage();
  DomainSpace space({0, 1024});
  const auto loaded = LoadedImage::Load(image, space, 0);
  ASSERT_GT(image->block_count(), 20u);
  ASSERT_EQ(image->guard_ids().size(), image->block_count());
  const uint64_t guards = image->guards_address() + loaded->delta();
  for (uint32_t slot = 0; slot < image->block_count(); ++slot) {
    EXPECT_EQ(reinterpret_cast<uint32_t*>(guards)[slot], kTestBlockCost | kGuardTrap);
    EXPECT_EQ(loaded->GuardBlock(guards + 4 * slot), slot + 1);
  }
  EXPECT_EQ(loaded->GuardBlock(guards + 4 * image->block_count()), 0u);
  EXPECT_EQ(loaded->GuardBlock(guards - 4), 0u);
}

TEST(Image, FindsEntryBlocksByFunctionAndSource) {
  const auto image = OpenTestImage();
  const auto ids = image->EntryBlocks("work");
  ASSERT_EQ(ids.size(), 1u);
  EXPECT_EQ(image->block(ids[0]).function, "work");
  EXPECT_EQ(image->block(ids[0]).index, 0u);
  EXPECT_EQ(image->EntryBlocks("work", "driver/loader/test_guest.c").size(), 1u);
  EXPECT_TRUE(image->EntryBlocks("work", "elsewhere.c").empty());
  EXPECT_TRUE(image->EntryBlocks("nowhere").empty());
}

TEST(Image, DoesNotLoadBeyondTheDomain) {
  const auto image = OpenTestImage();
  DomainSpace space({0, 4});
  EXPECT_THROW(LoadedImage::Load(image, space, 0), ImageError);
  EXPECT_THROW(LoadedImage::Load(image, space, UINT64_MAX), ImageError);
}

TEST(Image, RefusesDamagedFiles) {
  const TestImageFiles files = WriteTestImage();
  const std::string good = Read(files.elf);
  EXPECT_EQ(Refusal(files.elf, files.blocks), "");
  EXPECT_NE(Refusal("/nowhere/image.elf", "").find("cannot open"), std::string::npos);
  EXPECT_NE(Refusal(TemporaryFile("not an image"), "").find("not an ELF file"), std::string::npos);
  EXPECT_NE(Refusal(TemporaryFile(good.substr(0, good.size() / 2)), "").find(": "), std::string::npos);
  std::string shared = good;
  shared[16] = 3;  // e_type: ET_DYN
  EXPECT_NE(Refusal(TemporaryFile(shared), "").find("ET_EXEC"), std::string::npos);
  std::string arm = good;
  arm[18] = static_cast<char>(183);  // e_machine: AArch64
  EXPECT_NE(Refusal(TemporaryFile(arm), "").find("x86-64"), std::string::npos);
}

TEST(Image, SurvivesAnyTruncation) {
  const TestImageFiles files = WriteTestImage();
  const std::string good = Read(files.elf);
  for (size_t size = 0; size < good.size(); size += 997) {
    EXPECT_NE(Refusal(TemporaryFile(good.substr(0, size)), ""), "") << size;
  }
}

TEST(BlockTable, NamesFileAndLineOfWhatItRefuses) {
  const TestImageFiles files = WriteTestImage();
  const auto refusal = [&](const std::string& text) { return Refusal(files.elf, TemporaryFile(text)); };
  EXPECT_NE(refusal("1\ta.c\tf\t0\t3\t1000\t7\n2\tb.c\tg\t0\tx\t1000\t7\n").find(":2: expected a number"),
            std::string::npos);
  EXPECT_NE(refusal("1\ta.c\tf\t0\t3\t1000\n").find(":1: expected 7"), std::string::npos);
  EXPECT_NE(refusal("1\ta.c\tf\t0\t3\t1000\t7\t8\n").find("more than 7"), std::string::npos);
  EXPECT_NE(refusal("# c\n1\ta.c\tf\t0\t3\t1\t7\n1\ta.c\tf\t1\t3\t1\t7\n").find(":3: block id used twice"),
            std::string::npos);
  EXPECT_NE(refusal("0\ta.c\tf\t0\t3\t1\t7\n").find("out of range"), std::string::npos);
  EXPECT_NE(refusal("4000000000\ta.c\tf\t0\t3\t1\t7\n").find("out of range"), std::string::npos);
  EXPECT_NE(refusal("1\ta.c").find(":1: "), std::string::npos);
  EXPECT_NE(refusal("").find("empty"), std::string::npos);
  EXPECT_NE(refusal("1\ta.c\tf\t0\t3\t1\t7\n").find("no block 2"), std::string::npos);
}

TEST(BlockTable, LetsNoBlockBeFree) {
  const auto table = BlockTable::Read(TemporaryFile("# comment\n2\ta/b.c\tf\t1\t0\t0\t9"));
  ASSERT_EQ(table.count(), 2u);
  EXPECT_EQ(table.block(1).id, 0u);
  EXPECT_EQ(table.block(2).cost_ps, 1u);
  EXPECT_EQ(table.block(2).line, 9u);
  EXPECT_EQ(table.sources()[table.block(2).source], "a/b.c");
}

TEST(BlockTable, ScalesCostsWithTheClock) {
  const auto cost = [](uint32_t mhz) {
    return BlockTable::Read(TemporaryFile("1\ta.c\tf\t0\t3\t1001\t7\n"), mhz).block(1).cost_ps;
  };
  EXPECT_EQ(cost(kReferenceMhz), 1001u);
  EXPECT_EQ(cost(1100), 2002u);
  EXPECT_EQ(cost(4000), 551u);  // 550.55
}

TEST(LineTable, NamesFileAndLineOfWhatItRefuses) {
  const auto refusal = [](const std::string& text) {
    try {
      ReadLineTable(TemporaryFile(text));
    } catch (const ImageError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(refusal("# c\nB\t1\t2\n").find(":2: a record before the first source"), std::string::npos);
  EXPECT_NE(refusal("S\ta.c\nB\t0\t2\n").find(":2: block id out of range"), std::string::npos);
  EXPECT_NE(refusal("S\ta.c\nB\t1\t2,x\n").find(":2: expected a number"), std::string::npos);
  EXPECT_NE(refusal("S\ta.c\nB\t1\n").find(":2: expected a field"), std::string::npos);
  EXPECT_NE(refusal("S\ta.c\nQ\t1\n").find(":2: expected S, F, B, X or D"), std::string::npos);
}

TEST(LineTable, TellsDroppedLinesFromThoseThatNeverRun) {
  const auto sources = ReadLineTable(TemporaryFile("S\ta/b.c\nF\t3\tf\nB\t7\t4,6\nX\t5\nD\t9,10\n"));
  ASSERT_EQ(sources.size(), 1u);
  EXPECT_EQ(sources[0].path, "a/b.c");
  ASSERT_EQ(sources[0].functions.size(), 1u);
  EXPECT_EQ(sources[0].functions[0].name, "f");
  ASSERT_EQ(sources[0].code.size(), 5u);
  EXPECT_EQ(sources[0].code[1].line, 6u);
  EXPECT_EQ(sources[0].code[1].block, 7u);
  EXPECT_FALSE(sources[0].code[2].dropped);
  EXPECT_TRUE(sources[0].code[4].dropped);
}

}  // namespace
}  // namespace pvpci::driver
