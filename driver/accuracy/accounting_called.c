// SPDX-License-Identifier: GPL-2.0-only
/* The accounting of each block as a call, not inlined: called_image.bzl. */
#define EMUL_ACCOUNTING_CALLED
#include "driver/env/accounting.c"
