// SPDX-License-Identifier: GPL-2.0-only
/* Makes tools/pci/pcitest.c, compiled as it is with its main renamed by the compiler, a program of the image. */
#include "driver/env/work.h"

extern int pcitest_main(int argc, char **argv);
EMUL_REGISTER("pcitest", EMUL_PROGRAM, pcitest_main);
