// SPDX-License-Identifier: GPL-2.0-only
/*
 * timer_events COUNT: sleeps so often for a millisecond. Each sleep is one event of a timer: armed at the hypervisor,
 * VIRQ_TIMER, the kernel's own hrtimers, and a task that wakes.
 */
#include <linux/delay.h>
#include <linux/kernel.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static int timer_events(int argc, char **argv)
{
	unsigned int count;

	if (argc != 2 || kstrtouint(argv[1], 10, &count))
		return -EINVAL;
	while (count--)
		usleep_range(1000, 1000);
	return 0;
}

EMUL_REGISTER("timer_events", EMUL_CALLABLE, timer_events);
