# SPDX-License-Identifier: Apache-2.0
"""What repository rules ask of Debian packages: is one there, which version, and a clear word when it is not."""

def package_version(repository_ctx, package):
    """The installed version of a Debian package, or None."""
    result = repository_ctx.execute(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package])
    words = result.stdout.split(" ")
    if result.return_code != 0 or len(words) != 2 or words[0] != "installed":
        return None
    return words[1]

def apt_get_install(packages):
    """The line that every failure ends with."""
    return "\n\n    apt-get install %s\n" % " ".join(packages)

def require_package(repository_ctx, package, who):
    """The installed version of a Debian package; fails with what to do when it is missing."""
    version = package_version(repository_ctx, package)
    if version == None:
        fail("\n\n%s: the Debian package %s is missing. Install it:%s" % (who, package, apt_get_install([package])))
    return version

def _debian_package_impl(repository_ctx):
    package = repository_ctx.attr.package
    version = require_package(repository_ctx, package, "@" + repository_ctx.name)
    repository_ctx.file(
        "version.json",
        '{"package": "%s", "version": "%s"}\n' % (package, version),
        executable = False,
    )
    repository_ctx.file("BUILD", 'exports_files(["version.json"])\n', executable = False)

# The version of one package as a file. It is asked anew whenever Bazel's server starts (`local`); a rule that costs
# minutes names this file as an input and so runs again only when the version differs.
debian_package = repository_rule(
    implementation = _debian_package_impl,
    local = True,
    attrs = {"package": attr.string(mandatory = True)},
)
