// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for kernel/rcu/tree.c and srcutree.c: a grace period ends when every online vCPU has been idle or in
 * schedule() since it began. Without kernel preemption that is exactly RCU's definition. Callbacks run in RCU_SOFTIRQ.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/rcupdate.h>
#include <linux/rcupdate_wait.h>
#include <linux/srcu.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "emul.h"

struct callbacks { struct rcu_head *head, **tail; };
static struct callbacks waiting, next, done;	/* in this grace period, for the next one, ready to run */
static struct cpumask need_qs;
static DEFINE_PER_CPU(bool, in_idle);
static DEFINE_RAW_SPINLOCK(rcu_lock);

static void append(struct callbacks *to, struct callbacks *from)
{
	if (!from->head)
		return;
	*to->tail = from->head;
	to->tail = from->tail;
	from->head = NULL;
	from->tail = &from->head;
}

static void start_period(void)
{
	int cpu;

	append(&waiting, &next);
	cpumask_clear(&need_qs);
	for_each_online_cpu(cpu)
		if (!per_cpu(in_idle, cpu))
			cpumask_set_cpu(cpu, &need_qs);
}

static void advance(void)
{
	while (waiting.head && cpumask_empty(&need_qs)) {
		append(&done, &waiting);
		raise_softirq_irqoff(RCU_SOFTIRQ);
		if (next.head)
			start_period();
	}
}

void emul_rcu_note_qs(void)
{
	if (!waiting.head)
		return;
	raw_spin_lock(&rcu_lock);
	cpumask_clear_cpu(smp_processor_id(), &need_qs);
	advance();
	raw_spin_unlock(&rcu_lock);
}

void emul_rcu_idle(bool idle)
{
	this_cpu_write(in_idle, idle);
	if (idle)
		emul_rcu_note_qs();
}

/* An upcall out of the idle loop is no longer idle; a grace period that begins in it waits for its end. */
bool emul_rcu_irq_enter(void)
{
	bool idle = this_cpu_read(in_idle);

	this_cpu_write(in_idle, false);
	return idle;
}

void emul_rcu_irq_exit(bool idle)
{
	if (idle)
		emul_rcu_idle(true);
}

void call_rcu(struct rcu_head *head, rcu_callback_t func)
{
	unsigned long flags;

	EMUL("grace periods over vCPUs that pass schedule() or idle");
	head->func = func;
	head->next = NULL;
	raw_spin_lock_irqsave(&rcu_lock, flags);
	*next.tail = head;
	next.tail = &head->next;
	if (!waiting.head) {
		start_period();
		/* An idle or single vCPU must be made to pass a quiescent state. */
		set_tsk_need_resched(current);
	}
	raw_spin_unlock_irqrestore(&rcu_lock, flags);
}

static void rcu_run(EMUL_SOFTIRQ_ARGUMENT)
{
	struct rcu_head *head, *following;

	raw_spin_lock_irq(&rcu_lock);
	head = done.head;
	done.head = NULL;
	done.tail = &done.head;
	raw_spin_unlock_irq(&rcu_lock);
	for (; head; head = following) {
		unsigned long offset = (unsigned long)head->func;

		following = head->next;
		if (__is_kvfree_rcu_offset(offset))
			kvfree((void *)head - offset);
		else
			head->func(head);
	}
}

#ifdef EMUL_HAS_KVFREE_POINTER
/* The offset of the head in the object takes the callback's place, as __is_kvfree_rcu_offset expects. */
void kvfree_call_rcu(struct rcu_head *head, void *object)
{
	EMUL("grace periods over vCPUs that pass schedule() or idle");
	if (!head) {
		synchronize_rcu();
		kvfree(object);
		return;
	}
	call_rcu(head, (rcu_callback_t)((void *)head - object));
}
#else
void kvfree_call_rcu(struct rcu_head *head, rcu_callback_t func) { EMUL("grace periods over vCPUs that pass schedule() or idle"); call_rcu(head, func); }
#endif

void synchronize_rcu(void)
{
	struct rcu_synchronize rs;

	EMUL("grace periods over vCPUs that pass schedule() or idle");
	init_rcu_head_on_stack(&rs.head);
	init_completion(&rs.completion);
	call_rcu(&rs.head, wakeme_after_rcu);
	wait_for_completion(&rs.completion);
}
void synchronize_rcu_expedited(void) { EMUL("grace periods over vCPUs that pass schedule() or idle"); synchronize_rcu(); }
void rcu_barrier(void) { EMUL("grace periods over vCPUs that pass schedule() or idle"); synchronize_rcu(); }
void rcu_softirq_qs(void) { EMUL_IGNORE("grace periods over vCPUs that pass schedule() or idle"); }
void rcu_sched_clock_irq(int user) { EMUL_IGNORE("grace periods over vCPUs that pass schedule() or idle"); }

void wakeme_after_rcu(struct rcu_head *head)
{
	EMUL("grace periods over vCPUs that pass schedule() or idle");
	complete(&container_of(head, struct rcu_synchronize, head)->completion);
}

/* SRCU: readers may sleep; a writer waits until the count of readers has been seen at zero. */
static atomic_t srcu_readers;

int init_srcu_struct(struct srcu_struct *s) { EMUL_IGNORE("grace periods over vCPUs that pass schedule() or idle"); return 0; }
void cleanup_srcu_struct(struct srcu_struct *s) { EMUL_IGNORE("grace periods over vCPUs that pass schedule() or idle"); }

int __srcu_read_lock(struct srcu_struct *s)
{
	EMUL("sleepable RCU with one reader count");
	atomic_inc(&srcu_readers);
	return 0;
}

void __srcu_read_unlock(struct srcu_struct *s, int index)
{
	EMUL("grace periods over vCPUs that pass schedule() or idle");
	atomic_dec(&srcu_readers);
}

void synchronize_srcu(struct srcu_struct *s)
{
	EMUL("sleepable RCU with one reader count");
	synchronize_rcu();
	while (atomic_read(&srcu_readers))
		schedule_timeout_uninterruptible(1);
}

void emul_rcu_init(void)
{
	waiting.tail = &waiting.head;
	next.tail = &next.head;
	done.tail = &done.head;
	open_softirq(RCU_SOFTIRQ, rcu_run);
}
