# SPDX-License-Identifier: Apache-2.0
"""Compiler options of every C++ target of the bench."""

# The outside libraries' headers lie in the compiler's own search path, where warnings do not apply, so
# warnings are errors without a word about SystemC.
PVPCI_COPTS = [
    "-std=c++17",
    "-O2",
    "-g1",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fno-omit-frame-pointer",
]
