#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what a result says about a mutated image: that it is one, which files are copies, and the mutants it holds."""
import argparse
import hashlib
import json


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", required=True, help="stem of the unmutated image's files")
    parser.add_argument("--out", required=True, help="stem of the mutated image's files")
    parser.add_argument("--copies", required=True, help="JSON: {copies: [{file, copy, mutants}]}")
    args = parser.parse_args()
    copies = read(args.copies)["copies"]
    digests = {item["file"]: digest(item["copy"]) for item in copies}
    kernel = dict(read(args.base + ".kernel.json"), modified=True)
    originals = [dict(item, sha256=digests.get(item["path"], item["sha256"])) for item in read(args.base + ".originals.json")]
    mutants = []
    for item in copies:
        for mutant in read(item["mutants"])["mutants"]:
            mutants.append({"id": mutant["id"], "number": mutant["number"], "file": item["file"],
                            "functions": sorted({edit["function"] for edit in mutant["edits"]}),
                            "sha256": digests[item["file"]], "edits": mutant["edits"]})
    for name, value in (("kernel", kernel), ("originals", originals), ("changes", read(args.base + ".changes.json")),
                        ("mutants", sorted(mutants, key=lambda mutant: mutant["number"]))):
        with open(f"{args.out}.{name}.json", "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, sort_keys=True)
            file.write("\n")


if __name__ == "__main__":
    main()
