#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every function of the environment that stands for one of the kernel's is counted, so that each result lists those that
were called: its body has EMUL, EMUL_IGNORE or EMUL_STOP, or it hands on to one that has."""
import glob
import re
import unittest

# `type name(parameters)` at the start of a line, then the body: until "}" at the start of a line, or on the same line.
DEFINITION = re.compile(r"^(?!static\b|extern\b|typedef\b|#|EMUL_REGISTER|STOP\()((?:[A-Za-z_]\w*[\s*]+)+)(\w+(?:\(\w+\))?)"
                        r"\(((?:[^;{}]|\n)*?)\)\s*(?:\{\n((?:.*\n)*?)\}|\{(.*)\}$)", re.M)
OURS = ("emul_", "pvpci_", "seam_", "__wrap_", "__sanitizer_")
# Their own words: what they do is seen without a count.
SPEAK_FOR_THEMSELVES = {
    "panic": "ends the domain, and the report says so",
    "is_vmalloc_addr": "compares an address",
}


def uncounted(text):
    """Names of functions that neither count nor hand on. Handing on: nothing but declarations and one call."""
    found = []
    for match in DEFINITION.finditer(text):
        name, body = match[2], match[4] or match[5] or ""
        if name.startswith(OURS) or name in SPEAK_FOR_THEMSELVES or re.search(r"\bEMUL(_IGNORE|_STOP|_COUNT)?\(", body):
            continue
        work = re.sub(r"\bva_(start|end)\(.*?\);", "", body)
        if len(re.findall(r"\b(?!if\b|while\b|for\b|return\b|sizeof\b)\w+\(", work)) > 2 or re.search(r"\b(while|for)\b", work):
            found.append(name)
        elif not re.search(r"\b\w+\(", work):
            found.append(name)
    return found


class Counted(unittest.TestCase):
    def test_every_function_of_the_environment_is(self):
        files = sorted(glob.glob("driver/env/*.c"))
        functions = 0
        for path in files:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            functions += len(DEFINITION.findall(text))
            self.assertEqual(uncounted(text), [], path)
        self.assertGreater(len(files), 20)
        self.assertGreater(functions, 300)

    def test_a_function_that_is_not_is_found(self):
        self.assertEqual(uncounted("int ida_free(struct ida *ida)\n{\n\treturn 0;\n}\n"), ["ida_free"])
        self.assertEqual(uncounted("void ida_free(struct ida *ida) { }\n"), ["ida_free"])
        self.assertEqual(uncounted("int a(void)\n{\n\tEMUL(\"why\");\n\treturn 0;\n}\n"), [])
        self.assertEqual(uncounted("int a(void)\n{\n\treturn b(1);\n}\n"), [])
        self.assertEqual(uncounted("static int a(void)\n{\n\treturn 0;\n}\n"), [])


if __name__ == "__main__":
    unittest.main()
