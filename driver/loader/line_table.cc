// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/line_table.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "driver/loader/image.h"

namespace pvpci::driver {
namespace {

class RecordReader {
 public:
  explicit RecordReader(const std::string& path) : path_(path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw ImageError(path + ": cannot open the table of lines");
    std::stringstream text;
    text << stream.rdbuf();
    text_ = text.str();
  }

  // Moves to the next record; false at the end.
  bool Next() {
    do {
      if (at_ >= text_.size()) return false;
      const size_t end = std::min(text_.find('\n', at_), text_.size());
      rest_ = std::string_view(text_).substr(at_, end - at_);
      at_ = end + 1;
      ++number_;
    } while (rest_.empty() || rest_.front() == '#');
    return true;
  }
  std::string_view Field() {
    const size_t end = std::min(rest_.find('\t'), rest_.size());
    const std::string_view field = rest_.substr(0, end);
    if (field.empty()) Fail("expected a field");
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return field;
  }
  uint32_t Number(std::string_view text) const {
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) Fail("expected a number");
    return value;
  }
  template <typename Add>
  void Lines(Add add) {
    for (std::string_view list = Field(); !list.empty();) {
      const size_t end = std::min(list.find(','), list.size());
      add(Number(list.substr(0, end)));
      list.remove_prefix(std::min(end + 1, list.size()));
    }
  }
  [[noreturn]] void Fail(const char* what) const { throw ImageError(fmt::format("{}:{}: {}", path_, number_, what)); }

 private:
  const std::string path_;
  std::string text_;
  std::string_view rest_;
  size_t at_ = 0;
  unsigned number_ = 0;
};

}  // namespace

std::vector<SourceLines> ReadLineTable(const std::string& path) {
  std::vector<SourceLines> sources;
  RecordReader record(path);
  while (record.Next()) {
    const std::string_view kind = record.Field();
    if (kind == "S") {
      sources.push_back({std::string(record.Field()), {}, {}});
      continue;
    }
    if (sources.empty()) record.Fail("a record before the first source");
    SourceLines& source = sources.back();
    if (kind == "F") {
      const uint32_t line = record.Number(record.Field());
      source.functions.push_back({line, std::string(record.Field())});
    } else if (kind == "B") {
      const uint32_t block = record.Number(record.Field());
      if (block == 0) record.Fail("block id out of range");
      record.Lines([&](uint32_t line) { source.code.push_back({line, block, false}); });
    } else if (kind == "X" || kind == "D") {
      record.Lines([&](uint32_t line) { source.code.push_back({line, 0, kind == "D"}); });
    } else {
      record.Fail("expected S, F, B, X or D");
    }
  }
  return sources;
}

}  // namespace pvpci::driver
