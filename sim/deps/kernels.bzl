# SPDX-License-Identifier: Apache-2.0
"""Every kernel tree of the bench: one debian_kernel_source each."""

load("//sim/deps:debian_kernel_source.bzl", "debian_kernel_source")
load("//sim/deps:debian_package.bzl", "debian_package")
load("//sim/deps:your_kernel_source.bzl", "your_kernel_source")

# What is compiled, the headers, and what `make prepare` needs. Of large folders only the files that are wanted.
SUBTREES = [
    "Kbuild",
    "Kconfig",
    "Makefile",
    "arch/x86",
    "block",
    "certs",
    "drivers/acpi",
    "drivers/base",
    "drivers/block/xen-blkfront.c",
    "drivers/char",
    "drivers/dma/dmaengine.c",
    "drivers/dma/dmaengine.h",
    "drivers/dma/dmatest.c",
    "drivers/dma/plx_dma.c",
    "drivers/dma/virt-dma.c",
    "drivers/dma/virt-dma.h",
    "drivers/gpu/drm/xen",
    "drivers/input/input-compat.c",
    "drivers/input/input-compat.h",
    "drivers/input/input-core-private.h",
    "drivers/input/input-mt.c",
    "drivers/input/input-poller.c",
    "drivers/input/input-poller.h",
    "drivers/input/input.c",
    "drivers/input/misc/xen-kbdfront.c",
    "drivers/iommu",
    "drivers/misc",
    "drivers/net/xen-netfront.c",
    "drivers/pci",
    "drivers/scsi/xen-scsifront.c",
    "drivers/tty/hvc",
    "drivers/tty/tty.h",
    "drivers/usb/core",
    "drivers/usb/host/xen-hcd.c",
    "drivers/video/fbdev/core",
    "drivers/video/fbdev/xen-fbfront.c",
    "drivers/virtio",
    "drivers/watchdog/i6300esb.c",
    "drivers/watchdog/watchdog_core.c",
    "drivers/watchdog/watchdog_core.h",
    "drivers/watchdog/watchdog_dev.c",
    "drivers/watchdog/watchdog_pretimeout.h",
    "drivers/xen",
    "fs/kernfs",
    "fs/sysfs",
    "include",
    "init",
    "kernel",
    "lib",
    "mm",
    "net/9p",
    "net/core",
    "scripts",
    "security",
    "sound/xen",
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
