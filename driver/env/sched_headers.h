/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel/sched/{wait,wait_bit,swait,completion}.c include nothing themselves: kernel/sched/build_utility.c, which
 * includes them together with scheduler parts that are emulated here, includes these headers first.
 */
#include <linux/sched/clock.h>
#include <linux/sched/cputime.h>
#include <linux/sched/debug.h>
#include <linux/sched/isolation.h>
#include <linux/sched/loadavg.h>
#include <linux/sched/mm.h>
#include <linux/sched/nohz.h>
#include <linux/sched/rseq_api.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/cpumask_api.h>
#include <linux/cpuset.h>
#include <linux/hashtable_api.h>
#include <linux/kobject_api.h>
#include <linux/spinlock_api.h>
#include <linux/swait_api.h>
#include <linux/wait_api.h>
#include "../../kernel/sched/sched.h"
