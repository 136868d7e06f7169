# SPDX-License-Identifier: Apache-2.0
"""guest_image: originals and the emulated environment, compiled to LLVM bitcode and linked into one image.

NAME.elf            with accounting; its guards hold block numbers 1..n
NAME.plain.elf      the same bitcode with accounting that does nothing: what the benchmark compares with (output group
                    "plain", linked only for who asks)
NAME.blocks.tsv     the blocks and their costs
NAME.lines.tsv      the source lines of each block
NAME.kernel.json    package, version, digests
NAME.originals.json path, digest and length of every original
NAME.changes.json   every shadow header, define, forced include and linker wrap that touches an original
NAME.sha256         digest of NAME.elf
NAME.sources        a folder with the text of every original

Kernel files are compiled in the kernel's tree, without a sandbox: declaring its 7,000 headers would cost more than
compiling. The repository's stamp and manifest stand for them; for a tree of the user's shared.json alone, so that an
edited file does not compile all others again.
"""

load(
    "//driver:kernel_flags.bzl",
    "ASSEMBLY_FLAGS",
    "COVERAGE_FLAGS",
    "DEFINES",
    "FORCED_INCLUDES",
    "KERNEL_FLAGS",
    "LINK_FLAGS",
    "MODULE_NAMES",
    "SHADOWS",
    "UNGUARDED",
    "USER_FLAGS",
    "WRAPS",
)
load("//driver:sources.bzl", "EMULATED", "GUEST_FUNCTIONS", "HEADERS", "KERNEL_PROGRAMS", "PROGRAMS")

_KEYS = 65535

def _keys(paths):
    """A number of 1..65535 for each source, that a new neighbour hardly ever changes."""
    taken = {}
    keys = {}
    for path in sorted(paths):
        key = hash(path) % _KEYS
        for _ in range(_KEYS):
            if key not in taken:
                break
            key = (key + 1) % _KEYS
        taken[key] = path
        keys[path] = key + 1
    return keys

def _applies(where, path):
    return path == where or where.endswith("/") and path.startswith(where)

def _module_name(path):
    best = ""
    for where in MODULE_NAMES:
        if _applies(where, path) and len(where) > len(best):
            best = where
    return MODULE_NAMES[best] if best else _base_name(path)

def _base_name(path):
    return path.split("/")[-1].rpartition(".")[0].replace("-", "_")

def _flags(kind, path, kernel_defines):
    if kind == "assembly":
        return list(ASSEMBLY_FLAGS)
    flags = list(USER_FLAGS if kind == "user" else KERNEL_FLAGS)
    if kind != "user":
        flags += [
            '-DKBUILD_MODFILE="%s"' % path.rpartition(".")[0],
            '-DKBUILD_BASENAME="%s"' % _base_name(path),
            '-DKBUILD_MODNAME="%s"' % _module_name(path),
            "-D__KBUILD_MODNAME=kmod_" + _module_name(path),
        ]
    if kind == "original":
        flags += ["-D" + definition for definition in kernel_defines]
    for definition, where, _ in DEFINES:
        if _applies(where, path):
            flags.append("-D" + definition)
    for header, where, _ in FORCED_INCLUDES:
        if _applies(where, path):
            flags += ["-include", "@REPO@/" + header if header.startswith("driver/") else header]
    return flags

def _seen(kind, headers):
    """The headers of ours that a source can include: originals see shadows and forced includes only."""
    if kind in ("env", "user"):
        return headers
    forced = [header for header, _, _ in FORCED_INCLUDES]
    return [h for h in headers if h.path.startswith("driver/shadow/") or h.path in forced]

def _is_guarded(kind, path):
    return kind in ("original", "env") and path not in UNGUARDED

def _probe(ctx):
    """The header of the features that no version tells; the same text for another tree makes nothing anew."""
    probed = ctx.actions.declare_file(ctx.label.name + "_objects/probed.h")
    compat = [f for f in ctx.files.headers if f.path == "driver/env/compat.h"][0]
    ctx.actions.run(
        executable = ctx.executable._probe_kernel,
        arguments = [ctx.file.stamp.dirname + "/src", compat.path, probed.path],
        inputs = [compat, ctx.file.stamp, ctx.file.manifest],
        outputs = [probed],
        mnemonic = "ProbeKernel",
        progress_message = "Looking at the kernel of " + ctx.label.name,
        execution_requirements = {"no-sandbox": "1"},
        use_default_shell_env = True,
    )
    return probed

def compile_unit(ctx, kernel, kind, file, path, key, mutants = None):
    """One action.

    Args:
      ctx: of a rule with IMAGE_TOOLS.
      kernel: struct(stamp, manifest, shared, kernel_defines, headers, probed).
      kind: original, assembly, env, user.
      file: the source.
      path: its name in the kernel tree, or in this repository.
      key: its number in the image.
      mutants: the file with its mutants (driver/mutants/mutated_image.bzl); None: it is compiled as it is.

    Returns:
      struct(kind, file, path, key, object, table, copy): the table is that of its blocks, the copy what was compiled in
      place of the source, if mutated.
    """
    stem = ctx.label.name + "_objects/" + path.replace("/", "_")
    object_file = ctx.actions.declare_file(stem + ".o")
    table = ctx.actions.declare_file(stem + ".blocks")
    guarded = _is_guarded(kind, path)
    packaged = kind in ("original", "assembly") or file.path.startswith("external/")
    copy = ctx.actions.declare_file(stem + ".mutated.c") if mutants else None
    mutation = [ctx.file._mutate.path, mutants.path, copy.path, ctx.executable._compile_unit.path] if mutants else []
    ctx.actions.run(
        executable = ctx.executable._compile_mutated if mutants else ctx.executable._compile_unit,
        arguments = mutation + [
            kind,
            kernel.stamp.dirname + "/src",
            path,
            kernel.manifest.path if packaged else "-",
            str(key if guarded else 0),
            object_file.path,
            table.path,
            ctx.file._tag_guards.path,
        ] + _flags(kind, path, kernel.kernel_defines) + (COVERAGE_FLAGS if guarded else []) +
        (["-include", "@REPO@/" + kernel.probed.path] if kind == "env" else []),
        inputs = [file, ctx.file._tag_guards] + _seen(kind, kernel.headers) +
                 ([kernel.shared] if kernel.shared else [kernel.stamp, kernel.manifest]) +
                 ([kernel.probed] if kind == "env" else []) +
                 ([ctx.file._mutate, ctx.executable._compile_unit, mutants] if mutants else []),
        outputs = [object_file, table] + ([copy] if mutants else []),
        mnemonic = "GuestCompile",
        progress_message = "Compiling %s for %s" % (path, ctx.label.name),
        execution_requirements = {"no-sandbox": "1"},
        use_default_shell_env = True,
    )
    return struct(kind = kind, file = file, path = path, key = key, object = object_file, table = table, copy = copy)

def _kernel_path(file):
    """Path within the kernel tree: what follows external/REPOSITORY/src/."""
    return file.path.partition("/src/")[2]

# What the plain image replaces.
_ACCOUNTING = "driver/env/accounting.c"

def _link_order(file):
    """Initcalls of one level run in the order of the link. In a kernel drivers/pci comes before all drivers that sit on it
    (drivers/Makefile); the other folders stay as they are listed."""
    return 0 if _kernel_path(file).startswith("drivers/pci/") else 1

def link_image(ctx, kernel, out, objects, flags = []):
    """Links objects into the image `out`."""
    script = kernel.link_script
    args = ctx.actions.args()
    args.add_all(LINK_FLAGS + flags)
    args.add_all(["--wrap=" + symbol for symbol in sorted(WRAPS)])
    args.add("-T", script)
    args.add("-o", out)
    args.add_all(objects)
    ctx.actions.run(
        executable = ctx.executable._link_image,
        arguments = [ctx.label.name, kernel.stamp.dirname + "/src", ctx.file._explain_link.path, args],
        inputs = objects + [script, ctx.file._explain_link],
        outputs = [out],
        mnemonic = "GuestLink",
        progress_message = "Linking guest image " + out.basename,
        # Its cache of compiled units lies outside.
        execution_requirements = {"no-sandbox": "1"},
        use_default_shell_env = True,
    )

def tables_of(units):
    """The tables of tag_guards.py of the units that are guarded."""
    return [unit.table for unit in units if _is_guarded(unit.kind, unit.path)]

def cost_blocks(ctx, linked, units, elf, blocks, lines):
    """Gives every block of a linked image its cost, and writes its side tables."""
    tables = tables_of(units)
    table_list = ctx.actions.declare_file(ctx.label.name + "_objects/tables")
    ctx.actions.write(table_list, "".join([t.path + "\n" for t in tables]))
    ctx.actions.run(
        executable = "/usr/bin/python3",
        arguments = [
            "-B",
            ctx.file._block_costs.path,
            "--image",
            linked.path,
            "--out",
            elf.path,
            "--blocks",
            blocks.path,
            "--lines",
            lines.path,
            "--tables",
            table_list.path,
        ],
        inputs = tables + [linked, table_list, ctx.file._block_costs] + ctx.files._cost_modules,
        outputs = [elf, blocks, lines],
        mnemonic = "BlockCosts",
        progress_message = "Costing the blocks of " + ctx.label.name,
        use_default_shell_env = True,
    )

def digest_image(ctx, elf, digest):
    """Writes the SHA-256 of an image, by which findings name it: hashing 60 MB at each run would take longer than the run."""
    ctx.actions.run_shell(
        command = "sha256sum <'%s' >'%s'" % (elf.path, digest.path),
        inputs = [elf],
        outputs = [digest],
        mnemonic = "DigestImage",
        progress_message = "Hashing " + elf.basename,
    )

GuestImageInfo = provider(
    doc = "What an image is made of, for images that differ in a few units.",
    fields = {
        "kernel": "struct(stamp, manifest, shared, kernel_defines, headers, probed, link_script)",
        "units": "what compile_unit returned, in the order of linking",
        "outputs": "{extension: file}",
    },
)

def _guest_image_impl(ctx):
    headers = ctx.files.headers
    kernel = struct(
        stamp = ctx.file.stamp,
        manifest = ctx.file.manifest,
        shared = ctx.file.shared,
        kernel_defines = ctx.attr.kernel_defines,
        headers = headers,
        probed = _probe(ctx),
        link_script = ctx.file.link_script,
    )
    originals = sorted(ctx.files.originals, key = _link_order)
    sources = [("assembly" if f.extension == "S" else "original", f, _kernel_path(f)) for f in originals]
    sources += [("user", f, _kernel_path(f)) for f in ctx.files.kernel_programs]
    sources += [("env", f, f.path) for f in ctx.files.env]
    sources += [("user", f, f.path) for f in ctx.files.programs]
    keys = _keys([path for _, _, path in sources])
    units = [compile_unit(ctx, kernel, kind, file, path, keys[path]) for kind, file, path in sources]

    # The accounting that the plain image links instead does nothing, and inlining leaves nothing of it.
    plain_accounting = compile_unit(ctx, kernel, "env", ctx.file.plain_accounting, ctx.file.plain_accounting.path, 0)
    unaccounted = [unit.object for unit in units if unit.path != _ACCOUNTING]

    outputs = {}
    for extension in ["elf", "plain.elf", "blocks.tsv", "lines.tsv", "kernel.json", "originals.json", "changes.json", "sha256"]:
        outputs[extension] = ctx.actions.declare_file(ctx.label.name + "." + extension)

    outputs["sources"] = ctx.actions.declare_directory(ctx.label.name + ".sources")

    linked = ctx.actions.declare_file(ctx.label.name + "_objects/linked.elf")
    link_image(ctx, kernel, linked, [unit.object for unit in units])
    link_image(ctx, kernel, outputs["plain.elf"], unaccounted + [plain_accounting.object])
    cost_blocks(ctx, linked, units, outputs["elf"], outputs["blocks.tsv"], outputs["lines.tsv"])
    digest_image(ctx, outputs["elf"], outputs["sha256"])

    spec = ctx.actions.declare_file(ctx.label.name + "_objects/spec.json")
    ctx.actions.write(spec, struct(
        originals = sorted([path for kind, file, path in sources if file.path.startswith("external/")]),
        shadows = SHADOWS,
        defines = [list(d) for d in DEFINES] + [[d, "every original", reason] for d, reason in ctx.attr.kernel_defines.items()],
        includes = [list(i) for i in FORCED_INCLUDES],
        wraps = WRAPS,
    ).to_json())
    ctx.actions.run(
        executable = "/usr/bin/python3",
        arguments = [
            "-B",
            ctx.file._describe_image.path,
            "--stamp",
            ctx.file.stamp.path,
            "--tree",
            ctx.file.stamp.dirname + "/src",
            "--manifest",
            ctx.file.manifest.path,
            "--spec",
            spec.path,
            "--probed",
            kernel.probed.path,
            "--shadow",
            ctx.file.link_script.dirname + "/shadow",
            "--kernel-out",
            outputs["kernel.json"].path,
            "--originals-out",
            outputs["originals.json"].path,
            "--changes-out",
            outputs["changes.json"].path,
            "--sources-out",
            outputs["sources"].path,
        ],
        inputs = [ctx.file.stamp, ctx.file.manifest, spec, kernel.probed, ctx.file._describe_image, ctx.file.link_script] +
                 headers + ctx.files.originals + ctx.files.kernel_programs,
        outputs = [outputs["kernel.json"], outputs["originals.json"], outputs["changes.json"], outputs["sources"]],
        mnemonic = "DescribeImage",
        progress_message = "Describing " + ctx.label.name,
        execution_requirements = {"no-sandbox": "1"},
        use_default_shell_env = True,
    )
    plain = outputs.pop("plain.elf")
    files = outputs.values()
    return [
        DefaultInfo(files = depset(files), runfiles = ctx.runfiles(files = files)),
        GuestImageInfo(kernel = kernel, units = units, outputs = outputs),
        OutputGroupInfo(plain = depset([plain])),
    ]

# What compile_unit, link_image and cost_blocks run.
IMAGE_TOOLS = {
    "_compile_unit": attr.label(
        default = "//driver:compile_unit.sh",
        allow_single_file = True,
        cfg = "exec",
        executable = True,
    ),
    "_link_image": attr.label(
        default = "//driver:link_image.sh",
        allow_single_file = True,
        cfg = "exec",
        executable = True,
    ),
    "_explain_link": attr.label(default = "//driver:explain_link.py", allow_single_file = True),
    "_tag_guards": attr.label(default = "//driver/cost:tag_guards.py", allow_single_file = True),
    "_block_costs": attr.label(default = "//driver/cost:block_costs.py", allow_single_file = True),
    "_cost_modules": attr.label(default = "//driver/cost:modules", allow_files = True),
}

_guest_image = rule(
    implementation = _guest_image_impl,
    attrs = dict(IMAGE_TOOLS, **{
        "shared": attr.label(allow_single_file = True),
        "stamp": attr.label(mandatory = True, allow_single_file = True),
        "manifest": attr.label(mandatory = True, allow_single_file = True),
        "originals": attr.label_list(mandatory = True, allow_files = [".c", ".S"]),
        "kernel_programs": attr.label_list(allow_files = [".c"]),
        "kernel_defines": attr.string_dict(doc = "Definition that every original of this kernel sees: reason."),
        "env": attr.label_list(mandatory = True, allow_files = [".c"]),
        "programs": attr.label_list(allow_files = [".c"]),
        "headers": attr.label_list(mandatory = True, allow_files = [".h"]),
        "link_script": attr.label(mandatory = True, allow_single_file = [".lds"]),
        "plain_accounting": attr.label(mandatory = True, allow_single_file = [".c"]),
        "_probe_kernel": attr.label(
            default = "//driver:probe_kernel.sh",
            allow_single_file = True,
            cfg = "exec",
            executable = True,
        ),
        "_describe_image": attr.label(default = "//driver:describe_image.py", allow_single_file = True),
    }),
)

# Definitions that every original of a kernel sees: reason.
_KERNEL_DEFINES = {
    "6.1": {},
    "6.12": {
        "__DISABLE_EXPORTS": "without modules nothing is exported, as up to 6.4: export.h would keep what nobody calls",
    },
}

def _ours(paths):
    return ["@pvpci//driver:" + path for path in paths]

def linux_image(name, family, repository):
    """Declares the image of one kernel. Also called from a kernel's own repository, for a tree of the user's.

    Args:
      name: stem of the outputs.
      family: "6.1": which lists of sources.bzl apply.
      repository: "@linux_6_1"; empty: the caller's own.
    """
    _guest_image(
        name = name,
        env = _ours(EMULATED[family] + GUEST_FUNCTIONS),
        headers = _ours(HEADERS) + ["@pvpci//driver/seam:seam.h"],
        kernel_defines = _KERNEL_DEFINES[family],
        kernel_programs = ["%s//:src/%s" % (repository, path) for path in KERNEL_PROGRAMS],
        link_script = "@pvpci//driver:image.lds",
        manifest = repository + "//:manifest.sha256",
        originals = [repository + "//:originals"],
        plain_accounting = "@pvpci//driver:accounting_plain.c",
        programs = _ours(PROGRAMS),
        shared = None if repository else "//:shared.json",
        stamp = repository + "//:stamp.json",
        visibility = ["//visibility:public"],
    )
