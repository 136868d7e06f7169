#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints driver/env/generated_dummies.c's lines for the undefined symbols that ld.lld reports on standard input:
#   ld.lld ... 2>&1 | driver/env/make_dummies.sh
# Justify each one you keep: an original, an emulation or a counted dummy is better.
set -euo pipefail
sed -n 's/.*undefined symbol: //p' | sort -u | sed 's/.*/STOP(&)/'
