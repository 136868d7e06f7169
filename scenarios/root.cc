// SPDX-License-Identifier: Apache-2.0
#include "scenarios/root.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

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

}  // namespace

std::string FindRoot() {
  if (const char* root = std::getenv("PVPCI_ROOT"); root != nullptr && *root != 0) return root;
  std::error_code error;
  const std::string here = Above(fs::current_path(error));
  if (!here.empty()) return here;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? "" : Above(program.parent_path());
}

}  // namespace pvpci::scenarios
