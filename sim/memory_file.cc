// SPDX-License-Identifier: Apache-2.0
#include "sim/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

namespace pvpci::sim {
namespace {

// Frames, machine memory, the m2p table and the memory of some domains; whoever asks for more gets fresh ones.
constexpr unsigned kFilesPerPlace = 12;

std::vector<std::vector<int>> g_rows;
unsigned g_place = ~0u;
size_t g_next = 0;  // in the row of g_place

int NextOfRow() {
  return g_place < g_rows.size() && g_next < g_rows[g_place].size() ? g_rows[g_place][g_next++] : -1;
}

}  // namespace

MemoryFile::MemoryFile(const char* name, uint64_t bytes) : fd_(NextOfRow()), bytes_(bytes) {
  used_ = fd_ >= 0;
  if (!used_) fd_ = memfd_create(name, MFD_CLOEXEC);
  if (fd_ >= 0 && ftruncate(fd_, static_cast<off_t>(bytes)) == 0) return;
  if (fd_ >= 0) close(fd_);
  throw std::bad_alloc();
}

MemoryFile::~MemoryFile() { close(fd_); }

void MemoryFile::Clear(void* mapping) const {
  if (!used_) return;
  auto* const memory = static_cast<char*>(mapping);
  for (off_t at = 0;;) {
    const off_t data = lseek(fd_, at, SEEK_DATA);
    if (data < 0) return;  // nothing but holes behind it
    const off_t end = std::min(lseek(fd_, data, SEEK_HOLE), static_cast<off_t>(bytes_));
    // Reading maps many present pages with one fault, writing one. Old kernels do not know the advice.
    madvise(memory + data, static_cast<size_t>(end - data), MADV_POPULATE_READ);
    std::memset(memory + data, 0, static_cast<size_t>(end - data));
    at = end;
  }
}

void* MemoryFile::Map() const {
  void* const map = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd_, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  Clear(map);
  return map;
}

MemoryStock::MemoryStock(unsigned places) {
  g_rows.assign(places, {});
  for (std::vector<int>& row : g_rows) {
    for (unsigned i = 0; i < kFilesPerPlace; ++i) {
      const int fd = memfd_create("pvpci-stock", MFD_CLOEXEC);
      if (fd < 0) return;  // children do without
      row.push_back(fd);
    }
  }
}

MemoryStock::~MemoryStock() {
  for (const std::vector<int>& row : g_rows) {
    for (const int fd : row) close(fd);
  }
  g_rows.clear();
}

void TakeMemoryFilesOf(unsigned place) {
  g_place = place;
  g_next = 0;
}

}  // namespace pvpci::sim
