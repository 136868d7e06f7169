// SPDX-License-Identifier: Apache-2.0
#include "reports/json_text.h"

#include <fmt/format.h>

namespace pvpci::reports {
namespace {

using nlohmann::ordered_json;

constexpr size_t kColumns = 120;

std::string Quoted(const std::string& text) {
  return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// Appends `value` on one line. Gives up, and returns false, once *out is longer than `limit`.
bool AppendLine(const ordered_json& value, size_t limit, const char* space, std::string* out) {
  if (value.is_number_float()) {
    *out += fmt::format("{:.3f}", value.get<double>());
  } else if (value.is_string()) {
    *out += Quoted(value.get_ref<const std::string&>());
  } else if (!value.is_structured()) {
    *out += value.dump();
  } else {
    *out += value.is_array() ? '[' : '{';
    bool first = true;
    for (auto item = value.begin(); item != value.end(); ++item) {
      if (!first) *out += fmt::format(",{}", space);
      first = false;
      if (value.is_object()) *out += fmt::format("{}:{}", Quoted(item.key()), space);
      if (!AppendLine(*item, limit, space, out)) return false;
    }
    *out += value.is_array() ? ']' : '}';
  }
  return out->size() <= limit;
}

// A list of numbers, or of lists of numbers: its items flow.
bool Flows(const ordered_json& value) {
  if (!value.is_array()) return false;
  for (const ordered_json& item : value) {
    if (!item.is_number() && !Flows(item)) return false;
  }
  return true;
}

void AppendFilled(const ordered_json& list, size_t indent, std::string* out) {
  const std::string margin(indent + 2, ' ');
  std::string line = margin;
  *out += "[\n";
  for (size_t i = 0; i < list.size(); ++i) {
    std::string item;
    AppendLine(list[i], SIZE_MAX, " ", &item);
    if (i + 1 < list.size()) item += ",";
    if (line.size() > margin.size() && line.size() + 1 + item.size() > kColumns) {
      *out += line + "\n";
      line = margin;
    }
    if (line.size() > margin.size()) line += ' ';
    line += item;
  }
  *out += line + "\n" + std::string(indent, ' ') + "]";
}

void Append(const ordered_json& value, size_t indent, size_t used, std::string* out) {
  std::string line;
  const size_t limit = kColumns > indent + used ? kColumns - indent - used : 0;
  if (!value.is_structured() || value.empty()) {
    AppendLine(value, SIZE_MAX, " ", out);
    return;
  }
  if (indent > 0 && AppendLine(value, limit, " ", &line)) {
    *out += line;
    return;
  }
  if (Flows(value)) return AppendFilled(value, indent, out);
  *out += value.is_array() ? "[\n" : "{\n";
  for (auto item = value.begin(); item != value.end(); ++item) {
    if (item != value.begin()) *out += ",\n";
    *out += std::string(indent + 2, ' ');
    std::string key;
    if (value.is_object()) key = Quoted(item.key()) + ": ";
    *out += key;
    Append(*item, indent + 2, key.size() + 1, out);
  }
  *out += "\n" + std::string(indent, ' ') + (value.is_array() ? "]" : "}");
}

}  // namespace

std::string FormatJson(const ordered_json& document) {
  std::string out;
  Append(document, 0, 0, &out);
  return out + "\n";
}

std::string ScriptJson(const ordered_json& document) {
  std::string plain;
  AppendLine(document, SIZE_MAX, "", &plain);
  std::string out;
  out.reserve(plain.size() + plain.size() / 16);
  for (char c : plain) {
    // Both characters occur in strings only; "</script>" and "<!--" would end or change the script element.
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '/') {
      out += "\\/";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace pvpci::reports
