# SPDX-License-Identifier: Apache-2.0
"""Every kernel tree of the bench: one debian_kernel_source each."""

load("//sim/deps:debian_kernel_source.bzl", "debian_kernel_source")
load("//sim/deps:debian_package.bzl", "debian_package")
load("//sim/deps:your_kernel_source.bzl", "your_kernel_source")

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

_GENERATORS = ["lib/crc32.o"]

def kernels():
    """Declares @linux_6_1, @linux_6_12 and @linux_yours, each made when first asked for, and the packages' versions."""
    for kernel in _KERNELS:
        _kernel(kernel)
    your_kernel_source(
        name = "linux_yours",
        config = "//driver:kernel.config",
        generators = _GENERATORS,
        subtrees = SUBTREES,
    )

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
        generators = _GENERATORS,
        subtrees = SUBTREES,
        version_file = "@debian_linux_source_%s//:version.json" % name,
    )
