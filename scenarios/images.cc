// SPDX-License-Identifier: Apache-2.0
#include "scenarios/images.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pvpci::scenarios {

ImageFiles FindImage(const std::string& kernel, const std::string& root, ImageVariant variant) {
  ImageFiles files;
  files.name = "linux_" + (IsKernelPath(kernel) ? "yours" : kernel);
  std::replace(files.name.begin(), files.name.end(), '.', '_');
  if (variant == ImageVariant::kPlain) {
    files.name += ".plain";
    files.accounted = false;
  }
  if (variant == ImageVariant::kMutated) files.name += "_mutants";
  std::vector<std::string> folders;
  if (const char* images = std::getenv("PVPCI_IMAGES"); images != nullptr && *images != 0) {
    std::istringstream list(images);
    for (std::string folder; std::getline(list, folder, ':');) folders.push_back(folder);
  }
  folders.push_back(root + "/.cache/bazel-bin/driver");
  folders.push_back(root + "/bazel-bin/driver");
  for (const std::string& folder : folders) {
    files.folder = folder;
    if (std::filesystem::exists(files.Path("elf"))) return files;
  }
  throw std::runtime_error(fmt::format("no guest image for kernel '{}': {} is not built", kernel, files.name + ".elf"));
}

ImageFiles FindMutatedImage(const std::string& kernel, const std::string& root, const Mutant* mutant) {
  ImageFiles files = FindImage(kernel, root, ImageVariant::kMutated);
  files.mutant.emplace();
  if (mutant == nullptr) return files;
  const std::string path = files.Path("mutants.json");
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error("cannot read " + path);
  for (const nlohmann::json& item : nlohmann::json::parse(stream)) {
    if (item.value("id", "") != mutant->id || item.value("file", "") != mutant->file) continue;
    files.mutant->id = mutant->id;
    files.mutant->number = item.value("number", 0);
    files.mutant->sha256 = item.value("sha256", "");
    files.mutant->what = fmt::format("{}, {}: a security fix is taken back: {}", mutant->file,
                                     fmt::join(mutant->functions, ", "), mutant->what);
    return files;
  }
  throw std::runtime_error(fmt::format("{} has no {} in {} (driver/mutants/mutants.bzl)", path, mutant->id, mutant->file));
}

}  // namespace pvpci::scenarios
