// SPDX-License-Identifier: Apache-2.0
#include "scenarios/library.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "scenarios/cli.h"
#include "scenarios/suggest.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

bool IsRoot(const fs::path& folder) {
  std::error_code error;
  return fs::is_regular_file(folder / "scenarios" / "scenario.schema.json", error);
}

std::string Above(fs::path folder) {
  while (!folder.empty()) {
    if (IsRoot(folder)) return folder.string();
    if (folder == folder.root_path()) break;
    folder = folder.parent_path();
  }
  return "";
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::string FindRoot() {
  if (const char* root = std::getenv("PVPCI_ROOT"); root != nullptr && *root != 0) return root;
  std::error_code error;
  const std::string here = Above(fs::current_path(error));
  if (!here.empty()) return here;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? "" : Above(program.parent_path());
}

std::vector<std::string> ShippedScenarios(const std::string& root) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fs::path(root) / "scenarios", error)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string FindScenario(const std::string& root, const std::string& argument) {
  if (argument.find('/') != std::string::npos || EndsWith(argument, ".yaml") || EndsWith(argument, ".yml")) {
    return argument;
  }
  const std::vector<std::string> names = ShippedScenarios(root);
  if (std::find(names.begin(), names.end(), argument) == names.end()) {
    std::string hint = DidYouMean(argument, names);
    if (hint.empty()) hint = names.empty() ? "; no scenarios folder was found (set PVPCI_ROOT)" : "; './pvpci list' shows them";
    throw UsageError(fmt::format("no scenario '{}'{}", argument, hint));
  }
  std::error_code error;
  const fs::path path = fs::path(root) / "scenarios" / (argument + ".yaml");
  const fs::path here = fs::current_path(error);
  if (!error && here == fs::path(root)) return "scenarios/" + argument + ".yaml";
  return path.string();
}

}  // namespace pvpci::scenarios
