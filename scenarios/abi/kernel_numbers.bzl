# SPDX-License-Identifier: Apache-2.0
"""kernel_numbers: NAME.txt has what a kernel's headers say, one number a line, in the order of pairs.h."""

load("//driver:kernel_flags.bzl", "KERNEL_FLAGS")

def _kernel_numbers_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.run(
        executable = ctx.executable._take,
        arguments = [ctx.file.stamp.dirname + "/src", out.path, ctx.file.source.path] + KERNEL_FLAGS,
        inputs = ctx.files.pairs + [ctx.file.stamp, ctx.file.source],
        outputs = [out],
        mnemonic = "KernelNumbers",
        progress_message = "Asking the kernel's headers: " + ctx.label.name,
        # As the image's units: the headers of the kernel's tree are not declared.
        execution_requirements = {"local": "1", "no-sandbox": "1"},
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([out]), runfiles = ctx.runfiles([out]))]

kernel_numbers = rule(
    implementation = _kernel_numbers_impl,
    attrs = {
        "pairs": attr.label_list(mandatory = True, allow_files = [".h"]),
        "source": attr.label(mandatory = True, allow_single_file = [".c"]),
        "stamp": attr.label(mandatory = True, allow_single_file = True),
        "_take": attr.label(
            default = "//scenarios/abi:kernel_numbers.sh",
            allow_single_file = True,
            cfg = "exec",
            executable = True,
        ),
    },
)
