// SPDX-License-Identifier: Apache-2.0
// Where the guest images are that Bazel built.
#ifndef PVPCI_SCENARIOS_IMAGES_H_
#define PVPCI_SCENARIOS_IMAGES_H_

#include <string>

#include "scenarios/machine/machine.h"
#include "scenarios/mutants.h"

namespace pvpci::scenarios {

// kPlain: without block accounting, for comparison only. kMutated: with fixes that can be taken back (scenarios/mutants.h).
enum class ImageVariant { kAccounted, kPlain, kMutated };

// The image of a kernel ("6.1", or the path of a tree of the user's) in a folder of the list PVPCI_IMAGES, or below the
// root where Bazel leaves it. Throws std::runtime_error if it is not built.
ImageFiles FindImage(const std::string& kernel, const std::string& root,
                     ImageVariant variant = ImageVariant::kAccounted);

// The mutated image of a kernel with one mutant switched on, or none (null). Throws std::runtime_error if it is not built
// or has no such mutant.
ImageFiles FindMutatedImage(const std::string& kernel, const std::string& root, const Mutant* mutant);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_IMAGES_H_
