// SPDX-License-Identifier: Apache-2.0
#include "models/pci/cloned.h"

#include <fmt/format.h>

#include <stdexcept>

namespace pvpci::pci {
namespace {

template <typename... Args>
[[noreturn]] void Refuse(unsigned line, fmt::format_string<Args...> format, Args&&... args) {
  throw std::invalid_argument(fmt::format("line {}: {}", line, fmt::format(format, std::forward<Args>(args)...)));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool ParseHex(std::string_view text, uint64_t* value) {
  if (text.empty() || text.size() > 8) return false;
  *value = 0;
  for (char c : text) {
    const int digit = HexDigit(c);
    if (digit < 0) return false;
    *value = *value << 4 | static_cast<unsigned>(digit);
  }
  return true;
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  size_t at = 0;
  while (at < line.size()) {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
    const size_t start = at;
    while (at < line.size() && line[at] != ' ' && line[at] != '\t') ++at;
    if (at > start) words.push_back(line.substr(start, at - start));
  }
  return words;
}

}  // namespace

std::vector<uint8_t> ParseConfigDump(std::string_view text) {
  std::vector<uint8_t> image;
  bool repeat = false;
  unsigned number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    line = line.substr(0, line.find('|'));  // the text column of hexdump
    const std::vector<std::string_view> words = Words(line);
    if (words.empty()) continue;
    if (words.size() == 1 && words[0] == "*") {
      if (image.size() < 16) Refuse(number, "'*' repeats the line above, and there is none");
      repeat = true;
      continue;
    }
    std::string_view head = words[0];
    const bool lspci = head.back() == ':';
    if (lspci) head.remove_suffix(1);
    uint64_t offset = 0;
    if (!ParseHex(head, &offset)) {
      // The title line that lspci prints above the bytes.
      if (image.empty() && !lspci && head.find('.') != std::string_view::npos) continue;
      Refuse(number, "expected an offset and bytes in hexadecimal, found '{}'", words[0]);
    }
    if (repeat) {
      if (offset < image.size() || offset % 16)
        Refuse(number, "offset {:#x} does not follow the repeated lines", offset);
      if (offset > 4096) Refuse(number, "offset {:#x} lies beyond 4096 bytes", offset);
      while (image.size() < offset) image.push_back(image[image.size() - 16]);
      repeat = false;
    }
    if (offset != image.size()) Refuse(number, "offset {:#x} where {:#x} was expected", offset, image.size());
    if (words.size() > 17) Refuse(number, "more than 16 bytes");
    for (size_t i = 1; i < words.size(); ++i) {
      uint64_t byte = 0;
      if (words[i].size() != 2 || !ParseHex(words[i], &byte)) Refuse(number, "'{}' is not a byte", words[i]);
      if (image.size() == 4096) Refuse(number, "more than 4096 bytes");
      image.push_back(static_cast<uint8_t>(byte));
    }
  }
  if (repeat) Refuse(number, "the repeated lines have no end offset");
  if (image.size() < 64) Refuse(number, "{} bytes: a configuration space has at least 64", image.size());
  return image;
}

namespace {

std::array<BarSpec, 6> Sizes(const std::array<uint64_t, 6>& bar_bytes) {
  std::array<BarSpec, 6> bars{};
  for (unsigned i = 0; i < 6; ++i) bars[i].size_bytes = bar_bytes[i];
  return bars;
}

}  // namespace

Cloned::Cloned(const std::vector<uint8_t>& image, const std::array<uint64_t, 6>& bar_bytes)
    : Function(FunctionSpec::FromImage(image, Sizes(bar_bytes))) {}

uint64_t Cloned::OnBarRead(unsigned bar, uint64_t offset, unsigned size) { return memory_[bar].Read(offset, size); }

void Cloned::OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId) {
  memory_[bar].Write(offset, size, value);
}

void Cloned::OnReset(ResetKind) {
  for (ByteStore& bar : memory_) bar.Clear();
}

}  // namespace pvpci::pci
