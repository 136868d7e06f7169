// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/suppressions.h"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <set>

#include <fmt/format.h>

#include "scenarios/problem.h"
#include "scenarios/schema.h"
#include "scenarios/values.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

const ObjectSpec& EntrySpec() {
  static const ObjectSpec spec{"an accepted risk",
                               {
                                   {"fingerprint", {}, true, "of the finding, as reports have it"},
                                   {"reason", {}, true, "why the risk is accepted"},
                                   {"expires", {}, true, "last day, 2027-01-31"},
                               },
                               "",
                               {}};
  return spec;
}

bool IsDay(const std::string& text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (const size_t i : {0, 1, 2, 3, 5, 6, 8, 9}) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  std::tm day{};
  day.tm_year = std::stoi(text.substr(0, 4)) - 1900;
  day.tm_mon = std::stoi(text.substr(5, 2)) - 1;
  day.tm_mday = std::stoi(text.substr(8, 2));
  const std::tm asked = day;
  timegm(&day);  // moves a day that does not exist to one that does
  return day.tm_year == asked.tm_year && day.tm_mon == asked.tm_mon && day.tm_mday == asked.tm_mday;
}

class EntryReader : private ValueReader {
 public:
  EntryReader(const std::string& file, std::vector<Problem>* problems) : ValueReader(file, problems) {}

  void Read(const YamlNode& node) {
    Suppression entry{Text(node, "fingerprint", ""), Text(node, "reason", ""), Text(node, "expires", ""),
                      PlaceOf(node, "fingerprint")};
    if (entry.reason.find_first_not_of(" \n") == std::string::npos) {
      Complain(PlaceOf(node, "reason"), "reason: say why the risk is accepted");
    }
    if (!IsDay(entry.expires)) {
      Complain(PlaceOf(node, "expires"), fmt::format("expires: expected a day such as 2027-01-31, found '{}'", entry.expires));
    }
    if (!seen_.insert(entry.fingerprint).second) {
      Complain(entry.place, fmt::format("{} is accepted twice", entry.fingerprint));
    }
    entries_.push_back(std::move(entry));
  }

  std::vector<Suppression> entries() const { return entries_; }

 private:
  std::set<std::string> seen_;
  std::vector<Suppression> entries_;
};

}  // namespace

std::vector<Suppression> ParseSuppressions(const std::string& file, const std::string& text) {
  const YamlNode root = ParseYaml(file, text);
  if (root.kind != YamlNode::Kind::kList) {
    throw InputError(file, root.place, fmt::format("expected a list of accepted risks at the top, found {}",
                                                   Describe(root)));
  }
  std::vector<Problem> problems;
  for (const YamlNode& item : root.items) Validate(item, EntrySpec(), &problems);
  if (!problems.empty()) throw InputError(file, std::move(problems));
  EntryReader reader(file, &problems);
  for (const YamlNode& item : root.items) reader.Read(item);
  if (!problems.empty()) throw InputError(file, std::move(problems));
  return reader.entries();
}

std::vector<Suppression> LoadSuppressions(const std::string& file) {
  return ParseSuppressions(file, ReadScenarioText(file));
}

std::map<std::string, std::string> Accepted(const std::vector<Suppression>& suppressions, const std::string& today,
                                            std::vector<Suppression>* expired) {
  std::map<std::string, std::string> accepted;
  for (const Suppression& suppression : suppressions) {
    if (suppression.expires < today) {
      expired->push_back(suppression);
    } else {
      accepted[suppression.fingerprint] = fmt::format("{} (until {})", suppression.reason, suppression.expires);
    }
  }
  return accepted;
}

std::string Today() {
  const std::time_t now = std::time(nullptr);
  std::tm day{};
  gmtime_r(&now, &day);
  return fmt::format("{:04}-{:02}-{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

}  // namespace pvpci::scenarios
