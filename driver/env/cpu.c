// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for kernel/cpu.c, kernel/smp.c and arch/x86/xen/smp*.c: CPU masks, hotplug callbacks, cross calls. vCPUs come
 * up through VCPUOP_initialise and VCPUOP_up; reschedule and cross-call interrupts are IPI event channels bound through
 * the real events code.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/smpboot.h>
#include <linux/workqueue.h>
#include <linux/kthread.h>
#include <linux/completion.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/hypervisor.h>
#include <asm/xen/page.h>
#include <xen/events.h>
#include <xen/interface/vcpu.h>
#include <xen/xen-ops.h>

#include "emul.h"

struct cpumask __cpu_possible_mask, __cpu_online_mask, __cpu_present_mask, __cpu_active_mask, __cpu_dying_mask;
atomic_t __num_online_cpus;
const DECLARE_BITMAP(cpu_all_bits, NR_CPUS) = CPU_BITS_ALL;
#define MASK_DECLARE_1(x)	[x + 1][0] = (1UL << (x))
#define MASK_DECLARE_2(x)	MASK_DECLARE_1(x), MASK_DECLARE_1(x + 1)
#define MASK_DECLARE_4(x)	MASK_DECLARE_2(x), MASK_DECLARE_2(x + 2)
#define MASK_DECLARE_8(x)	MASK_DECLARE_4(x), MASK_DECLARE_4(x + 4)
const unsigned long cpu_bit_bitmap[BITS_PER_LONG + 1][BITS_TO_LONGS(NR_CPUS)] = {
	MASK_DECLARE_8(0), MASK_DECLARE_8(8), MASK_DECLARE_8(16), MASK_DECLARE_8(24),
	MASK_DECLARE_8(32), MASK_DECLARE_8(40), MASK_DECLARE_8(48), MASK_DECLARE_8(56),
};

void set_cpu_online(unsigned int cpu, bool online)
{
	EMUL("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c");
	if (online) {
		if (!cpumask_test_and_set_cpu(cpu, &__cpu_online_mask))
			atomic_inc(&__num_online_cpus);
	} else if (cpumask_test_and_clear_cpu(cpu, &__cpu_online_mask)) {
		atomic_dec(&__num_online_cpus);
	}
}

void cpus_read_lock(void) { EMUL_IGNORE("nobody looks while a vCPU comes or goes"); }
void cpus_read_unlock(void) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); }
int cpus_read_trylock(void) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); return true; }
void cpus_write_lock(void) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); }
void cpus_write_unlock(void) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); }
void lockdep_assert_cpus_held(void) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); }
void cpu_hotplug_disable(void) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); }
void cpu_hotplug_enable(void) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); }

/* --- hotplug states: prepare and online callbacks run for every vCPU that is or comes up, in order of state --- */
#define MAX_STATES 48
static struct {
	enum cpuhp_state state;
	int (*startup)(unsigned int cpu);
	int (*teardown)(unsigned int cpu);
} states[MAX_STATES];
static int state_count;
static int next_dynamic = CPUHP_AP_ONLINE_DYN;

int __cpuhp_setup_state_cpuslocked(enum cpuhp_state state, const char *name, bool invoke,
				   int (*startup)(unsigned int cpu), int (*teardown)(unsigned int cpu),
				   bool multi_instance)
{
	int cpu, rc, result = 0;

	EMUL("hotplug callbacks in order of their states");
	if (state == CPUHP_AP_ONLINE_DYN)
		result = state = next_dynamic++;
	BUG_ON(state_count == MAX_STATES);
	states[state_count].state = state;
	states[state_count].teardown = multi_instance ? NULL : teardown;
	states[state_count++].startup = multi_instance ? NULL : startup;
	if (invoke && startup && !multi_instance)
		for_each_online_cpu(cpu) {
			rc = startup(cpu);
			if (rc)
				return rc;
		}
	return result;
}

int __cpuhp_setup_state(enum cpuhp_state state, const char *name, bool invoke, int (*startup)(unsigned int cpu),
			int (*teardown)(unsigned int cpu), bool multi_instance)
{
	EMUL("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c");
	return __cpuhp_setup_state_cpuslocked(state, name, invoke, startup, teardown, multi_instance);
}

int __cpuhp_state_add_instance(enum cpuhp_state state, struct hlist_node *node, bool invoke)
{
	EMUL_IGNORE("no state with instances is torn down: vCPUs go without kernel/cpu.c");
	return 0;
}

int __cpuhp_state_remove_instance(enum cpuhp_state state, struct hlist_node *node, bool invoke)
{
	EMUL_IGNORE("no state with instances is torn down: vCPUs go without kernel/cpu.c");
	return 0;
}

void __cpuhp_remove_state(enum cpuhp_state state, bool invoke)
{
	EMUL_IGNORE("hotplug callbacks run at boot only");
}

/* The startup or teardown callbacks of the states from `first` up to before `end`, ascending or descending. */
static void run_states(unsigned int cpu, enum cpuhp_state first, enum cpuhp_state end, bool down)
{
	bool done[MAX_STATES] = { };
	int i, j, pick;

	for (i = 0; i < state_count; i++) {
		int (*callback)(unsigned int cpu);

		pick = -1;
		for (j = 0; j < state_count; j++)
			if (!done[j] && (pick < 0 || (down ? states[j].state > states[pick].state :
						      states[j].state < states[pick].state)))
				pick = j;
		done[pick] = true;
		callback = down ? states[pick].teardown : states[pick].startup;
		if (callback && states[pick].state >= first && states[pick].state < end)
			(void)callback(cpu);
	}
}

/* --- IPIs --- */
enum { IPI_RESCHEDULE, IPI_CALL, IPI_COUNT };
static DEFINE_PER_CPU(int[IPI_COUNT], ipi_irq);
static DEFINE_PER_CPU(struct llist_head, call_queue);

static void send_reschedule(int cpu)
{
	notify_remote_via_irq(per_cpu(ipi_irq, cpu)[IPI_RESCHEDULE]);
}

struct smp_ops smp_ops = { .smp_send_reschedule = send_reschedule };

static irqreturn_t reschedule_interrupt(int irq, void *dev)
{
	return IRQ_HANDLED;
}

static irqreturn_t call_interrupt(int irq, void *dev)
{
	struct llist_node *node = llist_reverse_order(llist_del_all(this_cpu_ptr(&call_queue))), *next;

	for (; node; node = next) {
		call_single_data_t *csd = container_of((struct __call_single_node *)node, call_single_data_t, node);
		smp_call_func_t func = csd->func;
		void *info = csd->info;
		unsigned int sync = csd->node.u_flags & CSD_TYPE_SYNC;

		next = node->next;
		if (!sync)
			smp_store_release(&csd->node.u_flags, 0);
		func(info);
		if (sync)
			smp_store_release(&csd->node.u_flags, 0);
	}
	return IRQ_HANDLED;
}

void __smp_call_single_queue(int cpu, struct llist_node *node)
{
	EMUL("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c");
	if (llist_add(node, &per_cpu(call_queue, cpu)))
		notify_remote_via_irq(per_cpu(ipi_irq, cpu)[IPI_CALL]);
}

int smp_call_function_single(int cpu, smp_call_func_t func, void *info, int wait)
{
	call_single_data_t csd = { .func = func, .info = info };
	unsigned long flags;

	EMUL("cross calls over IPI event channels");
	if (cpu == smp_processor_id()) {
		local_irq_save(flags);
		func(info);
		local_irq_restore(flags);
		return 0;
	}
	csd.node.u_flags = CSD_TYPE_SYNC | CSD_FLAG_LOCK;
	__smp_call_single_queue(cpu, &csd.node.llist);
	while (smp_load_acquire(&csd.node.u_flags))
		cpu_relax();
	return 0;
}

int smp_call_function_single_async(int cpu, struct __call_single_data *csd)
{
	EMUL("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c");
	__smp_call_single_queue(cpu, &csd->node.llist);
	return 0;
}

void on_each_cpu_cond_mask(smp_cond_func_t cond, smp_call_func_t func, void *info, bool wait, const struct cpumask *mask)
{
	EMUL("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c");
	int cpu;

	for_each_cpu_and(cpu, mask, cpu_online_mask)
		if (!cond || cond(cpu, info))
			smp_call_function_single(cpu, func, info, wait);
}

void smp_call_function_many(const struct cpumask *mask, smp_call_func_t func, void *info, bool wait)
{
	EMUL("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c");
	int cpu;

	for_each_cpu_and(cpu, mask, cpu_online_mask)
		if (cpu != smp_processor_id())
			smp_call_function_single(cpu, func, info, wait);
}

static void bind_ipis(int cpu)
{
	static const char *const name[IPI_COUNT] = { "resched", "callfunc" };
	static irq_handler_t handler[IPI_COUNT] = { reschedule_interrupt, call_interrupt };
	static const enum ipi_vector vector[IPI_COUNT] = { XEN_RESCHEDULE_VECTOR, XEN_CALL_FUNCTION_VECTOR };
	int i;

	for (i = 0; i < IPI_COUNT; i++) {
		int irq = bind_ipi_to_irqhandler(vector[i], cpu, handler[i], IRQF_PERCPU | IRQF_NOBALANCING,
						 name[i], NULL);

		BUG_ON(irq < 0);
		per_cpu(ipi_irq, cpu)[i] = irq;
	}
}

/* --- secondary vCPUs --- */
static struct completion online[SEAM_MAX_VCPUS];

static void __noreturn secondary(int cpu)
{
	run_states(cpu, CPUHP_BRINGUP_CPU, CPUHP_AP_ONLINE, false);
	set_cpu_online(cpu, true);
	set_cpu_active(cpu, true);
	emul_time_init();
	local_irq_enable();
	run_states(cpu, CPUHP_AP_ONLINE, CPUHP_ONLINE, false);
	__this_cpu_write(emul_preempt_count, PREEMPT_NEED_RESCHED);
	complete(&online[cpu]);
	emul_idle();
}

/* The host enters a secondary vCPU here, GS already on its own area; xen_vcpu_id says which it is. */
void __noreturn emul_secondary_entry(void)
{
	secondary(this_cpu_read(emul_cpu_number));
}

static EMUL_ENTRY void __noreturn enter_secondary(void)
{
	emul_clock_load();
	emul_secondary_entry();
}

/* The hypervisor keeps the start context of a vCPU that went down, and starts it there again. */
static void initialise(unsigned int cpu)
{
	struct vcpu_guest_context *context = kzalloc(sizeof(*context), GFP_KERNEL);
	char *stack = (char *)__get_free_pages(GFP_KERNEL, 3);

	context->user_regs.rip = (unsigned long)enter_secondary;
	context->user_regs.rsp = (unsigned long)stack + (PAGE_SIZE << 3);
	context->flags = VGCF_IN_KERNEL;
	context->ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn(init_mm.pgd));
	BUG_ON(HYPERVISOR_vcpu_op(VCPUOP_initialise, cpu, context));
	kfree(context);
}

static void bring_up(unsigned int cpu, bool first)
{
	emul_sched_init_cpu(cpu, NULL, 0);
	per_cpu(emul_preempt_count, cpu) = INIT_PREEMPT_COUNT;
	init_llist_head(&per_cpu(call_queue, cpu));
	bind_ipis(cpu);
	init_completion(&online[cpu]);
	run_states(cpu, CPUHP_OFFLINE, CPUHP_BRINGUP_CPU, false);
	workqueue_prepare_cpu(cpu);
	if (first)
		initialise(cpu);
	else
		timers_prepare_cpu(cpu);
	per_cpu(xen_vcpu, cpu)->evtchn_upcall_mask = 1;	/* until it is idle, as cpu_bringup() has it */
	BUG_ON(HYPERVISOR_vcpu_op(VCPUOP_up, cpu, NULL));
	wait_for_completion(&online[cpu]);
	/* The states of kernel/cpu.c's own table; the first tasks of its workers follow it to this vCPU. */
	workqueue_online_cpu(cpu);
	irq_affinity_online_cpu(cpu);
}

void emul_smp_boot(void)
{
	unsigned int cpu;

	EMUL("secondary vCPUs through VCPUOP_initialise and VCPUOP_up");
	bind_ipis(0);
	for_each_possible_cpu(cpu)
		if (cpu != 0)
			bring_up(cpu, true);
}

/* --- a vCPU goes, as _cpu_down() and xen_pv_cpu_die() have it, and comes back --- */
static DEFINE_PER_CPU(bool, dying);

/* Runs on the vCPU that goes, in task context: its online states, its workers, its interrupts. */
static int leave(void *left)
{
	unsigned int cpu = smp_processor_id();
	unsigned long flags;

	set_cpu_active(cpu, false);
	run_states(cpu, CPUHP_BRINGUP_CPU, CPUHP_ONLINE, true);
	workqueue_offline_cpu(cpu);
	local_irq_save(flags);
	set_cpu_online(cpu, false);
	irq_migrate_all_off_this_cpu();
	this_cpu_write(dying, true);
	local_irq_restore(flags);
	complete(left);
	return 0;
}

void irq_force_complete_move(struct irq_desc *desc) { EMUL_IGNORE("Xen's irqs are in no local APIC's vector domain"); }

/* Called by the idle task with interrupts off; does not return on a vCPU that goes. */
void emul_play_dead(void)
{
	if (this_cpu_read(dying))
		(void)HYPERVISOR_vcpu_op(VCPUOP_down, smp_processor_id(), NULL);
}

int remove_cpu(unsigned int cpu)
{
	DECLARE_COMPLETION_ONSTACK(left);
	struct task_struct *task;
	int i;

	EMUL("vCPUs go through VCPUOP_down without kernel/cpu.c");
	if (cpu == 0 || cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	task = kthread_create_on_cpu(leave, &left, cpu, "leave/%u");
	wake_up_process(task);
	wait_for_completion(&left);
	while (HYPERVISOR_vcpu_op(VCPUOP_is_up, cpu, NULL) > 0) {
		emul_sched_leave(cpu);
		schedule_timeout_uninterruptible(1);
	}
	for (i = 0; i < IPI_COUNT; i++)
		unbind_from_irqhandler(per_cpu(ipi_irq, cpu)[i], NULL);
	emul_time_leave(cpu);
	timers_dead_cpu(cpu);
	run_states(cpu, CPUHP_OFFLINE, CPUHP_BRINGUP_CPU, true);
	return 0;
}

int add_cpu(unsigned int cpu)
{
	EMUL("vCPUs come back through VCPUOP_up without kernel/cpu.c");
	if (cpu >= nr_cpu_ids || cpu_online(cpu))
		return -EINVAL;
	per_cpu(dying, cpu) = false;
	bring_up(cpu, false);
	return 0;
}

int smpboot_register_percpu_thread(struct smp_hotplug_thread *thread)
{
	EMUL_IGNORE("ksoftirqd: softirqs that do not fit in the irq exit run in idle");
	return 0;
}
void smpboot_unregister_percpu_thread(struct smp_hotplug_thread *thread) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); }

#ifdef EMUL_HAS_WORKQUEUE_TOPOLOGY
bool cpus_share_cache(int this_cpu, int that_cpu) { EMUL_IGNORE("vCPUs have no caches of their own"); return true; }
#endif

const struct cpumask *housekeeping_cpumask(enum hk_type type) { EMUL("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); return cpu_possible_mask; }
bool housekeeping_enabled(enum hk_type type) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); return false; }
bool housekeeping_test_cpu(int cpu, enum hk_type type) { EMUL_IGNORE("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); return true; }
int housekeeping_any_cpu(enum hk_type type) { EMUL("CPU masks, hotplug callbacks and cross calls without kernel/cpu.c and kernel/smp.c"); return smp_processor_id(); }
