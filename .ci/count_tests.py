#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test cases over the test.xml files of one `bazel test`, as its build event file names them.

Prints each skipped case with its reason, each failed case, and "N passed, N failed"; exits 0 when something ran and nothing failed. A test that ended
badly without saying which case failed (crash, time-out, did not build) is one failure.
"""
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def cases(uri):
    """[(name, failed)] and [(name, why)] of the skipped of one test.xml."""
    root = ElementTree.parse(urllib.parse.unquote(urllib.parse.urlparse(uri).path)).getroot()
    found, skipped = [], []
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".strip(".")
        why = case.find("skipped")
        if why is not None or case.get("result") == "skipped":
            # Google Test starts the message with the place of the macro.
            text = (why.get("message") or why.text or "").strip() if why is not None else ""
            skipped.append((name, text.splitlines()[-1] if text else "no reason given"))
            continue
        if case.get("status") == "notrun" or case.get("result") == "suppressed":
            continue
        failed = case.find("failure") is not None or case.find("error") is not None
        found.append((name, failed))
    return found, skipped


def main():
    passed, failures, skips = 0, [], []
    results = {}  # label -> [(status, test.xml or None)], last attempt of each shard
    broken = set()
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if "testResult" in event.get("id", {}) and "testResult" in event:
                key, result = event["id"]["testResult"], event["testResult"]
                xml = next((o["uri"] for o in result.get("testActionOutput", []) if o["name"] == "test.xml"), None)
                results.setdefault(key["label"], {})[key.get("shard", 0), key.get("run", 0)] = (result["status"], xml)
            elif "targetCompleted" in event.get("id", {}) and not event.get("completed", {}).get("success"):
                broken.add(event["id"]["targetCompleted"]["label"])
            elif "aborted" in event and "unconfiguredLabel" in event.get("id", {}):
                broken.add(event["id"]["unconfiguredLabel"]["label"])
    for label, shards in sorted(results.items()):
        broken.discard(label)
        for status, xml in shards.values():
            found = []
            if xml:
                try:
                    found, skipped = cases(xml)
                    skips += [f"{label} {name}: {why}" for name, why in skipped]
                except (OSError, ElementTree.ParseError):
                    status = "UNREADABLE" if status == "PASSED" else status
            bad = [f"{label} {name}" for name, failed in found if failed]
            if status not in ("PASSED", "FLAKY") and not bad:
                bad = [f"{label} {status.lower()}"]
            failures += bad
            passed += sum(not failed for _, failed in found)
    failures += [f"{label} did not build" for label in sorted(broken)]
    bazel_code = int(sys.argv[2])
    if bazel_code not in (0, 3, 4) and not failures:
        failures.append(f"bazel test ended with {bazel_code}")
    for name in skips:
        print(f"SKIPPED {name}")
    for name in failures:
        print(f"FAILED {name}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
