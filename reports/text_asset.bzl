# SPDX-License-Identifier: Apache-2.0
"""Text files as C++ string literals."""

def text_assets(name, srcs):
    """Makes of each `x` a file `x.inc`: one raw string literal, to be included as an initializer.

    Args:
      name: of the filegroup of all of them.
      srcs: text files without the sequence )PVPCI_ASSET".
    """
    for src in srcs:
        native.genrule(
            name = name + "_" + src.replace("/", "_").replace(".", "_"),
            srcs = [src],
            outs = [src + ".inc"],
            cmd = "{ printf 'R\"PVPCI_ASSET('; cat $<; printf ')PVPCI_ASSET\"\\n'; } > $@",
        )
    native.filegroup(name = name, srcs = [src + ".inc" for src in srcs])
