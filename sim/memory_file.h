// SPDX-License-Identifier: Apache-2.0
// Memory that can be mapped more than once: a nameless file (memfd), all zeros at first.
//
// Who runs many machine rooms one after the other, each in a forked child (scenarios/supervise.h), need not pay for fresh
// pages every time. The parent stocks empty files, a row of them for each place that a child can take; a child opens its
// memory files from its place's row, in the order it asks, and clears what the place's last child left. That is a tenth of
// the cost of pages that the host must find, and looks the same.
#ifndef PVPCI_SIM_MEMORY_FILE_H_
#define PVPCI_SIM_MEMORY_FILE_H_

#include <cstdint>

namespace pvpci::sim {

class MemoryFile {
 public:
  // `name` is for /proc/PID/maps. Throws std::bad_alloc if the host gives none.
  MemoryFile(const char* name, uint64_t bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int fd() const { return fd_; }
  uint64_t bytes() const { return bytes_; }

  // To be called with a writable mapping of the whole file before anybody reads it: makes it zero, and its pages present.
  void Clear(void* mapping) const;
  // Maps all of it, readable and writable, wherever there is room, and clears it. Throws std::bad_alloc.
  void* Map() const;

 private:
  int fd_ = -1;
  uint64_t bytes_ = 0;
  bool used_ = false;  // by an earlier child
};

// Rows of files for children in the places 0 .. places-1, until the object goes. One at a time per process.
class MemoryStock {
 public:
  explicit MemoryStock(unsigned places);
  ~MemoryStock();
  MemoryStock(const MemoryStock&) = delete;
  MemoryStock& operator=(const MemoryStock&) = delete;
};

// In a forked child: its memory files come from the row of `place`. Without a stock, or in a place that it does not have,
// they are fresh.
void TakeMemoryFilesOf(unsigned place);

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_MEMORY_FILE_H_
