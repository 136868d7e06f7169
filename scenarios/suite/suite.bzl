# SPDX-License-Identifier: Apache-2.0
"""suite_test: a test of the whole, with the program, guest images and the shipped scenarios in its runfiles."""

load("//sim/deps:copts.bzl", "PVPCI_COPTS")

def suite_test(name, size, kernels = ["6.1"], source = None, data = [], deps = [], **attributes):
    """A cc_test of NAME.cc on the images of `kernels`.

    Args:
      name: of the test.
      size: of the test.
      kernels: "6.1", "6.12".
      source: its file, if not NAME.cc.
      data: more files that it reads.
      deps: more libraries.
      **attributes: of cc_test.
    """
    native.cc_test(
        name = name,
        size = size,
        srcs = [source or name + ".cc"],
        copts = PVPCI_COPTS,
        data = [
            "//scenarios:pvpci",
            "//scenarios:shipped",
        ] + ["//driver:linux_" + kernel.replace(".", "_") for kernel in kernels] + data,
        deps = [
            ":run_program",
            "//sim:test_main",
            "@googletest//:gtest",
            "@nlohmann_json//:json",
        ] + deps,
        **attributes
    )
