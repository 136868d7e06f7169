// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread on every vCPU sleeps again and again while all others sleep, too. A vCPU that goes idle leaves its timers to
 * one that is awake or wakes first (6.12: kernel/time/timer_migration.c), so a sleeper may be woken by another vCPU.
 * Fails with the number of sleeps that took two jiffies longer than asked for; a timer that is forgotten never returns.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

#define ROUNDS 40

static struct completion over;
static atomic_t late;

static int sleeper(void *data)
{
	unsigned int cpu = (unsigned long)data, i;

	for (i = 0; i < ROUNDS; i++) {
		unsigned int asked = 1 + (i * (cpu + 3)) % 23;
		unsigned long before = jiffies;

		msleep(asked);
		/* msleep() itself adds one jiffy and rounds up. */
		if (jiffies - before > msecs_to_jiffies(asked) + 2)
			atomic_inc(&late);
	}
	complete(&over);
	return 0;
}

static int sleepers(int argc, char **argv)
{
	unsigned int cpu, started = 0;

	init_completion(&over);
	atomic_set(&late, 0);
	for_each_online_cpu(cpu) {
		wake_up_process(kthread_create_on_cpu(sleeper, (void *)(unsigned long)cpu, cpu, "sleeper/%u"));
		started++;
	}
	while (started--)
		wait_for_completion(&over);
	return -atomic_read(&late);
}

EMUL_REGISTER("sleepers", EMUL_CALLABLE, sleepers);
