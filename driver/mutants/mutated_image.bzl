# SPDX-License-Identifier: Apache-2.0
"""mutated_image: a guest image in which security fixes can be taken back, for tests of what would notice.

The units of mutants.bzl are compiled from copies (mutate.py), all others are those of the unmutated image, which stays
as it is. Outputs are named as an image's: NAME.elf, NAME.blocks.tsv, NAME.lines.tsv, NAME.kernel.json (modified),
NAME.originals.json (a copy has its own digest), NAME.changes.json, and

NAME.sha256         digest of NAME.elf
NAME.mutants.json   number, file, functions, edits of every mutant, and the digest of the copy
"""

load("//driver:image.bzl", "GuestImageInfo", "IMAGE_TOOLS", "compile_unit", "cost_blocks", "digest_image", "link_image")
load("//driver/mutants:mutants.bzl", "mutants_of")

def _mutated_image_impl(ctx):
    base = ctx.attr.image[GuestImageInfo]
    by_file = {}
    for entry in mutants_of(ctx.attr.family):
        mutant = struct(id = entry.mutant.id, number = entry.number, edits = entry.mutant.edits)
        by_file.setdefault(entry.mutant.file, []).append(mutant)

    units, copies = [], []
    for unit in base.units:
        if unit.path in by_file:
            stem = "%s_objects/%s" % (ctx.label.name, unit.path.replace("/", "_"))
            mutants = ctx.actions.declare_file(stem + ".mutants.json")
            ctx.actions.write(mutants, struct(mutants = by_file.pop(unit.path)).to_json())
            unit = compile_unit(ctx, base.kernel, unit.kind, unit.file, unit.path, unit.key, mutants)
            copies.append(struct(file = unit.path, copy = unit.copy, mutants = mutants))
        units.append(unit)
    if by_file:
        fail("mutants.bzl names files that are not in the image: %s" % ", ".join(by_file))

    tables = ["blocks.tsv", "lines.tsv", "kernel.json", "originals.json", "changes.json", "mutants.json", "sha256"]
    outputs = {
        extension: ctx.actions.declare_file("%s.%s" % (ctx.label.name, extension))
        for extension in ["elf"] + tables
    }
    linked = ctx.actions.declare_file(ctx.label.name + "_objects/linked.elf")
    link_image(ctx, base.kernel, linked, [unit.object for unit in units], ["--undefined=pvpci_mutant"])
    cost_blocks(ctx, linked, units, outputs["elf"], outputs["blocks.tsv"], outputs["lines.tsv"])
    digest_image(ctx, outputs["elf"], outputs["sha256"])

    described = [base.outputs[extension] for extension in ["kernel.json", "originals.json", "changes.json"]]
    spec = ctx.actions.declare_file(ctx.label.name + "_objects/copies.json")
    ctx.actions.write(spec, struct(copies = [
        struct(file = item.file, copy = item.copy.path, mutants = item.mutants.path)
        for item in copies
    ]).to_json())
    ctx.actions.run(
        executable = "/usr/bin/python3",
        arguments = [
            "-B",
            ctx.file._describe_mutants.path,
            "--base",
            base.outputs["kernel.json"].path[:-len(".kernel.json")],
            "--out",
            outputs["kernel.json"].path[:-len(".kernel.json")],
            "--copies",
            spec.path,
        ],
        inputs = described + [spec, ctx.file._describe_mutants] + [item.copy for item in copies] +
                 [item.mutants for item in copies],
        outputs = [outputs[name + ".json"] for name in ["kernel", "originals", "changes", "mutants"]],
        mnemonic = "DescribeImage",
        progress_message = "Describing " + ctx.label.name,
        use_default_shell_env = True,
    )
    files = outputs.values()
    return [DefaultInfo(files = depset(files), runfiles = ctx.runfiles(files = files))]

mutated_image = rule(
    implementation = _mutated_image_impl,
    attrs = dict(IMAGE_TOOLS, **{
        "image": attr.label(mandatory = True, providers = [GuestImageInfo], doc = "The unmutated image."),
        "family": attr.string(mandatory = True, doc = "Which mutants apply: \"6.1\"."),
        "_compile_mutated": attr.label(
            default = "//driver/mutants:compile_mutated.sh",
            allow_single_file = True,
            cfg = "exec",
            executable = True,
        ),
        "_describe_mutants": attr.label(default = "//driver/mutants:describe_mutants.py", allow_single_file = True),
        "_mutate": attr.label(default = "//driver/mutants:mutate.py", allow_single_file = True),
    }),
)
