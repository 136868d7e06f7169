// SPDX-License-Identifier: Apache-2.0
#include "sim/memory_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "gtest/gtest.h"

namespace pvpci::sim {
namespace {

constexpr uint64_t kBytes = 64 << 10;

// Exit code of `body` in a forked child.
int InChild(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool AllZero(const void* memory, uint64_t bytes) {
  const auto* at = static_cast<const char*>(memory);
  return std::all_of(at, at + bytes, [](char byte) { return byte == 0; });
}

uint64_t PagesOf(const MemoryFile& file) {
  struct stat facts {};
  fstat(file.fd(), &facts);
  return static_cast<uint64_t>(facts.st_blocks) * 512 / 4096;
}

// Writes all over a file of the place.
int Dirty(unsigned place, uint64_t bytes) {
  return InChild([&] {
    TakeMemoryFilesOf(place);
    MemoryFile file("test", bytes);
    std::memset(file.Map(), 0xa5, bytes);
    return 0;
  });
}

TEST(MemoryFile, IsZeroAndMapsTwice) {
  MemoryFile file("test", kBytes);
  auto* one = static_cast<char*>(file.Map());
  auto* other = static_cast<char*>(mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, file.fd(), 0));
  EXPECT_TRUE(AllZero(one, kBytes));
  one[12345] = 7;
  EXPECT_EQ(other[12345], 7);
}

TEST(MemoryStock, TheNextChildOfAPlaceFindsPagesAndNothingInThem) {
  MemoryStock stock(1);
  ASSERT_EQ(Dirty(0, kBytes), 0);
  EXPECT_EQ(InChild([] {
              TakeMemoryFilesOf(0);
              MemoryFile file("test", kBytes);
              if (PagesOf(file) != kBytes / 4096) return 1;
              return AllZero(file.Map(), kBytes) ? 0 : 2;
            }), 0);
}

TEST(MemoryStock, ASmallerAndThenALargerFileShowNothingOld) {
  MemoryStock stock(1);
  ASSERT_EQ(Dirty(0, 4 * kBytes), 0);
  ASSERT_EQ(Dirty(0, kBytes + 4096), 0);
  EXPECT_EQ(InChild([] {
              TakeMemoryFilesOf(0);
              MemoryFile file("test", 4 * kBytes);
              return AllZero(file.Map(), 4 * kBytes) ? 0 : 1;
            }), 0);
}

TEST(MemoryStock, PlacesShareNothing) {
  MemoryStock stock(2);
  ASSERT_EQ(Dirty(0, kBytes), 0);
  EXPECT_EQ(InChild([] {
              TakeMemoryFilesOf(1);
              return PagesOf(MemoryFile("test", kBytes)) == 0 ? 0 : 1;
            }), 0);
}

TEST(MemoryStock, WhoAsksForMoreThanItHasGetsFreshOnes) {
  MemoryStock stock(1);
  EXPECT_EQ(InChild([] {
              TakeMemoryFilesOf(0);
              for (int i = 0; i < 40; ++i) {
                if (!AllZero(MemoryFile("test", kBytes).Map(), kBytes)) return 1;
              }
              TakeMemoryFilesOf(9);
              return AllZero(MemoryFile("test", kBytes).Map(), kBytes) ? 0 : 2;
            }), 0);
}

}  // namespace
}  // namespace pvpci::sim
