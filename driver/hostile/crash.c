// SPDX-License-Identifier: GPL-2.0-only
/* crash KIND: what a guest must not do, so that containment can be seen. One domain stops, the others go on. */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/panic.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static noinline void crash_oops(void)
{
	*(volatile int *)8 = 1;
}

static noinline void crash_bug(void)
{
	BUG();
}

static noinline int crash_deep(volatile char *above)
{
	volatile char frame[1024];

	frame[0] = *above + 1;
	return crash_deep(frame) + frame[0];
}

static noinline void crash_spin(void)
{
	volatile unsigned int turns = 0;

	for (;;)
		turns++;
}

static noinline void crash_wild_jump(void)
{
	void (*volatile nowhere)(void) = (void (*)(void))0x40;

	nowhere();
}

static int crash(int argc, char **argv)
{
	char bottom = 0;

	if (argc < 2)
		return -EINVAL;
	if (!strcmp(argv[1], "oops"))
		crash_oops();
	else if (!strcmp(argv[1], "bug"))
		crash_bug();
	else if (!strcmp(argv[1], "panic"))
		panic("asked to by the scenario");
	else if (!strcmp(argv[1], "stack_overflow"))
		return crash_deep(&bottom);
	else if (!strcmp(argv[1], "spin"))
		crash_spin();
	else if (!strcmp(argv[1], "wild_jump"))
		crash_wild_jump();
	return -EINVAL;
}

EMUL_REGISTER("crash", EMUL_CALLABLE, crash);
