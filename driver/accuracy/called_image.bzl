# SPDX-License-Identifier: Apache-2.0
"""called_image: an image whose blocks call the accounting instead of having it inlined.

Linked with less optimisation, too. Other machine code in every block, other registers, another layout: and the same costs, because they come from the table of the
image it is compared with. Same units, same guards. All files of the other image are beside it, under the other's names, in a
folder of this rule's name.
"""

load("//driver:image.bzl", "GuestImageInfo", "IMAGE_TOOLS", "compile_unit", "link_image", "tables_of")

_ACCOUNTING = "driver/env/accounting.c"

def _called_image_impl(ctx):
    base = ctx.attr.image[GuestImageInfo]
    kernel = struct(
        stamp = base.kernel.stamp,
        manifest = base.kernel.manifest,
        shared = base.kernel.shared,
        kernel_defines = base.kernel.kernel_defines,
        headers = base.kernel.headers + [unit.file for unit in base.units if unit.path == _ACCOUNTING],
        probed = base.kernel.probed,
        link_script = base.kernel.link_script,
    )
    called = compile_unit(ctx, kernel, "env", ctx.file._accounting, ctx.file._accounting.path, 0)
    linked = ctx.actions.declare_file(ctx.label.name + "_objects/linked.elf")
    objects = [called.object if unit.path == _ACCOUNTING else unit.object for unit in base.units]
    link_image(ctx, kernel, linked, objects, ["--lto-O1"])

    tables = tables_of(base.units)
    table_list = ctx.actions.declare_file(ctx.label.name + "_objects/tables")
    ctx.actions.write(table_list, "".join([table.path + "\n" for table in tables]))
    outputs = {
        extension: ctx.actions.declare_file("%s/%s" % (ctx.label.name, file.basename))
        for extension, file in base.outputs.items()
        if not file.is_directory
    }
    for extension, file in outputs.items():
        if extension != "elf":
            ctx.actions.symlink(output = file, target_file = base.outputs[extension])
    ctx.actions.run(
        executable = "/usr/bin/python3",
        arguments = [
            "-B",
            ctx.file._number_blocks.path,
            "--image",
            linked.path,
            "--tables",
            table_list.path,
            "--blocks",
            base.outputs["blocks.tsv"].path,
            "--out",
            outputs["elf"].path,
        ],
        inputs = tables + [linked, table_list, base.outputs["blocks.tsv"], ctx.file._number_blocks, ctx.file._block_costs] +
                 ctx.files._cost_modules,
        outputs = [outputs["elf"]],
        mnemonic = "NumberBlocks",
        progress_message = "Numbering the blocks of " + ctx.label.name,
        use_default_shell_env = True,
    )
    files = outputs.values()
    return [DefaultInfo(files = depset(files), runfiles = ctx.runfiles(files = files))]

called_image = rule(
    implementation = _called_image_impl,
    attrs = dict(IMAGE_TOOLS, **{
        "image": attr.label(mandatory = True, providers = [GuestImageInfo], doc = "With accounting inlined."),
        "_accounting": attr.label(default = "//driver/accuracy:accounting_called.c", allow_single_file = True),
        "_number_blocks": attr.label(default = "//driver/cost:number_blocks.py", allow_single_file = True),
    }),
)
