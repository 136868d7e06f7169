// SPDX-License-Identifier: Apache-2.0
// The test guest as a finished image: block ids written into its guards, a side table beside it. Every block costs the
// same, so that tests can count.
#ifndef PVPCI_DRIVER_LOADER_TEST_IMAGE_H_
#define PVPCI_DRIVER_LOADER_TEST_IMAGE_H_

#include <memory>
#include <string>

#include "driver/loader/image.h"

namespace pvpci::driver {

inline constexpr uint32_t kTestBlockCost = 1000;

struct TestImageFiles {
  std::string elf;
  std::string blocks;
};

// Writes both files into the test's own directory; `tag` keeps tests of one process apart.
TestImageFiles WriteTestImage(const std::string& tag = "image");

std::shared_ptr<const Image> OpenTestImage();

// Line of test_guest.c that ends in /* `marker` */, from the source beside the test.
uint32_t TestGuestLine(const std::string& marker);

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_LOADER_TEST_IMAGE_H_
