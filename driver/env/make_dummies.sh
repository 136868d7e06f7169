#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints driver/env/generated_dummies.c's lines for the undefined symbols that ld.lld, or driver/explain_link.py for it,
# reports on standard input:
#   driver/env/make_dummies.sh < .cache/build.log
# Justify each one you keep: an original, an emulation or a counted dummy is better.
set -euo pipefail
sed -nE 's/.*undefined symbol: //p; s/^  ([A-Za-z_][A-Za-z0-9_]*)$/\1/p' | sort -u | sed 's/.*/STOP(&)/'
