// SPDX-License-Identifier: Apache-2.0
#include "scenarios/yaml_tree.h"

#include <sys/stat.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

Place ToPlace(const YAML::Mark& mark) {
  return mark.is_null() ? Place{1, 1} : Place{mark.line + 1, mark.column + 1};
}

// Length of the UTF-8 sequence at `i`, 0 if there is none. RFC 3629: no overlong forms, surrogates, > U+10FFFF.
size_t Utf8Length(const std::string& text, size_t i) {
  const auto byte = [&](size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
  const unsigned lead = byte(i);
  if (lead < 0x80) return 1;
  size_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (byte(i + 1) < low || byte(i + 1) > high) return 0;
  for (size_t k = 2; k < length; ++k) {
    if (byte(i + k) < 0x80 || byte(i + k) > 0xbf) return 0;
  }
  return length;
}

// Characters, line by line: the first thing no scenario file can hold.
void CheckCharacters(const std::string& file, const std::string& text) {
  Place place{1, 1};
  for (size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == 0) throw InputError(file, place, "NUL byte: a scenario is a YAML text, this looks like a binary file");
    const size_t length = Utf8Length(text, i);
    if (length == 0) throw InputError(file, place, fmt::format("byte 0x{:02x} is not valid UTF-8", c));
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
      throw InputError(file, place, fmt::format("control character 0x{:02x}: a scenario is a YAML text", c));
    }
    i += length;
    if (c == '\n') {
      place = {place.line + 1, 1};
    } else {
      ++place.column;
    }
  }
}

// Upper bound of the nesting, without recursion. Quotes and comments are respected as far as one line shows them;
// a bracket inside a plain text counts, which costs nothing: no scenario comes near the limit.
void CheckDepth(const std::string& file, const std::string& text) {
  std::vector<int> indents;
  int brackets = 0;
  char quote = 0;
  int line_number = 0;
  size_t start = 0;
  while (start < text.size()) {
    size_t end = text.find('\n', start);
    if (end == std::string::npos) end = text.size();
    ++line_number;
    const std::string_view line(text.data() + start, end - start);
    start = end + 1;
    size_t i = 0;
    int compact = 0;
    if (brackets == 0 && quote == 0) {
      const size_t first = line.find_first_not_of(' ');
      if (first == std::string_view::npos || line[first] == '#' || line[first] == '\r') continue;
      const int indent = static_cast<int>(first);
      while (!indents.empty() && indents.back() >= indent) indents.pop_back();
      indents.push_back(indent);
      for (i = first; i < line.size() && (line[i] == '-' || line[i] == '?' || line[i] == ':') &&
                      i + 1 < line.size() && line[i + 1] == ' ';
           i += 2) {
        ++compact;
      }
      if (static_cast<int>(indents.size()) + compact > kMaxDepth) {
        throw InputError(file, {line_number, indent + 1},
                         fmt::format("nested deeper than {} levels: no scenario needs that", kMaxDepth));
      }
    }
    for (; i < line.size(); ++i) {
      const char c = line[i];
      if (quote != 0) {
        if (c == '\\' && quote == '"') {
          ++i;
        } else if (c == quote) {
          quote = 0;
        }
        continue;
      }
      const bool after_space = i == 0 || line[i - 1] == ' ' || std::strchr("[{,:", line[i - 1]) != nullptr;
      if ((c == '"' || c == '\'') && after_space) quote = c;
      if (c == '#' && (i == 0 || line[i - 1] == ' ')) break;
      if (c == '[' || c == '{') ++brackets;
      if ((c == ']' || c == '}') && brackets > 0) --brackets;
      const int depth = static_cast<int>(indents.size()) + compact + brackets;
      if (depth > kMaxDepth) {
        throw InputError(file, {line_number, static_cast<int>(i) + 1},
                         fmt::format("nested deeper than {} levels: no scenario needs that", kMaxDepth));
      }
    }
  }
}

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& file) : file_(file) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    YamlNode node;
    node.place = ToPlace(mark);
    Add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw InputError(file_, ToPlace(mark), "aliases (*name) are not used in scenarios: write the value out");
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { RefuseAnchor(mark, 1); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    YamlNode node;
    node.place = ToPlace(mark);
    node.quoted = tag == "!";
    node.kind = !node.quoted && (value.empty() || value == "~" || value == "null") ? YamlNode::Kind::kNull
                                                                                   : YamlNode::Kind::kScalar;
    node.text = value;
    Add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

  bool empty() const { return !has_root_; }
  YamlNode TakeRoot() { return std::move(root_); }
  std::vector<Problem> TakeDuplicates() { return std::move(duplicates_); }

 private:
  struct Frame {
    YamlNode node;
    bool has_key = false;
    YamlNode key;
    std::map<std::string, Place> seen;
  };

  void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) {
      throw InputError(file_, ToPlace(mark), "anchors (&name) are not used in scenarios: write the value out");
    }
  }
  void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      throw InputError(file_, ToPlace(mark), "tags (!name) are not used in scenarios");
    }
  }
  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = ToPlace(mark);
    stack_.push_back(std::move(frame));
  }
  void Close() {
    YamlNode node = std::move(stack_.back().node);
    stack_.pop_back();
    Add(std::move(node));
  }
  void Add(YamlNode node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      has_root_ = true;
      return;
    }
    Frame& top = stack_.back();
    if (top.node.kind == YamlNode::Kind::kList) {
      top.node.items.push_back(std::move(node));
      return;
    }
    if (!top.has_key) {
      if (node.kind != YamlNode::Kind::kScalar) {
        throw InputError(file_, node.place, fmt::format("{} cannot be a key; a key is a word", Describe(node)));
      }
      const auto [it, fresh] = top.seen.emplace(node.text, node.place);
      if (!fresh) {
        duplicates_.push_back({node.place, fmt::format("duplicate key '{}': first given in line {}", node.text,
                                                       it->second.line)});
      }
      top.key = std::move(node);
      top.has_key = true;
      return;
    }
    top.has_key = false;
    top.node.members.emplace_back(std::move(top.key), std::move(node));
  }

  const std::string& file_;
  std::vector<Frame> stack_;
  YamlNode root_;
  bool has_root_ = false;
  std::vector<Problem> duplicates_;
};

}  // namespace

const YamlNode* YamlNode::Find(const std::string& key) const {
  for (const auto& [name, value] : members) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

const char* Describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull: return "nothing";
    case YamlNode::Kind::kScalar: return "a text";
    case YamlNode::Kind::kList: return "a list";
    case YamlNode::Kind::kMap: return "a map";
  }
  return "?";
}

std::string FlatText(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kList) return node.text;
  std::string text;
  for (const YamlNode& item : node.items) text += (text.empty() ? "" : ", ") + item.text;
  return text;
}

YamlNode ParseYaml(const std::string& file, const std::string& text) {
  if (text.empty()) throw InputError(file, {1, 1}, "the file is empty; a scenario starts with 'name:'");
  if (text.size() > kMaxFileBytes) {
    throw InputError(file, {1, 1}, fmt::format("{} bytes: a scenario has at most {}", text.size(), kMaxFileBytes));
  }
  CheckCharacters(file, text);
  CheckDepth(file, text);
  TreeBuilder builder(file);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder) || builder.empty()) {
      throw InputError(file, {1, 1}, "the file holds no YAML document; a scenario starts with 'name:'");
    }
    TreeBuilder second(file);
    if (parser.HandleNextDocument(second) && !second.empty()) {
      throw InputError(file, second.TakeRoot().place, "a second YAML document: one file states one claim");
    }
  } catch (const YAML::Exception& error) {
    throw InputError(file, ToPlace(error.mark), "not YAML: " + error.msg);
  }
  std::vector<Problem> duplicates = builder.TakeDuplicates();
  if (!duplicates.empty()) throw InputError(file, std::move(duplicates));
  return builder.TakeRoot();
}

std::string ReadScenarioText(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    throw InputError(path, {1, 1}, fmt::format("cannot read: {}", std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) throw InputError(path, {1, 1}, "cannot read: not a regular file");
  if (static_cast<uint64_t>(status.st_size) > kMaxFileBytes) {
    throw InputError(path, {1, 1}, fmt::format("{} bytes: a scenario has at most {}", status.st_size, kMaxFileBytes));
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw InputError(path, {1, 1}, fmt::format("cannot read: {}", std::strerror(errno)));
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace pvpci::scenarios
