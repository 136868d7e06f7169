// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for kernel/sched/core.c and kernel/kthread.c: tasks are fibers (boost::context behind the seam) on 32 KiB
 * stacks of the domain's memory, one run list per vCPU, first in first out, no kernel preemption. Wait queues,
 * completions, mutexes and workqueues on top of it are the originals.
 */
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/interrupt.h>
#include <linux/cpumask.h>
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/tick.h>
#include <xen/interface/sched.h>

#include "emul.h"
#include "../../kernel/workqueue_internal.h"

#define EMUL_STACK_ORDER 3	/* 32 KiB; the lowest page is the guard */

struct emul_task {
	struct task_struct task;
	void *context;		/* where the fiber stands, valid while it is not running */
	struct list_head run;	/* on the run list of `cpu`; empty while sleeping */
	bool queued;
	bool on_cpu;		/* its stack is in use: it may not start elsewhere */
	int cpu;
	int home;		/* where it is to run from its next wake-up on */
	int (*fn)(void *);
	void *data;
	char *stack;
	struct completion exited;
	bool should_stop, parked, should_park;
	long result;
	struct rcu_head rcu;
};

static inline struct emul_task *emul_of(struct task_struct *t)
{
	return container_of(t, struct emul_task, task);
}

extern struct cred init_cred;
static DEFINE_PER_CPU(struct list_head, run_list);
static DEFINE_PER_CPU(struct emul_task *, cpu_idle);
static DEFINE_PER_CPU(struct emul_task *, dead_task);
static struct emul_task idle_tasks[SEAM_MAX_VCPUS];
static int next_pid = 1;
static LIST_HEAD(all_tasks);
static DEFINE_RAW_SPINLOCK(sched_lock);	/* over run lists and task states of all vCPUs */

struct task_struct init_task = { .__state = TASK_RUNNING, .comm = "swapper" };
#ifdef EMUL_HAS_PCPU_HOT
DEFINE_PER_CPU_ALIGNED(struct pcpu_hot, pcpu_hot) = { .preempt_count = INIT_PREEMPT_COUNT };
#else
DEFINE_PER_CPU(struct task_struct *, current_task);
DEFINE_PER_CPU(int, __preempt_count) = INIT_PREEMPT_COUNT;
DEFINE_PER_CPU(int, cpu_number);
#endif

static void reschedule(int cpu)
{
	struct task_struct *curr = per_cpu(emul_current_task, cpu);

	set_tsk_need_resched(curr);
	if (cpu != smp_processor_id())
		emul_send_reschedule(cpu);
}

/* Under sched_lock. */
static void enqueue(struct emul_task *t)
{
	if (t->queued)
		return;
	if (!t->on_cpu)
		t->cpu = t->home;
	t->queued = true;
	list_add_tail(&t->run, &per_cpu(run_list, t->cpu));
	reschedule(t->cpu);
}

static void reap(void)
{
	struct emul_task *dead = this_cpu_read(dead_task);

	if (!dead)
		return;
	this_cpu_write(dead_task, NULL);
	emul_call(SEAM_MAP, SEAM_MAP_UNGUARD, dead->stack, PAGE_SIZE, 0);
	free_pages((unsigned long)dead->stack, EMUL_STACK_ORDER);
	put_task_struct(&dead->task);
}

static void switched_from(struct emul_task *prev, void *context)
{
	prev->context = context;
	smp_store_release(&prev->on_cpu, false);
	reap();
}

static void switch_task(struct emul_task *prev, struct emul_task *next)
{
	struct seam_transfer from;

	next->on_cpu = true;
	this_cpu_write(emul_current_task, &next->task);
	from = seam_host_table.fiber_jump(next->context, prev);
	/* Back: `from` is whoever ran before. */
	switched_from(from.data, from.from);
}

void schedule(void)
{
	struct emul_task *prev = emul_of(current), *next;
	unsigned long flags;

	EMUL("a small deterministic scheduler");
	if (prev->task.flags & PF_WQ_WORKER && prev->task.__state != TASK_RUNNING)
		wq_worker_sleeping(&prev->task);
	local_irq_save(flags);
	emul_rcu_note_qs();
	raw_spin_lock(&sched_lock);
	clear_tsk_need_resched(&prev->task);
	if (prev != this_cpu_read(cpu_idle)) {
		if (prev->task.__state == TASK_RUNNING && !prev->queued) {
			prev->queued = true;
			list_add_tail(&prev->run, this_cpu_ptr(&run_list));
		}
	}
	next = list_first_entry_or_null(this_cpu_ptr(&run_list), struct emul_task, run);
	if (next) {
		list_del_init(&next->run);
		next->queued = false;
	} else {
		next = this_cpu_read(cpu_idle);
	}
	raw_spin_unlock(&sched_lock);
	if (next != prev)
		switch_task(prev, next);
	local_irq_restore(flags);
	if (emul_of(current)->task.flags & PF_WQ_WORKER)
		wq_worker_running(current);
}

void schedule_preempt_disabled(void)
{
	EMUL("a small deterministic scheduler");
	preempt_enable_no_resched();
	schedule();
	preempt_disable();
}

int __cond_resched(void)
{
	EMUL("a small deterministic scheduler");
	if (!need_resched() || in_interrupt())
		return 0;
	schedule();
	return 1;
}

void yield(void)
{
	EMUL("a small deterministic scheduler");
	set_current_state(TASK_RUNNING);
	schedule();
}

int io_schedule_prepare(void) { EMUL_IGNORE("a small deterministic scheduler"); return 0; }
void io_schedule_finish(int token) { EMUL_IGNORE("a small deterministic scheduler"); }
long io_schedule_timeout(long timeout) { EMUL("a small deterministic scheduler"); return schedule_timeout(timeout); }
void io_schedule(void) { EMUL("a small deterministic scheduler"); schedule(); }

static int wake_task(struct task_struct *p, unsigned int state)
{
	unsigned long flags;
	int woken = 0;

	raw_spin_lock_irqsave(&sched_lock, flags);
	if (p->__state & state) {
		WRITE_ONCE(p->__state, TASK_RUNNING);
		if (p != this_cpu_read(emul_current_task))
			enqueue(emul_of(p));
		woken = 1;
	}
	raw_spin_unlock_irqrestore(&sched_lock, flags);
	return woken;
}

int wake_up_process(struct task_struct *p)
{
	EMUL("a small deterministic scheduler");
	return wake_task(p, TASK_NORMAL);
}

int wake_up_state(struct task_struct *p, unsigned int state) { EMUL("a small deterministic scheduler"); return wake_task(p, state); }

#ifdef EMUL_HAS_TRY_TO_WAKE_UP_FLAGS
int try_to_wake_up(struct task_struct *p, unsigned int state, int wake_flags) { EMUL("a small deterministic scheduler"); return wake_task(p, state); }
#endif

int default_wake_function(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	EMUL("a small deterministic scheduler");
	return wake_task(entry->private, mode);
}

static bool __wake_q_add(struct wake_q_head *head, struct task_struct *task)
{
	struct wake_q_node *node = &task->wake_q;

	if (node->next)
		return false;
	node->next = WAKE_Q_TAIL;
	*head->lastp = node;
	head->lastp = &node->next;
	return true;
}

void wake_q_add(struct wake_q_head *head, struct task_struct *task)
{
	EMUL("a small deterministic scheduler");
	if (__wake_q_add(head, task))
		get_task_struct(task);
}

void wake_q_add_safe(struct wake_q_head *head, struct task_struct *task)
{
	EMUL("a small deterministic scheduler");
	if (!__wake_q_add(head, task))
		put_task_struct(task);
}

void wake_up_q(struct wake_q_head *head)
{
	EMUL("a small deterministic scheduler");
	struct wake_q_node *node = head->first;

	while (node != WAKE_Q_TAIL) {
		struct task_struct *task = container_of(node, struct task_struct, wake_q);

		node = node->next;
		task->wake_q.next = NULL;
		wake_up_process(task);
		put_task_struct(task);
	}
}

int rcuwait_wake_up(struct rcuwait *w)
{
	EMUL("a small deterministic scheduler");
	struct task_struct *task = rcu_dereference(w->task);

	return task ? wake_up_process(task) : 0;
}

void finish_rcuwait(struct rcuwait *w)
{
	EMUL("a small deterministic scheduler");
	rcu_assign_pointer(w->task, NULL);
	__set_current_state(TASK_RUNNING);
}

void __put_task_struct(struct task_struct *task)
{
	EMUL("a small deterministic scheduler");
	kfree(emul_of(task));
}

static void task_exit(struct emul_task *me, long result)
{
	me->result = result;
	complete_all(&me->exited);
	raw_spin_lock_irq(&sched_lock);
	list_del(&me->task.tasks);
	raw_spin_unlock(&sched_lock);
	me->task.__state = TASK_DEAD;
	this_cpu_write(dead_task, me);
	schedule();
	unreachable();
}

static void task_start(void *from, void *data)
{
	struct emul_task *me;

	switched_from(data, from);
	me = emul_of(current);
	local_irq_enable();
	task_exit(me, me->fn(me->data));
}

static struct emul_task *create(int (*fn)(void *), void *data, const char *name)
{
	struct emul_task *t = kzalloc(sizeof(*t), GFP_KERNEL);
	unsigned long flags;

	t->stack = (char *)__get_free_pages(GFP_KERNEL, EMUL_STACK_ORDER);
	BUG_ON(!t->stack);
	emul_call(SEAM_MAP, SEAM_MAP_GUARD, t->stack, PAGE_SIZE, 0);
	t->fn = fn;
	t->data = data;
	t->cpu = t->home = smp_processor_id();
	t->task.__state = TASK_UNINTERRUPTIBLE;
	t->task.flags = PF_KTHREAD;
	t->task.stack = t->stack;
	t->task.cpus_ptr = cpu_possible_mask;
	t->task.real_cred = t->task.cred = &init_cred;
	t->task.group_leader = &t->task;
	refcount_set(&t->task.usage, 2);
	strscpy(t->task.comm, name, sizeof(t->task.comm));
	spin_lock_init(&t->task.alloc_lock);
	raw_spin_lock_init(&t->task.pi_lock);
	INIT_LIST_HEAD(&t->run);
	init_completion(&t->exited);
	raw_spin_lock_irqsave(&sched_lock, flags);
	t->task.pid = t->task.tgid = next_pid++;
	list_add_tail(&t->task.tasks, &all_tasks);
	raw_spin_unlock_irqrestore(&sched_lock, flags);
	t->context = seam_host_table.fiber_make(t->stack + (PAGE_SIZE << EMUL_STACK_ORDER),
						(PAGE_SIZE << EMUL_STACK_ORDER) - PAGE_SIZE, task_start);
	return t;
}

struct task_struct *kthread_create_on_node(int (*fn)(void *), void *data, int node, const char namefmt[], ...)
{
	char name[TASK_COMM_LEN];
	va_list args;

	EMUL("kernel threads are fibers");
	va_start(args, namefmt);
	vsnprintf(name, sizeof(name), namefmt, args);
	va_end(args);
	return &create(fn, data, name)->task;
}

struct task_struct *kthread_create_on_cpu(int (*fn)(void *), void *data, unsigned int cpu, const char *namefmt)
{
	EMUL("a small deterministic scheduler");
	struct task_struct *t = kthread_create_on_node(fn, data, 0, namefmt, cpu);

	emul_of(t)->home = cpu;
	return t;
}

int kthread_stop(struct task_struct *task)
{
	struct emul_task *t = emul_of(task);
	int result;

	EMUL("kernel threads are fibers");
	get_task_struct(task);
	t->should_stop = true;
	wake_up_process(task);
	wait_for_completion(&t->exited);
	result = t->result;
	put_task_struct(task);
	return result;
}

#ifdef EMUL_HAS_KTHREAD_STOP_PUT
int kthread_stop_put(struct task_struct *task)
{
	EMUL("a small deterministic scheduler");
	int result = kthread_stop(task);

	put_task_struct(task);
	return result;
}
#endif

bool kthread_should_stop(void) { EMUL("a small deterministic scheduler"); return emul_of(current)->should_stop; }
bool __kthread_should_park(struct task_struct *task) { EMUL("a small deterministic scheduler"); return emul_of(task)->should_park; }
bool kthread_should_park(void) { EMUL("a small deterministic scheduler"); return emul_of(current)->should_park; }
void *kthread_data(struct task_struct *task) { EMUL("a small deterministic scheduler"); return emul_of(task)->data; }
void *kthread_probe_data(struct task_struct *task) { EMUL("a small deterministic scheduler"); return emul_of(task)->data; }
void kthread_exit(long result) { EMUL("a small deterministic scheduler"); task_exit(emul_of(current), result); }

void kthread_set_per_cpu(struct task_struct *task, int cpu)
{
	EMUL("a small deterministic scheduler");
	if (cpu >= 0 && cpu < nr_cpu_ids)
		emul_of(task)->home = cpu;
}

void kthread_bind_mask(struct task_struct *task, const struct cpumask *mask)
{
	EMUL("a small deterministic scheduler");
	unsigned int cpu = cpumask_first_and(mask, cpu_online_mask);

	if (cpu < nr_cpu_ids)
		emul_of(task)->home = cpu;
}

void kthread_bind(struct task_struct *task, unsigned int cpu) { EMUL("a small deterministic scheduler"); kthread_set_per_cpu(task, cpu); }

int set_cpus_allowed_ptr(struct task_struct *task, const struct cpumask *mask)
{
	EMUL_IGNORE("irq threads stay where they were made");
	return 0;
}

bool set_freezable(void) { EMUL_IGNORE("nothing is ever frozen"); return false; }
void sched_set_fifo(struct task_struct *task) { EMUL_IGNORE("a small deterministic scheduler"); }
void set_user_nice(struct task_struct *task, long nice) { EMUL_IGNORE("a small deterministic scheduler"); }
void __set_task_comm(struct task_struct *task, const char *comm, bool exec)
{
	EMUL("a small deterministic scheduler");
	strscpy(task->comm, comm, sizeof(task->comm));
}

int emul_kthread_run(int (*fn)(void *), void *data, const char *name)
{
	struct emul_task *t = create(fn, data, name);

	wake_up_process(&t->task);
	return t->task.pid;
}

int idle_cpu(int cpu)
{
	EMUL("a small deterministic scheduler");
	return per_cpu(emul_current_task, cpu) == &per_cpu(cpu_idle, cpu)->task;
}

#ifdef EMUL_HAS_SCHED_TICK
void sched_tick(void) { EMUL_IGNORE("a small deterministic scheduler"); }
#else
void scheduler_tick(void) { EMUL_IGNORE("a small deterministic scheduler"); }
#endif
void account_process_tick(struct task_struct *task, int user) { EMUL_IGNORE("a small deterministic scheduler"); }
int get_nohz_timer_target(void) { EMUL("a small deterministic scheduler"); return smp_processor_id(); }
void wake_up_nohz_cpu(int cpu)
{
	EMUL("a small deterministic scheduler");
	if (cpu != smp_processor_id())
		emul_send_reschedule(cpu);
}

void show_stack(struct task_struct *task, unsigned long *sp, const char *loglvl) { EMUL_IGNORE("a small deterministic scheduler"); }
void dump_stack(void) { EMUL_IGNORE("the host prints symbolised backtraces"); }

/* The idle task: what remains of do_idle(). Interrupts off between the last look and SCHEDOP_block. */
void __noreturn emul_idle(void)
{
	local_irq_enable();
	for (;;) {
		local_irq_disable();
		/* First: the last grace period to end may leave callbacks to run here. */
		emul_rcu_idle(true);
		if (!need_resched() && !local_softirq_pending()) {
			emul_play_dead();
			emul_time_idle_enter();
			raw_safe_halt();
			local_irq_disable();
			emul_time_idle_exit();
		}
		emul_rcu_idle(false);
		local_irq_enable();
		if (local_softirq_pending())
			do_softirq();
		if (need_resched())
			schedule();
	}
}

/* What is to run on a vCPU that goes runs on vCPU 0 from now on; what runs there now leaves it at its next sleep. */
void emul_sched_leave(int cpu)
{
	struct task_struct *task;
	unsigned long flags;

	raw_spin_lock_irqsave(&sched_lock, flags);
	list_for_each_entry(task, &all_tasks, tasks) {
		struct emul_task *t = emul_of(task);

		if (t->home != cpu)
			continue;
		t->home = 0;
		if (t->queued && !t->on_cpu && t->cpu == cpu) {
			list_del_init(&t->run);
			t->queued = false;
			enqueue(t);
		}
	}
	raw_spin_unlock_irqrestore(&sched_lock, flags);
}

void emul_sched_init_cpu(int cpu, void *stack, unsigned long size)
{
	struct emul_task *idle = &idle_tasks[cpu];

	idle->task.flags = PF_IDLE | PF_KTHREAD;
	idle->task.pid = 0;
	idle->cpu = idle->home = cpu;
	idle->on_cpu = true;
	idle->task.cpus_ptr = cpu_possible_mask;
	idle->task.real_cred = idle->task.cred = &init_cred;
	refcount_set(&idle->task.usage, 2);
	raw_spin_lock_init(&idle->task.pi_lock);
	INIT_LIST_HEAD(&idle->run);
	snprintf(idle->task.comm, sizeof(idle->task.comm), "swapper/%d", cpu);
	INIT_LIST_HEAD(&per_cpu(run_list, cpu));
	per_cpu(cpu_idle, cpu) = idle;
	per_cpu(emul_current_task, cpu) = &idle->task;
	per_cpu(emul_cpu_number, cpu) = cpu;
}
