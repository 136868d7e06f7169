# SPDX-License-Identifier: Apache-2.0
"""debian_kernel_source: a kernel tree from a linux-source-* package, configured, with its generated headers.

Leaves in the repository:
  src/            the subtrees asked for, as unpacked, plus what `make prepare` generates
  manifest.sha256 "digest  path" of every file as the package ships it, taken before anything was generated
  stamp.json      package, version, digests of manifest and configuration: whoever compiles depends on it
A step that fails names the package or tool that is missing. Works offline: nothing is fetched.
"""

load("//sim/deps:debian_package.bzl", "apt_get_install", "package_version", "require_package")

# What the steps below start, and the Debian package of each.
TOOLS = {
    "bc": "bc",
    "bison": "bison",
    "clang": "clang",
    "flex": "flex",
    "ld.lld": "lld",
    "llvm-objcopy": "llvm",
    "make": "make",
    "python3": "python3",
    "xz": "xz-utils",
}

# Headers that the kernel's own host tools need, and the Debian package of each.
HEADERS = {
    "/usr/include/gelf.h": "libelf-dev",
    "/usr/include/openssl/opensslv.h": "libssl-dev",
}

# Kconfig and make read these from every folder, also from those that are not unpacked otherwise.
SCAFFOLD = ["*/Kconfig*", "*/Makefile", "*/Kbuild*"]

# The same tree and digests whoever builds it and when.
MAKE_ENVIRONMENT = {
    "KBUILD_BUILD_HOST": "pvpci",
    "KBUILD_BUILD_TIMESTAMP": "@0",
    "KBUILD_BUILD_USER": "pvpci",
    "LC_ALL": "C",
}

def require_tools(repository_ctx):
    """Fails naming the packages of the tools that are missing."""
    missing = [package for tool, package in TOOLS.items() if not repository_ctx.which(tool)]
    missing += [package for header, package in HEADERS.items() if not repository_ctx.path(header).exists]
    if missing:
        fail("\n\n@%s: to configure a kernel, install:%s" % (repository_ctx.name, apt_get_install(missing)))

def _step(repository_ctx, progress, command, hint = None):
    """Runs one command in src/, or fails with the end of what it said."""
    repository_ctx.report_progress(progress)
    result = repository_ctx.execute(
        command,
        environment = MAKE_ENVIRONMENT,
        working_directory = "src",
        timeout = 1800,
    )
    if result.return_code != 0:
        lines = (result.stdout + result.stderr).strip().split("\n")
        fail("\n\n@%s: %s failed: %s\n\n%s\n\n%s" % (
            repository_ctx.name,
            progress,
            " ".join([str(word) for word in command]),
            "\n".join(lines[-20:]),
            hint or "The tools it uses:" + apt_get_install(depset(TOOLS.values() + HEADERS.values()).to_list()),
        ))
    return result.stdout

def unpack(repository_ctx, package, subtrees):
    """Unpacks `subtrees` and the scaffold of the package's archive into src/."""
    archive = repository_ctx.path("/usr/src/%s.tar.xz" % package)
    if not archive.exists:
        fail("\n\n@%s: %s is not there, although %s is installed. Install it again:%s" %
             (repository_ctx.name, archive, package, apt_get_install(["--reinstall", package])))
    _step(
        repository_ctx,
        "unpacking " + package,
        ["tar", "--extract", "--xz", "--file", archive, "--strip-components=1", "--wildcards"] +
        [package + "/" + subtree for subtree in subtrees] + SCAFFOLD,
        hint = "The archive is damaged or a listed subtree is not in it. If damaged:" +
               apt_get_install(["--reinstall", package]),
    )

def take_manifest(repository_ctx):
    """Writes manifest.sha256 of src/ as it is now and returns the digest of that file."""
    return _step(
        repository_ctx,
        "recording digests",
        ["bash", "-c", "set -o pipefail; find . -type f -printf '%P\\0' | sort -z | xargs -0 sha256sum > " +
                       "../manifest.sha256 && sha256sum ../manifest.sha256"],
    ).split(" ")[0]

def _options(text):
    """Option -> value; an option that is off is "n"."""
    options = {}
    for line in text.split("\n"):
        if line.startswith("CONFIG_"):
            name, _, value = line.partition("=")
            options[name] = value
    return options

def configure(repository_ctx, fragment):
    """Configures src/ from tinyconfig plus `fragment` and generates headers.

    Fails when an option that the fragment switches on is off in the end. Returns those that it switches off and that
    others force on again, sorted, for the record.
    """
    _step(repository_ctx, "make tinyconfig", ["make", "LLVM=1", "tinyconfig"])
    _step(
        repository_ctx,
        "merging the configuration",
        ["scripts/kconfig/merge_config.sh", "-m", ".config", repository_ctx.path(fragment)],
    )
    _step(repository_ctx, "make olddefconfig", ["make", "LLVM=1", "olddefconfig"])
    asked = _options(repository_ctx.read(fragment))
    got = _options(repository_ctx.read("src/.config"))
    lost = ["%s=%s" % (name, value) for name, value in asked.items() if value != "n" and got.get(name, "n") != value]
    if lost:
        fail(("\n\n@%s: options that %s asks for and that did not stick: %s.\nA dependency is missing, or this " +
              "kernel has no such option: see scripts/config and Kconfig files under src/.\n") %
             (repository_ctx.name, fragment, " ".join(lost)))
    _step(repository_ctx, "make prepare", ["make", "LLVM=1", "-j2", "prepare"] + repository_ctx.attr.generators)
    return sorted([name for name, value in asked.items() if value == "n" and got.get(name, "n") != "n"])

def digest_of(repository_ctx, path):
    """SHA-256 of a file of src/."""
    return _step(repository_ctx, "recording digests", ["sha256sum", path]).split(" ")[0]

def make_source_folder(repository_ctx):
    """Makes src/, empty."""
    repository_ctx.file("src/.pvpci", "", executable = False)
    repository_ctx.delete("src/.pvpci")

def export(repository_ctx, kernel, package, version, origin, manifest_digest, forced_on, image = ""):
    """Writes stamp.json and BUILD. `origin`: what the stamp says beyond; `image`: more of BUILD."""
    stamp = dict(
        name = kernel,
        package = package,
        version = version,
        release = _step(repository_ctx, "asking the release", ["make", "-s", "LLVM=1", "kernelrelease"]).strip(),
        manifest_sha256 = manifest_digest,
        config_sha256 = digest_of(repository_ctx, ".config"),
        compiler = package_version(repository_ctx, "clang"),
        forced_on = forced_on,
    )
    stamp.update(origin)
    repository_ctx.file("stamp.json", struct(**stamp).to_json() + "\n", executable = False)
    folders = depset([s.split("/")[0] for s in repository_ctx.attr.subtrees if "/" in s or s in ("kernel", "lib", "mm")])
    repository_ctx.file(
        "BUILD",
        """# Generated from %s %s.
load("@pvpci//driver:image.bzl", "linux_image")
load("@pvpci//driver:sources.bzl", "ORIGINALS")

package(default_visibility = ["//visibility:public"])

exports_files(glob(["*.json", "*.sha256"]))

exports_files(glob(%r))

# Point releases of one kernel differ in a few files: what a later one split off an earlier one still holds together.
filegroup(
    name = "originals",
    srcs = glob(["src/" + path for path in ORIGINALS[%r]]),
)
%s""" % (
            package or "a tree of the user's,",
            version,
            ["src/%s/**/*.%s" % (folder, kind) for folder in sorted(folders.to_list()) for kind in ("c", "S")],
            kernel,
            image,
        ),
        executable = False,
    )

# Part of what a prepared tree is known by: raise it when these rules make another one of the same inputs.
_RULES = 1

# Bazel makes a repository in OUTPUT_USER_ROOT/OUTPUT_BASE/external/NAME.
_PREPARED = "../../../pvpci-kernel-cache"

def _prepared(repository_ctx, version):
    """Where the tree that these inputs make is kept: minutes the first time, seconds for the next clone."""
    inputs = [str(_RULES), version, package_version(repository_ctx, "clang")]
    inputs += repository_ctx.attr.subtrees + repository_ctx.attr.generators
    inputs.append(repository_ctx.read(repository_ctx.attr.config))
    repository_ctx.file("inputs", "\n".join(inputs), executable = False)
    key = repository_ctx.execute(["sha256sum", "inputs"]).stdout[:16]
    repository_ctx.delete("inputs")
    return "%s/%s-%s" % (_PREPARED, repository_ctx.attr.package, key)

def _take_prepared(repository_ctx, prepared):
    """Links a kept tree into the repository. Returns whether there was one."""
    command = 'test -e "$1/forced_on" && cp -al "$1/src" "$1/manifest.sha256" .'
    return repository_ctx.execute(["bash", "-c", command, "-", prepared]).return_code == 0

def _keep_prepared(repository_ctx, prepared, forced_on):
    """Keeps the tree for others, whole or not at all, and the newest four only. Without a place to keep it, goes on."""
    repository_ctx.file("forced_on", "\n".join(forced_on), executable = False)
    repository_ctx.execute(["bash", "-c", """
set -e
mkdir -p "$2"
mkdir "$1.$$"
cp -al src manifest.sha256 forced_on "$1.$$" && mv -T "$1.$$" "$1" || rm -rf "$1.$$"
ls -dt "$2"/* | tail -n +5 | xargs -r rm -rf
""", "-", prepared, _PREPARED])

def _debian_kernel_source_impl(repository_ctx):
    package = repository_ctx.attr.package
    repository_ctx.path(repository_ctx.attr.version_file)  # An input: another version of the package, another tree.
    version = require_package(repository_ctx, package, "@" + repository_ctx.name)
    require_tools(repository_ctx)
    prepared = _prepared(repository_ctx, version)
    if _take_prepared(repository_ctx, prepared):
        manifest_digest = digest_of(repository_ctx, "../manifest.sha256")
        forced_on = [option for option in repository_ctx.read(prepared + "/forced_on").split("\n") if option]
    else:
        make_source_folder(repository_ctx)
        unpack(repository_ctx, package, repository_ctx.attr.subtrees)
        manifest_digest = take_manifest(repository_ctx)
        forced_on = configure(repository_ctx, repository_ctx.attr.config)
        _keep_prepared(repository_ctx, prepared, forced_on)
    export(repository_ctx, repository_ctx.attr.kernel, package, version, {"modified": False}, manifest_digest, forced_on)

debian_kernel_source = repository_rule(
    implementation = _debian_kernel_source_impl,
    attrs = {
        "package": attr.string(mandatory = True, doc = "linux-source-6.1, linux-source-6.12."),
        "kernel": attr.string(mandatory = True, doc = "What --kernel calls it."),
        "subtrees": attr.string_list(mandatory = True, doc = "Files and folders of the tree to unpack, sorted."),
        "config": attr.label(mandatory = True, allow_single_file = True, doc = "Fragment on top of tinyconfig."),
        "generators": attr.string_list(doc = "Objects that the kernel's own build makes a header for: made as well."),
        "version_file": attr.label(mandatory = True, doc = "version.json of the package's debian_package."),
    },
)
