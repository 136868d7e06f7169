// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/block_table.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "driver/loader/image.h"

namespace pvpci::driver {
namespace {

constexpr uint32_t kBlocksMax = 16u << 20;  // bounds what a damaged id can allocate

std::pair<std::shared_ptr<const void>, size_t> MapFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0) {
    throw ImageError(fmt::format("{}: cannot open the side table: {}", path, std::strerror(errno)));
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) {
    close(fd);
    throw ImageError(path + ": the side table is empty");
  }
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  close(fd);
  if (data == MAP_FAILED) throw ImageError(fmt::format("{}: {}", path, std::strerror(errno)));
  return {std::shared_ptr<const void>(data, [size](const void* p) { munmap(const_cast<void*>(p), size); }), size};
}

class LineReader {
 public:
  LineReader(const std::string& path, const char* text, size_t size) : path_(path), at_(text), end_(text + size) {}

  bool more() const { return at_ < end_; }
  bool SkipComment() {
    if (*at_ != '#' && *at_ != '\n') return false;
    while (at_ < end_ && *at_++ != '\n') {}
    ++line_;
    return true;
  }
  std::string_view Text() {
    const char* start = at_;
    while (at_ < end_ && *at_ != '\t' && *at_ != '\n') ++at_;
    const std::string_view field(start, at_ - start);
    if (field.empty() || at_ == end_ || *at_ != '\t') Fail("expected a text field");
    ++at_;
    return field;
  }
  uint32_t Number(char terminator) {
    uint64_t value = 0;
    const char* start = at_;
    while (at_ < end_ && *at_ >= '0' && *at_ <= '9' && value <= UINT32_MAX) value = value * 10 + (*at_++ - '0');
    if (at_ == start || value > UINT32_MAX) Fail("expected a number");
    if (terminator == '\n') {
      if (at_ < end_ && *at_++ != '\n') Fail("more than 7 fields");
      ++line_;
    } else {
      if (at_ == end_ || *at_ != terminator) Fail("expected 7 tab-separated fields");
      ++at_;
    }
    return static_cast<uint32_t>(value);
  }
  [[noreturn]] void Fail(const char* what) const {
    throw ImageError(fmt::format("{}:{}: {}", path_, line_, what));
  }

 private:
  const std::string& path_;
  const char* at_;
  const char* end_;
  uint32_t line_ = 1;
};

}  // namespace

BlockTable BlockTable::Read(const std::string& path, uint32_t core_mhz) {
  BlockTable table;
  size_t size = 0;
  std::tie(table.mapping_, size) = MapFile(path);
  LineReader reader(path, static_cast<const char*>(table.mapping_.get()), size);
  std::unordered_map<std::string_view, uint32_t> source_index;
  table.blocks_.reserve(size / 64);
  table.blocks_.resize(1);
  std::string_view last_source;
  uint32_t last_index = 0;
  while (reader.more()) {
    if (reader.SkipComment()) continue;
    Block block;
    block.id = reader.Number('\t');
    const std::string_view source = reader.Text();
    if (source != last_source) {  // blocks of one source stand together
      const auto [at, fresh] = source_index.emplace(source, static_cast<uint32_t>(table.sources_.size()));
      if (fresh) table.sources_.emplace_back(source);
      last_source = source;
      last_index = at->second;
    }
    block.source = last_index;
    block.function = reader.Text();
    block.index = reader.Number('\t');
    block.instructions = reader.Number('\t');
    const uint64_t cost_ps = (uint64_t{reader.Number('\t')} * kReferenceMhz + core_mhz / 2) / core_mhz;
    block.cost_ps = static_cast<uint32_t>(std::clamp(cost_ps, uint64_t{1}, uint64_t{kGuardTrap - 1}));
    if (block.id == 0 || block.id > kBlocksMax) reader.Fail("block id out of range");
    if (block.id >= table.blocks_.size()) table.blocks_.resize(block.id + 1);
    if (table.blocks_[block.id].id != 0) reader.Fail("block id used twice");
    block.line = reader.Number('\n');
    table.blocks_[block.id] = block;
  }
  return table;
}

}  // namespace pvpci::driver
