# SPDX-License-Identifier: Apache-2.0
"""How originals, the emulated environment and guest programs are compiled and linked. Everything that an original
sees and its own kernel build would not stands in SHADOWS, DEFINES, FORCED_INCLUDES or WRAPS with its reason: these
four go into changes.json and from there into every result.

Paths in flags are relative to the kernel tree; @REPO@ stands for the root of this repository.
"""

# As arch/x86/Makefile, Makefile and scripts/Makefile.lib pass them.
_INCLUDES = [
    "-nostdinc",
    "-I./arch/x86/include",
    "-I./arch/x86/include/generated",
    "-I./include",
    "-I./arch/x86/include/uapi",
    "-I./arch/x86/include/generated/uapi",
    "-I./include/uapi",
    "-I./include/generated/uapi",
    "-include",
    "./include/linux/compiler-version.h",
    "-include",
    "./include/linux/kconfig.h",
]

_COMMON = [
    "--target=x86_64-linux-gnu",
    "-fintegrated-as",
    "-Qunused-arguments",
    "-w",
    "-m64",
    "-gdwarf-4",
    "-fdebug-compilation-dir=/linux",
    "-ffile-prefix-map=@REPO@/=",
]

KERNEL_FLAGS = ["-I@REPO@/driver/shadow", "-I@REPO@"] + _INCLUDES + [
    "-include",
    "./include/linux/compiler_types.h",
    "-D__KERNEL__",
] + _COMMON + [
    "-O2",
    "-std=gnu11",
    "-fno-strict-aliasing",
    "-fno-common",
    "-fshort-wchar",
    "-fno-PIE",
    "-mno-sse",
    "-mno-mmx",
    "-mno-sse2",
    "-mno-3dnow",
    "-mno-avx",
    "-mno-80387",
    "-mno-fp-ret-in-387",
    "-fcf-protection=none",
    "-mstack-alignment=8",
    "-mskip-rax-setup",
    "-mtune=generic",
    "-mno-red-zone",
    "-mcmodel=kernel",
    "-fno-asynchronous-unwind-tables",
    "-fno-delete-null-pointer-checks",
    "-fno-stack-protector",
    "-fno-omit-frame-pointer",
    "-fno-optimize-sibling-calls",
    "-ftrivial-auto-var-init=zero",
    "-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang",
    "-fno-strict-overflow",
    "-Werror=implicit-function-declaration",
    "-flto=thin",
]

ASSEMBLY_FLAGS = ["-I@REPO@/driver/shadow", "-I@REPO@"] + _INCLUDES + ["-D__KERNEL__", "-D__ASSEMBLY__"] + _COMMON + ["-fno-PIE"]

# Guest user space: the host's own C headers, the kernel's ABI.
USER_FLAGS = [
    "-I@REPO@",
    "-Itools/include/uapi",
    "-idirafter",
    "include/uapi",
] + _COMMON + [
    "-O1",
    "-fno-pic",
    "-fno-builtin",
    "-fno-stack-protector",
    "-fshort-wchar",
    "-mcmodel=kernel",
    "-mno-red-zone",
    "-mno-sse",  # xmm15 has the countdown
    "-fno-omit-frame-pointer",
    "-U_FORTIFY_SOURCE",
    "-D_FORTIFY_SOURCE=0",
    "-flto=thin",
]

# Accounting: every basic block has a guard, none is left out because another implies it.
COVERAGE_FLAGS = ["-fsanitize-coverage=trace-pc-guard,bb,no-prune"]

# Compiled without: the accounting itself.
UNGUARDED = ["driver/env/accounting.c", "driver/accuracy/accounting_called.c", "driver/env/irqs_off.c"]

# Relocations are kept for the loader; what nothing reaches from the seam is left out.
LINK_FLAGS = [
    "--static",
    "--nostdlib",
    "-O2",
    "--lto-O2",
    "--thinlto-jobs=2",
    # As the distributions' compiler at this level of optimisation: what runs, and is counted, is what the source says.
    "-mllvm",
    "-unroll-runtime=false",
    "-mllvm",
    "-unroll-allow-partial=false",
    "-mllvm",
    "-unroll-allow-peeling=false",
    "--emit-relocs",
    "--gc-sections",
    "--undefined=emul_clock",
    "--undefined=seam_guest",
    "--undefined=seam_host_table",
    "--build-id=none",
    "--no-rosegment",
    "--error-limit=0",
    "-z",
    "noexecstack",
    "-z",
    "norelro",
    "-z",
    "max-page-size=4096",
]

# Name of the object an original belongs to when that is not its own name: what printk and parameters say
# (KBUILD_MODNAME). By folder or file, the longest that fits.
MODULE_NAMES = {
    "drivers/char/hw_random/core.c": "rng_core",
    "drivers/virtio/virtio_pci_common.c": "virtio_pci",
    "drivers/virtio/virtio_pci_modern.c": "virtio_pci",
    "drivers/watchdog/watchdog_core.c": "watchdog",
    "drivers/watchdog/watchdog_dev.c": "watchdog",
    "drivers/xen/events/": "events",
    "drivers/xen/xen-pciback/": "xen_pciback",
    "drivers/xen/xenbus/xenbus_client.c": "xenbus",
    "drivers/xen/xenbus/xenbus_comms.c": "xenbus",
    "drivers/xen/xenbus/xenbus_probe.c": "xenbus",
    "drivers/xen/xenbus/xenbus_probe_backend.c": "xenbus",
    "drivers/xen/xenbus/xenbus_xs.c": "xenbus",
}

# Headers that stand in front of the kernel's own: path below driver/shadow, reason.
SHADOWS = {
    "asm/io.h": "read*, write* and their __ forms enter the seam: device memory is never mapped",
    "asm/pci_x86.h": "mmio_config_* accessors enter the seam",
    "asm/shared/io.h": "in and out enter the seam",
    "mmio.h": "declares the seam's side of the accessors for the other shadows",
}

# (definition, sources it applies to by folder or file, reason)
DEFINES = [
    ("main=pcitest_main", "tools/pci/pcitest.c", "a program is a function of the image"),
]

# (header, sources it applies to by folder or file, reason). Below driver/ it is ours, else the kernel's.
FORCED_INCLUDES = [
    (
        "driver/env/sched_headers.h",
        "kernel/sched/",
        "the headers that kernel/sched/build_utility.c includes in front of these files, which are compiled on their own here",
    ),
]

# Symbol of an original whose callers reach __wrap_symbol instead: reason.
WRAPS = {}
