// SPDX-License-Identifier: Apache-2.0
#include "scenarios/images.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

namespace pvpci::scenarios {

ImageFiles FindImage(const std::string& kernel, const std::string& root, ImageVariant variant) {
  ImageFiles files;
  files.name = "linux_" + (IsKernelPath(kernel) ? "yours" : kernel);
  std::replace(files.name.begin(), files.name.end(), '.', '_');
  if (variant == ImageVariant::kPlain) {
    files.name += ".plain";
    files.accounted = false;
  }
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

}  // namespace pvpci::scenarios
