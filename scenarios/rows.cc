// SPDX-License-Identifier: Apache-2.0
#include "scenarios/rows.h"

#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "scenarios/problem.h"
#include "scenarios/schema.h"
#include "scenarios/suggest.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

// The patches of the series and, as "S", what it builds on.
const std::vector<std::string>& RowIds() {
  static const std::vector<std::string> ids = {"01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11",
                                               "12", "13", "14", "15", "16", "17", "18", "19", "20", "S"};
  return ids;
}

const ObjectSpec& RowSpec() {
  ValueSpec id;
  id.type = ValueType::kWord;
  id.words = RowIds();
  ValueSpec texts;
  texts.list = true;
  texts.minimum_items = 1;
  static const ObjectSpec spec{"a row",
                               {
                                   {"row", id, true, "\"01\" .. \"20\", \"S\""},
                                   {"title", {}, true, "as in the cover letter"},
                                   {"patch", {}, true, "what the patch did"},
                                   {"today", {}, true, "what does it today"},
                                   {"originals", texts, true, "kernel files that do it"},
                                   {"scenarios", texts, true, "scenarios that show it"},
                               },
                               "",
                               {}};
  return spec;
}

class RowReader {
 public:
  RowReader(const RowNames& names, std::vector<Problem>* problems) : names_(names), problems_(problems) {}

  void Read(const YamlNode& node) {
    Row row;
    row.place = node.Find("row")->place;
    row.row = node.Find("row")->text;
    row.title = node.Find("title")->text;
    row.patch = node.Find("patch")->text;
    row.today = node.Find("today")->text;
    for (const YamlNode& item : node.Find("originals")->items) {
      Once(item, &row.originals);
      if (names_.originals.empty() || names_.originals.count(item.text) != 0) continue;
      const std::vector<std::string> known(names_.originals.begin(), names_.originals.end());
      Complain(item, fmt::format("originals: no '{}' in the guest image{}", item.text, DidYouMean(item.text, known)));
    }
    for (const YamlNode& item : node.Find("scenarios")->items) {
      Once(item, &row.scenarios);
      const auto& known = names_.scenarios;
      if (std::find(known.begin(), known.end(), item.text) != known.end()) continue;
      Complain(item, fmt::format("scenarios: no scenario '{}'{}", item.text, DidYouMean(item.text, known)));
    }
    const auto [first, fresh] = places_.emplace(row.row, row.place);
    if (!fresh) {
      Complain(*node.Find("row"), fmt::format("row {} is in line {} already", row.row, first->second.line));
    }
    rows_.push_back(std::move(row));
  }

  std::vector<Row> rows() const {
    std::vector<Row> sorted = rows_;
    std::sort(sorted.begin(), sorted.end(), [](const Row& a, const Row& b) { return a.row < b.row; });
    return sorted;
  }

 private:
  void Complain(const YamlNode& node, std::string message) { problems_->push_back({node.place, std::move(message)}); }

  void Once(const YamlNode& node, std::vector<std::string>* texts) {
    if (std::find(texts->begin(), texts->end(), node.text) != texts->end()) {
      Complain(node, fmt::format("'{}' is named twice", node.text));
    }
    texts->push_back(node.text);
  }

  const RowNames& names_;
  std::vector<Problem>* problems_;
  std::map<std::string, Place> places_;
  std::vector<Row> rows_;
};

}  // namespace

std::vector<Row> ParseRows(const std::string& file, const std::string& text, const RowNames& names) {
  const YamlNode root = ParseYaml(file, text);
  if (root.kind != YamlNode::Kind::kList) {
    throw InputError(file, root.place, fmt::format("expected a list of rows at the top, found {}", Describe(root)));
  }
  std::vector<Problem> problems;
  for (const YamlNode& item : root.items) Validate(item, RowSpec(), &problems);
  if (!problems.empty()) throw InputError(file, std::move(problems));
  RowReader reader(names, &problems);
  for (const YamlNode& item : root.items) reader.Read(item);
  if (!problems.empty()) throw InputError(file, std::move(problems));
  return reader.rows();
}

std::vector<Row> LoadRows(const std::string& file, const RowNames& names) {
  return ParseRows(file, ReadScenarioText(file), names);
}

std::vector<std::string> MissingRows(const std::vector<Row>& rows) {
  std::vector<std::string> missing;
  std::copy_if(RowIds().begin(), RowIds().end(), std::back_inserter(missing), [&](const std::string& id) {
    return std::none_of(rows.begin(), rows.end(), [&](const Row& row) { return row.row == id; });
  });
  return missing;
}

}  // namespace pvpci::scenarios
