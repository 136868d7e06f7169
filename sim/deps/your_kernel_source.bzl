# SPDX-License-Identifier: Apache-2.0
"""your_kernel_source: a kernel tree of the user's, as debian_kernel_source does it for the packages' trees.

The tree is PVPCI_LINUX_SRC. It is copied without what a build left in it, and not changed. Another
PVPCI_LINUX_STATE (sim/deps/kernel_tree.sh) means that a file of it has changed: it is copied again, and only units
whose sources differ are compiled again.
"""

load(
    "//sim/deps:debian_kernel_source.bzl",
    "SCAFFOLD",
    "configure",
    "digest_of",
    "export",
    "make_source_folder",
    "require_tools",
    "take_manifest",
)
load("//sim/deps:debian_package.bzl", "package_version")

_GENERATED = ["*.o", "*.a", "*.ko", "*.cmd", "*.mod", "*.mod.c", "*.order", ".git", "./.config*", "./include/config", "./include/generated", "./arch/x86/include/generated"]

_COPY = """set -o pipefail
cd "$1"
shift
{ printf '%s\\0' "$@"; find . \\( -name 'Kconfig*' -o -name Makefile -o -name 'Kbuild*' \\) -type f -print0; } |
  tar --create --null --files-from=- --exclude-from="$OLDPWD/excluded" | tar --extract --directory="$OLDPWD/src"
rm -f "$OLDPWD/excluded"
"""

# What a unit is compiled from besides its own file: everything but C and assembly, and C files that others include.
_SHARED = """set -o pipefail
included=$(grep -rhoE '^[[:space:]]*#[[:space:]]*include[[:space:]]+["<][^">]*\\.[cS][">]' --include='*.[chS]' src |
  sed 's/.*["<\\/]//; s/[">]$//' | sort -u)
awk -v names="$included" 'BEGIN { split(names, list, "\\n"); for (i in list) included[list[i]] = 1 }
  { base = $2; sub(/.*\\//, "", base) } $2 !~ /\\.[cS]$/ || base in included' manifest.sha256 | sha256sum
"""

def _lines(result):
    return [line for line in result.stdout.split("\n") if line]

def _differences(repository_ctx, family, version):
    """path -> digest in the package of the same version, for C, headers and assembly that differ; None: no such package."""
    package = "linux-source-" + family
    installed = package_version(repository_ctx, package)
    if installed == None or installed.split("-")[0] != version:
        return None, None
    manifest = repository_ctx.path(Label("@linux_%s//:manifest.sha256" % family.replace(".", "_")))
    result = repository_ctx.execute([repository_ctx.path(repository_ctx.attr._compare), manifest, "manifest.sha256"])
    if result.return_code != 0:
        fail("\n\n@%s: comparing with %s failed: %s" % (repository_ctx.name, package, result.stderr))
    return package + " " + installed, {line.split(" ")[1]: line.split(" ")[0] for line in _lines(result)}

def _your_kernel_source_impl(repository_ctx):
    tree = repository_ctx.os.environ.get("PVPCI_LINUX_SRC", "")
    look = repository_ctx.execute([repository_ctx.path(repository_ctx.attr._kernel_tree), tree] + repository_ctx.attr.subtrees)
    if look.return_code != 0:
        fail("\n\n@%s: %s" % (repository_ctx.name, look.stderr))
    family, version, _ = _lines(look)
    require_tools(repository_ctx)
    make_source_folder(repository_ctx)
    repository_ctx.report_progress("copying " + tree)
    repository_ctx.file("excluded", "".join([pattern + "\n" for pattern in _GENERATED]), executable = False)
    copy = repository_ctx.execute(["bash", "-c", _COPY, "copy", tree] + ["./" + s for s in repository_ctx.attr.subtrees], timeout = 1800)
    if copy.return_code != 0:
        fail("\n\n@%s: copying %s failed: %s" % (repository_ctx.name, tree, copy.stderr))
    manifest_digest = take_manifest(repository_ctx)
    compared_with, differs = _differences(repository_ctx, family, version)
    forced_on = configure(repository_ctx, repository_ctx.attr.config)
    origin = {
        "compared_with": compared_with,
        "differs": differs,
        "modified": None if differs == None else len(differs) > 0,
    }
    shared = repository_ctx.execute(["bash", "-c", _SHARED])
    if shared.return_code != 0:
        fail("\n\n@%s: recording what units share failed: %s" % (repository_ctx.name, shared.stderr))
    repository_ctx.file("shared.json", struct(
        compiler = package_version(repository_ctx, "clang"),
        config_sha256 = digest_of(repository_ctx, ".config"),
        sha256 = shared.stdout[:64],
    ).to_json() + "\n", executable = False)
    image = "\nlinux_image(\n    name = %r,\n    family = %r,\n    repository = \"\",\n)\n" % (repository_ctx.name, family)
    export(repository_ctx, family, None, version, origin, manifest_digest, forced_on, image)

your_kernel_source = repository_rule(
    implementation = _your_kernel_source_impl,
    environ = ["PVPCI_LINUX_SRC", "PVPCI_LINUX_STATE"],
    attrs = {
        "subtrees": attr.string_list(mandatory = True, doc = "Files and folders of the tree to copy, sorted."),
        "config": attr.label(mandatory = True, allow_single_file = True, doc = "Fragment on top of tinyconfig."),
        "generators": attr.string_list(doc = "Objects that the kernel's own build makes a header for: made as well."),
        "_compare": attr.label(default = "//sim/deps:compare_manifests.sh", allow_single_file = True),
        "_kernel_tree": attr.label(default = "//sim/deps:kernel_tree.sh", allow_single_file = True),
    },
)
