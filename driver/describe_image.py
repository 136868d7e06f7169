#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what a result says about a guest image: its kernel, the originals in it, and what was changed around them.

The originals' text is copied beside it, below one folder: coverage pages show it, wherever the kernel's tree is.
"""
import argparse
import hashlib
import json
import os
import shutil
import sys


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def originals(stamp, tree, manifest, paths):
    """One entry per original; refuses one that is not what was unpacked.

    package_sha256 is the digest of the same file in the kernel package of the same version: the file's own, unless the
    tree is the user's; None if that package is not installed or has no such file.
    """
    with open(manifest, encoding="utf-8") as file:
        unpacked = {path: sha for sha, path in (line.rstrip("\n").split("  ", 1) for line in file)}
    differs = stamp.get("differs", {})
    found = []
    for path in paths:
        full = os.path.join(tree, path)
        sha = digest(full)
        if unpacked.get(path) != sha:
            sys.exit(f"{path}: differs from the file that was unpacked from {stamp['package'] or 'the tree'}")
        with open(full, "rb") as file:
            found.append({"kernel": stamp["name"], "path": path, "sha256": sha, "lines": file.read().count(b"\n"),
                          "package_sha256": None if differs is None else differs.get(path, sha)})
    return found


def changes(tree, shadow_folder, spec):
    """Every shadow, define, forced include and linker wrap, with what its digest is of."""
    found = []
    present = sorted(os.path.relpath(os.path.join(folder, name), shadow_folder)
                     for folder, _, names in os.walk(shadow_folder, followlinks=True) for name in names)
    listed = sorted(spec["shadows"])
    if present != listed:
        sys.exit(f"driver/shadow has {sorted(set(present) ^ set(listed))}, which SHADOWS in driver/kernel_flags.bzl "
                 "does not match: every shadow stands in the result with its reason")
    for name in listed:
        found.append({"kind": "shadow", "name": name, "sha256": digest(os.path.join(shadow_folder, name)),
                      "why": spec["shadows"][name]})
    for name, where, why in spec["defines"]:
        found.append({"kind": "define", "name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(),
                      "why": f"{where}: {why}"})
    for name, where, why in spec["includes"]:
        path = name if name.startswith("driver/") else os.path.join(tree, "include", name)
        found.append({"kind": "include", "name": name, "sha256": digest(path),
                      "why": f"{where}: {why}"})
    for name in sorted(spec["wraps"]):
        found.append({"kind": "wrap", "name": name, "sha256": hashlib.sha256(f"--wrap={name}".encode()).hexdigest(),
                      "why": spec["wraps"][name]})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stamp", required=True)
    parser.add_argument("--tree", required=True)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--spec", required=True, help="JSON: originals, shadows, defines, includes, wraps")
    parser.add_argument("--probed", required=True, help="what driver/probe_kernel.sh wrote")
    parser.add_argument("--shadow", required=True, help="folder of the shadow headers")
    parser.add_argument("--kernel-out", required=True)
    parser.add_argument("--originals-out", required=True)
    parser.add_argument("--changes-out", required=True)
    parser.add_argument("--sources-out", required=True, help="folder")
    args = parser.parse_args()
    with open(args.stamp, encoding="utf-8") as file:
        stamp = json.load(file)
    with open(args.spec, encoding="utf-8") as file:
        spec = json.load(file)
    with open(args.probed, encoding="utf-8") as file:
        stamp["features"] = sorted(line.split()[1].replace("EMUL_HAS_", "", 1) for line in file)
    for path, value in ((args.kernel_out, stamp),
                        (args.originals_out, originals(stamp, args.tree, args.manifest, spec["originals"])),
                        (args.changes_out, changes(args.tree, args.shadow, spec))):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, sort_keys=True)
            file.write("\n")
    for path in spec["originals"]:
        copy = os.path.join(args.sources_out, path)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copyfile(os.path.join(args.tree, path), copy)


if __name__ == "__main__":
    main()
