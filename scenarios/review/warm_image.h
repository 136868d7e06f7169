// SPDX-License-Identifier: Apache-2.0
// An image that many children will run: opened once by their parent, its tables filled, so that each finds them in memory.
#ifndef PVPCI_SCENARIOS_REVIEW_WARM_IMAGE_H_
#define PVPCI_SCENARIOS_REVIEW_WARM_IMAGE_H_

#include <memory>

#include "driver/loader/image.h"
#include "scenarios/machine/machine.h"

namespace pvpci::scenarios {

// As long as it is held, driver::Image::Open gives the same one. Throws driver::ImageError.
std::shared_ptr<const driver::Image> OpenWarm(const ImageFiles& files);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_WARM_IMAGE_H_
