// SPDX-License-Identifier: Apache-2.0
// GoogleTest main for tests without SystemC.
#include <gmock/gmock.h>

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
