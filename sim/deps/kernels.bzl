# SPDX-License-Identifier: Apache-2.0
"""Every kernel tree of the bench: one debian_kernel_source each."""

load("//sim/deps:debian_kernel_source.bzl", "debian_kernel_source")
load("//sim/deps:debian_package.bzl", "debian_package")

# What is compiled, the headers, and what `make prepare` needs.
SUBTREES = [
    "Kbuild",
    "Kconfig",
    "Makefile",
    "arch/x86",
    "certs",
    "drivers/acpi",
    "drivers/base",
    "drivers/char",
    "drivers/misc",
    "drivers/pci",
    "drivers/xen",
    "fs/kernfs",
    "fs/sysfs",
    "include",
    "init",
    "kernel",
    "lib",
    "mm",
    "scripts",
    "security",
    "tools/arch/x86",
    "tools/bpf/resolve_btfids",
    "tools/build",
    "tools/include",
    "tools/lib",
    "tools/objtool",
    "tools/pci",
    "tools/scripts",
    "usr",
]

_KERNELS = ["6.1", "6.12"]

def kernels():
    """Declares @linux_6_1 and @linux_6_12, each fetched when first asked for, and their packages' versions."""
    for kernel in _KERNELS:
        _kernel(kernel)

def _kernel(kernel):
    name = kernel.replace(".", "_")
    debian_package(
        name = "debian_linux_source_" + name,
        package = "linux-source-" + kernel,
    )
    debian_kernel_source(
        name = "linux_" + name,
        package = "linux-source-" + kernel,
        kernel = kernel,
        config = "//driver:kernel.config",
        generators = ["lib/crc32.o"],
        optional = ["drivers/pci/rebar.c"],  # in 6.1.176 still part of drivers/pci/pci.c
        subtrees = SUBTREES,
        version_file = "@debian_linux_source_%s//:version.json" % name,
    )
