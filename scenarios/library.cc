// SPDX-License-Identifier: Apache-2.0
#include "scenarios/library.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

#include "scenarios/cli.h"
#include "scenarios/suggest.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

// The claims of the machine room, those of the patch series' rows, and the attacks of the security review.
constexpr const char* kFolders[] = {"scenarios", "scenarios/rows", "scenarios/attacks"};
constexpr const char* kRowTable = "rows.yaml";
constexpr const char* kCatalogue = "catalogue.yaml";
constexpr const char* kMutants = "mutants.yaml";

// Short in messages when the root is where the user stands.
std::string FromRoot(const std::string& root, const char* folder, const std::string& file) {
  std::error_code error;
  const fs::path here = fs::current_path(error);
  const fs::path inside = fs::path(folder) / file;
  return !error && here == fs::path(root) ? inside.string() : (fs::path(root) / inside).string();
}

bool IsTable(const fs::path& file) { return file == kRowTable || file == kCatalogue || file == kMutants; }

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::vector<std::string> ShippedScenarios(const std::string& root) {
  std::vector<std::string> names;
  std::error_code error;
  for (const char* folder : kFolders) {
    for (const auto& entry : fs::directory_iterator(fs::path(root) / folder, error)) {
      const fs::path& path = entry.path();
      if (path.extension() == ".yaml" && !IsTable(path.filename())) names.push_back(path.stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string RowTableFile(const std::string& root) { return FromRoot(root, kFolders[1], kRowTable); }

std::string CatalogueFile(const std::string& root) { return FromRoot(root, kFolders[2], kCatalogue); }

std::string MutantsFile(const std::string& root) { return FromRoot(root, kFolders[2], kMutants); }

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
  const std::string file = argument + ".yaml";
  std::error_code error;
  const auto folder = std::find_if(std::begin(kFolders), std::end(kFolders), [&](const char* candidate) {
    return fs::exists(fs::path(root) / candidate / file, error);
  });
  return FromRoot(root, folder == std::end(kFolders) ? kFolders[0] : *folder, file);
}

}  // namespace pvpci::scenarios
