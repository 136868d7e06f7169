// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for kernel/time/{timekeeping,tick-*,hrtimer,clocksource}.c and arch/x86/xen/time.c: ktime is the vCPU's
 * simulated time, the tick a VIRQ_TIMER bound through the real event channel code and armed with
 * VCPUOP_set_singleshot_timer, off while idle until the next timer. The timer wheel is the original kernel/time/timer.c.
 */
#include <linux/clockchips.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/timekeeping.h>
#include <linux/timer.h>
#include <asm/timer.h>
#include <xen/events.h>
#include <xen/interface/vcpu.h>
#include <xen/interface/xen.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/hypervisor.h>

#include "emul.h"
#include "../../kernel/time/tick-internal.h"

#include <linux/sched/cputime.h>

#define NS_PER_JIFFY (NSEC_PER_SEC / HZ)
#define PS_PER_JIFFY (1000ULL * NS_PER_JIFFY)

unsigned long loops_per_jiffy = 1 << 20;
static u64 boot_ns;	/* local time at boot, where ktime and jiffies start */

static u64 local_ns(void) { return emul_now_ps() / 1000; }

/*
 * Which jiffy it is by this vCPU's own clock, and its first nanosecond in ktime. `jiffies` itself may be one ahead: all
 * vCPUs of a domain share it, and one of them may have come further. Whoever counts timers in jiffies and arms an
 * interrupt in ktime needs two numbers that fit.
 */
static u64 this_jiffy(unsigned long *count)
{
	u64 passed = (emul_now_ps() - emul_clock.jiffies_origin_ps) / PS_PER_JIFFY;

	*count = INITIAL_JIFFIES + passed;
	return passed * NS_PER_JIFFY;
}

ktime_t ktime_get(void)
{
	EMUL("simulated time");
	return local_ns() - boot_ns;
}
ktime_t ktime_get_with_offset(enum tk_offsets offs) { EMUL("simulated time"); return ktime_get(); }
u64 ktime_get_mono_fast_ns(void) { EMUL("simulated time"); return ktime_get(); }
u64 ktime_get_raw_fast_ns(void) { EMUL("simulated time"); return ktime_get(); }
ktime_t ktime_get_raw(void) { EMUL("simulated time"); return ktime_get(); }
time64_t ktime_get_seconds(void) { EMUL("simulated time"); return ktime_get() / NSEC_PER_SEC; }
time64_t ktime_get_real_seconds(void) { EMUL("simulated time"); return ktime_get() / NSEC_PER_SEC; }
void ktime_get_real_ts64(struct timespec64 *ts) { EMUL("simulated time"); *ts = ns_to_timespec64(ktime_get()); }
void ktime_get_ts64(struct timespec64 *ts) { EMUL("simulated time"); *ts = ns_to_timespec64(ktime_get()); }
u64 sched_clock(void) { EMUL("simulated time"); return ktime_get(); }

/* Busy waiting passes simulated time, not host time. */
void __const_udelay(unsigned long xloops)
{
	EMUL("busy waits pass simulated time");
	emul_call(SEAM_UDELAY, (u64)xloops * 1000000ULL / 0x10c7, 0, 0, 0);
}
void __udelay(unsigned long usecs)
{
	EMUL("busy waits pass simulated time");
	emul_call(SEAM_UDELAY, usecs * 1000000ULL, 0, 0, 0);
}
void __ndelay(unsigned long nsecs)
{
	EMUL("busy waits pass simulated time");
	emul_call(SEAM_UDELAY, nsecs * 1000ULL, 0, 0, 0);
}
void __delay(unsigned long loops) { EMUL("simulated time"); __ndelay(loops); }

/* High-resolution sleeps: one list by time. */
struct hr_sleeper {
	struct list_head list;
	u64 expires;
	struct task_struct *task;
};
static LIST_HEAD(hr_list);
static DEFINE_RAW_SPINLOCK(hr_lock);

int schedule_hrtimeout_range(ktime_t *expires, u64 delta, const enum hrtimer_mode mode)
{
	struct hr_sleeper me = { .task = current }, *other;
	u64 when = *expires + delta;	/* the late end of the range, as an idle clock event would choose */
	unsigned long flags;

	EMUL("high-resolution sleeps without hrtimer.c");
	if (!expires) {
		schedule();
		return -EINTR;
	}
	me.expires = mode & HRTIMER_MODE_REL ? ktime_get() + when : when;
	raw_spin_lock_irqsave(&hr_lock, flags);
	list_for_each_entry(other, &hr_list, list)
		if (other->expires > me.expires)
			break;
	list_add_tail(&me.list, &other->list);
	raw_spin_unlock_irqrestore(&hr_lock, flags);
	schedule();
	raw_spin_lock_irqsave(&hr_lock, flags);
	if (me.task) {
		list_del(&me.list);
		raw_spin_unlock_irqrestore(&hr_lock, flags);
		return -EINTR;
	}
	raw_spin_unlock_irqrestore(&hr_lock, flags);
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void hr_expire(void)
{
	struct hr_sleeper *s, *n;

	raw_spin_lock(&hr_lock);
	list_for_each_entry_safe(s, n, &hr_list, list) {
		struct task_struct *task = s->task;

		if (s->expires > ktime_get())
			break;
		list_del(&s->list);
		s->task = NULL;
		wake_up_process(task);
	}
	raw_spin_unlock(&hr_lock);
}

/* When the first sleeper wants to wake; KTIME_MAX: nobody sleeps. Whichever vCPU ticks first wakes it. */
static u64 hr_next(void)
{
	u64 next = KTIME_MAX;

	raw_spin_lock(&hr_lock);
	if (!list_empty(&hr_list))
		next = list_first_entry(&hr_list, struct hr_sleeper, list)->expires;
	raw_spin_unlock(&hr_lock);
	return next;
}

void hrtimer_run_queues(void) { EMUL_IGNORE("simulated time"); }
u64 hrtimer_get_next_event(void) { EMUL("simulated time"); return KTIME_MAX; }

/* The tick. */
static DEFINE_PER_CPU(bool, tick_stopped);
static DEFINE_PER_CPU(int, timer_irq) = -1;

static void arm(u64 ktime)
{
	struct vcpu_set_singleshot_timer single = {
		.timeout_abs_ns = ktime + boot_ns + emul_clock.xen_offset_ns,
		.flags = 0,
	};

	BUG_ON(HYPERVISOR_vcpu_op(VCPUOP_set_singleshot_timer, smp_processor_id(), &single));
}

static u64 next_tick(void)
{
	unsigned long count;

	return this_jiffy(&count) + NS_PER_JIFFY;
}

static irqreturn_t emul_timer_interrupt(int irq, void *dev)
{
	EMUL("the tick");
	hr_expire();
	update_process_times(0);
	if (!this_cpu_read(tick_stopped))
		arm(min(next_tick(), hr_next()));
	return IRQ_HANDLED;
}

void emul_time_idle_enter(void)
{
	unsigned long count;
	u64 start = this_jiffy(&count), next, wait = KTIME_MAX;
#ifdef EMUL_HAS_TIMER_MIGRATION
	bool idle = false;

	next = timer_base_try_to_set_idle(count, start, &idle);

	/* The wheel has work within a jiffy and is not idle: the tick stays, as tick_nohz_stop_tick() has it. */
	if (!idle) {
		arm(min(next_tick(), hr_next()));
		return;
	}
#else
	next = get_next_timer_interrupt(count, start);
#endif

	this_cpu_write(tick_stopped, true);
	if (next != KTIME_MAX)
		wait = max_t(u64, next, ktime_get());
	wait = min(wait, hr_next());
	if (wait == KTIME_MAX) {
		(void)HYPERVISOR_vcpu_op(VCPUOP_stop_singleshot_timer, smp_processor_id(), NULL);
		return;
	}
	arm(wait);
}

void emul_time_idle_exit(void)
{
	if (!this_cpu_read(tick_stopped))
		return;
	this_cpu_write(tick_stopped, false);
	timer_clear_idle();
	arm(next_tick());
}

#ifdef EMUL_HAS_TIMER_MIGRATION
u64 get_jiffies_update(unsigned long *basej)
{
	EMUL("simulated time");
	return this_jiffy(basej);
}
#endif

bool tick_nohz_tick_stopped(void) { EMUL("simulated time"); return this_cpu_read(tick_stopped); }
void tick_irq_enter(void) { EMUL_IGNORE("simulated time"); }
void tick_nohz_irq_exit(void) { EMUL_IGNORE("simulated time"); }
unsigned long tick_nohz_active = 1;

void emul_time_init(void)
{
	int cpu = smp_processor_id();
	int irq;

	if (cpu == 0)
		boot_ns = DIV_ROUND_UP(emul_clock.jiffies_origin_ps, 1000);
	(void)HYPERVISOR_vcpu_op(VCPUOP_stop_periodic_timer, cpu, NULL);
	irq = bind_virq_to_irqhandler(VIRQ_TIMER, cpu, emul_timer_interrupt,
				      IRQF_PERCPU | IRQF_NOBALANCING | IRQF_TIMER | IRQF_FORCE_RESUME | IRQF_EARLY_RESUME,
				      "timer", NULL);
	BUG_ON(irq < 0);
	this_cpu_write(timer_irq, irq);
	(void)xen_set_irq_priority(irq, XEN_IRQ_PRIORITY_MAX);
	/* Ticks stop in idle from now on, as tick_nohz_activate() says: a vCPU that is awake serves the timers of others. */
	if (cpu == 0)
		timers_update_nohz();
	arm(next_tick());
}

/* The vCPU's tick is gone with it: Xen stopped its timer. */
void emul_time_leave(int cpu)
{
	unbind_from_irqhandler(per_cpu(timer_irq, cpu), NULL);
}
