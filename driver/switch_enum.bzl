# SPDX-License-Identifier: Apache-2.0
"""switch_enum: what clang -Wswitch-enum says about the originals' switches over xenbus states.

NAME.txt has one line for each source, in the order given: its path and the lines of its switches that leave out a state,
or "none". Compiled as for the image, syntax only; a control of our own shows that the compiler looks.
"""

load("//driver:kernel_flags.bzl", "KERNEL_FLAGS")

def _switch_enum_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".txt")
    paths = [f.path.partition("/src/")[2] for f in ctx.files.originals]
    ctx.actions.run(
        executable = ctx.executable._check,
        arguments = [ctx.file.stamp.dirname + "/src", out.path, ctx.file.control.path] + paths + ["--"] +
                    [flag for flag in KERNEL_FLAGS if flag != "-w"],
        inputs = ctx.files.originals + [ctx.file.stamp, ctx.file.control],
        outputs = [out],
        mnemonic = "SwitchEnum",
        progress_message = "Checking the switches of " + ctx.label.name,
        # As the image's units: the headers of the kernel's tree are not declared.
        execution_requirements = {"local": "1", "no-sandbox": "1"},
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([out]), runfiles = ctx.runfiles([out]))]

_switch_enum = rule(
    implementation = _switch_enum_impl,
    attrs = {
        "stamp": attr.label(mandatory = True, allow_single_file = True),
        "originals": attr.label_list(mandatory = True, allow_files = [".c"]),
        "control": attr.label(mandatory = True, allow_single_file = [".c"]),
        "_check": attr.label(
            default = "//driver:switch_enum.sh",
            allow_single_file = True,
            cfg = "exec",
            executable = True,
        ),
    },
)

def switch_enum(name, repository, originals, **kwargs):
    """Declares the check.

    Args:
      name: stem of the output.
      repository: "@linux_6_1".
      originals: kernel paths.
      **kwargs: control, tags, visibility.
    """
    _switch_enum(
        name = name,
        stamp = repository + "//:stamp.json",
        originals = ["%s//:src/%s" % (repository, path) for path in originals],
        **kwargs
    )
