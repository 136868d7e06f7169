// SPDX-License-Identifier: Apache-2.0
#include "scenarios/units.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

using Unit = std::pair<std::string_view, uint64_t>;
constexpr std::array<Unit, 4> kSizeUnits = {{{"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}}};
constexpr std::array<Unit, 5> kTimeUnits = {
    {{"s", sim::kSec}, {"ms", sim::kMs}, {"us", sim::kUs}, {"ns", sim::kNs}, {"ps", sim::kPs}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Number with optional fraction, times the unit's factor, exact. `default_factor` 0: a unit is required.
template <size_t N>
std::optional<uint64_t> ParseQuantity(std::string_view text, const std::array<Unit, N>& units,
                                      uint64_t default_factor) {
  size_t i = 0;
  while (i < text.size() && IsDigit(text[i])) ++i;
  if (i == 0) return std::nullopt;
  const std::string_view whole = text.substr(0, i);
  std::string_view fraction;
  if (i < text.size() && text[i] == '.') {
    const size_t start = ++i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    fraction = text.substr(start, i - start);
    if (fraction.empty() || fraction.size() > 12) return std::nullopt;
  }
  if (i < text.size() && text[i] == ' ') ++i;
  const std::string_view unit = text.substr(i);
  uint64_t factor = 0;
  if (unit.empty()) {
    factor = default_factor;
    if (factor == 0 && fraction.empty() && ParseUnsigned(whole) == 0u) return 0;
  }
  for (const Unit& known : units) {
    if (known.first == unit) factor = known.second;
  }
  const std::optional<uint64_t> count = ParseUnsigned(whole);
  if (factor == 0 || !count) return std::nullopt;
  uint64_t value = 0;
  if (__builtin_mul_overflow(*count, factor, &value)) return std::nullopt;
  if (!fraction.empty()) {
    unsigned __int128 part = factor;
    uint64_t divisor = 1;
    uint64_t digits = 0;
    for (const char c : fraction) {
      digits = digits * 10 + static_cast<uint64_t>(c - '0');
      divisor *= 10;
    }
    part *= digits;
    if (part % divisor != 0) return std::nullopt;
    if (__builtin_add_overflow(value, static_cast<uint64_t>(part / divisor), &value)) return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<uint64_t> ParseUnsigned(std::string_view text) {
  uint64_t base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  }
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    uint64_t digit = 0;
    if (IsDigit(c)) {
      digit = static_cast<uint64_t>(c - '0');
    } else if (base == 16 && c >= 'a' && c <= 'f') {
      digit = static_cast<uint64_t>(c - 'a') + 10;
    } else if (base == 16 && c >= 'A' && c <= 'F') {
      digit = static_cast<uint64_t>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value)) {
      return std::nullopt;
    }
  }
  return value;
}

std::optional<int64_t> ParseSigned(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  const std::optional<uint64_t> value = ParseUnsigned(text);
  if (!value || *value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return negative ? -static_cast<int64_t>(*value) : static_cast<int64_t>(*value);
}

std::optional<uint64_t> ParseSize(std::string_view text) {
  if (text.substr(0, 2) == "0x") return ParseUnsigned(text);
  return ParseQuantity(text, kSizeUnits, 1);
}

std::optional<sim::Ps> ParseDuration(std::string_view text) { return ParseQuantity(text, kTimeUnits, 0); }

std::optional<Link> ParseLink(std::string_view text) {
  Link link;
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.substr(0, 3) != "gen" || text.substr(space + 1, 1) != "x") {
    return std::nullopt;
  }
  const auto generation = ParseUnsigned(text.substr(3, space - 3));
  const auto width = ParseUnsigned(text.substr(space + 2));
  if (!generation || !width || *generation < 1 || *generation > 5) return std::nullopt;
  if (*width != 1 && *width != 2 && *width != 4 && *width != 8 && *width != 16) return std::nullopt;
  link.generation = static_cast<unsigned>(*generation);
  link.width = static_cast<unsigned>(*width);
  return link;
}

std::string FormatSize(uint64_t bytes) {
  for (const Unit& unit : kSizeUnits) {
    if (bytes >= unit.second && bytes % unit.second == 0) return fmt::format("{} {}", bytes / unit.second, unit.first);
  }
  return "0 B";
}

std::string FormatDuration(sim::Ps time) {
  for (const Unit& unit : kTimeUnits) {
    if (time < unit.second) continue;
    if (time % unit.second == 0) return fmt::format("{} {}", time / unit.second, unit.first);
    const uint64_t thousandth = unit.second / 1000;
    if (thousandth != 0 && time % thousandth == 0) {
      std::string text = fmt::format("{}.{:03}", time / unit.second, time % unit.second / thousandth);
      text.erase(text.find_last_not_of('0') + 1);
      return fmt::format("{} {}", text, unit.first);
    }
  }
  return "0 s";
}

std::string FormatLink(const Link& link) { return fmt::format("gen{} x{}", link.generation, link.width); }

}  // namespace pvpci::scenarios
