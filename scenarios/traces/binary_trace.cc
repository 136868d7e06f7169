// SPDX-License-Identifier: Apache-2.0
#include "scenarios/traces/binary_trace.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

constexpr std::string_view kMagic = "PVPCITR1";
// In a text with its numbers taken out.
constexpr char kDecimal = 1, kHex = 2, kLiteral = 3;  // kLiteral: the next byte is meant as it is
// What an item begins with.
constexpr uint64_t kText = 0, kEnd = 1, kFirstRecord = 2;

void PutNumber(std::string* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void PutText(std::string* out, std::string_view text) {
  PutNumber(out, text.size());
  out->append(text);
}

uint64_t ZigZag(int64_t value) { return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63); }
int64_t FromZigZag(uint64_t value) { return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
int HexDigit(char c) { return IsDigit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

// A number as a printer would print it: no leading zeros, and it fits 64 bits. Returns its length, 0: there is none.
size_t NumberAt(std::string_view text, unsigned base, uint64_t* value) {
  size_t length = 0;
  *value = 0;
  for (; length < text.size(); ++length) {
    const int digit = base == 16 ? HexDigit(text[length]) : IsDigit(text[length]) ? text[length] - '0' : -1;
    if (digit < 0) break;
    if (*value > (std::numeric_limits<uint64_t>::max() - static_cast<uint64_t>(digit)) / base) return 0;
    *value = *value * base + static_cast<uint64_t>(digit);
  }
  return length > 1 && text[0] == '0' ? 0 : length;
}

// The text with its numbers taken out. Digits inside a word ("t10", "vcpu0" too) are numbers; those with leading zeros, as in
// 0000:02:00.0, stay.
std::string TakeNumbers(std::string_view text, std::vector<uint64_t>* numbers) {
  std::string pattern;
  for (size_t at = 0; at < text.size();) {
    uint64_t value = 0;
    if (text.substr(at, 2) == "0x") {
      if (const size_t length = NumberAt(text.substr(at + 2), 16, &value); length != 0) {
        pattern += kHex;
        numbers->push_back(value);
        at += 2 + length;
        continue;
      }
    }
    if (IsDigit(text[at])) {
      const size_t length = NumberAt(text.substr(at), 10, &value);
      if (length != 0) {
        pattern += kDecimal;
        numbers->push_back(value);
        at += length;
        continue;
      }
      while (at < text.size() && IsDigit(text[at])) pattern += text[at++];
      continue;
    }
    if (text[at] >= kDecimal && text[at] <= kLiteral) pattern += kLiteral;
    pattern += text[at++];
  }
  return pattern;
}

class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}

  void Add(const sim::RecordView& record, std::string_view domain, std::string_view text) {
    numbers_.clear();
    const uint64_t domain_id = Text(std::string(domain));
    const uint64_t pattern = Text(TakeNumbers(text, &numbers_));
    PutNumber(out_, kFirstRecord + pattern);
    PutNumber(out_, ZigZag(static_cast<int64_t>(record.time - time_)));
    PutNumber(out_, static_cast<uint64_t>(record.kind));
    PutNumber(out_, domain_id);
    for (const uint64_t number : numbers_) PutNumber(out_, number);
    time_ = record.time;
  }
  void End() { PutNumber(out_, kEnd); }

 private:
  // Texts are numbered as they are told.
  uint64_t Text(const std::string& text) {
    const auto [known, is_new] = texts_.try_emplace(text, texts_.size());
    if (is_new) {
      PutNumber(out_, kText);
      PutText(out_, text);
    }
    return known->second;
  }

  std::string* out_;
  sim::Ps time_ = 0;
  std::unordered_map<std::string, uint64_t> texts_;  // looked up only, never walked
  std::vector<uint64_t> numbers_;
};

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}
  bool done() const { return at_ == file_.size(); }
  uint64_t Number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(Bytes(1)[0]);
      value |= uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    Fail("a number that does not end");
  }
  std::string_view Bytes(uint64_t count) {
    if (count > file_.size() - at_) Fail("the file ends within an item");
    at_ += count;
    return file_.substr(at_ - count, count);
  }
  std::string_view Text() { return Bytes(Number()); }
  [[noreturn]] void Fail(const char* what) const { throw BinaryTraceError(fmt::format("byte {}: {}", at_, what)); }

 private:
  std::string_view file_;
  size_t at_ = 0;
};

}  // namespace

std::string BinaryTrace(const sim::Trace& trace, const BinaryTraceHead& head) {
  std::string out(kMagic);
  PutText(&out, head.scenario);
  PutText(&out, head.mode);
  PutText(&out, head.digest);
  PutNumber(&out, head.seed);
  Writer writer(&out);
  trace.ForEach([&](const sim::RecordView& record) {
    const std::string line = trace.Format(record);
    const size_t domain = line.find(' ') + 1, text = line.find(' ', domain) + 1;
    writer.Add(record, std::string_view(line).substr(domain, text - 1 - domain), std::string_view(line).substr(text));
  });
  writer.End();
  return out;
}

BinaryTraceHead ReadBinaryTrace(std::string_view file, const std::function<void(const BinaryTraceRecord&)>& visit) {
  Reader reader(file);
  if (file.substr(0, kMagic.size()) != kMagic) reader.Fail("no trace.bin of this version");
  reader.Bytes(kMagic.size());
  BinaryTraceHead head;
  head.scenario = reader.Text();
  head.mode = reader.Text();
  head.digest = reader.Text();
  head.seed = reader.Number();
  std::vector<std::string_view> texts;
  const auto text_of = [&](uint64_t number) {
    if (number >= texts.size()) reader.Fail("a text that was not told");
    return texts[number];
  };
  uint64_t time = 0;
  std::string text;
  for (;;) {
    const uint64_t item = reader.Number();
    if (item == kEnd) break;
    if (item == kText) {
      texts.push_back(reader.Text());
      continue;
    }
    time += static_cast<uint64_t>(FromZigZag(reader.Number()));
    const uint64_t kind = reader.Number();
    const std::string_view domain = text_of(reader.Number());
    const std::string_view pattern = text_of(item - kFirstRecord);
    text.clear();
    for (size_t at = 0; at < pattern.size(); ++at) {
      if (pattern[at] == kDecimal) {
        text += std::to_string(reader.Number());
      } else if (pattern[at] == kHex) {
        text += fmt::format("{:#x}", reader.Number());
      } else if (pattern[at] == kLiteral && at + 1 < pattern.size()) {
        text += pattern[++at];
      } else {
        text += pattern[at];
      }
    }
    visit({time, static_cast<uint16_t>(kind), domain, text});
  }
  if (!reader.done()) reader.Fail("something follows the end");
  return head;
}

bool TellsOfInterrupt(std::string_view text, uint32_t number) {
  for (const char* word : {"interrupt ", "message "}) {
    const std::string wanted = word + std::to_string(number);
    const size_t at = text.find(wanted);
    if (at == std::string_view::npos) continue;
    const size_t after = at + wanted.size();
    if (after == text.size() || !IsDigit(text[after])) return true;
  }
  return false;
}

}  // namespace pvpci::scenarios
