/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulated kernel environment: what every file in this folder shares.
 *
 * An emulated function stands for a kernel subsystem that is scenery here (design.md 1). It says why it exists with
 * EMUL("why"); a harmless function that does nothing says so with EMUL_IGNORE("why"). Both count their calls in a
 * table that the host reads at the end of the run, so that a result lists what was not the original.
 */
#ifndef PVPCI_DRIVER_ENV_EMUL_H
#define PVPCI_DRIVER_ENV_EMUL_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "driver/env/compat.h"
#include "driver/seam/seam.h"

struct emul_counter {
	const char *function;
	const char *kind;	/* "emulated" or "dummy" */
	const char *why;
	u64 calls;
};

#define EMUL_COUNT(kind_, why_)								\
	do {										\
		static struct emul_counter __used __section("emul_counters") emul_c = {	\
			__func__, kind_, why_, 0 };					\
		emul_c.calls++;								\
	} while (0)
#define EMUL(why) EMUL_COUNT("emulated", why)
#define EMUL_IGNORE(why) EMUL_COUNT("dummy", why)

extern struct seam_host_table seam_host_table;
extern struct seam_clock emul_clock;
extern struct seam_guest_table seam_guest;

/* The countdown is in xmm15 while guest code runs (seam.h). */
static __always_inline void emul_clock_load(void)
{
	asm volatile("movq %0, %%xmm15" : : "m"(emul_clock.countdown));
}

static __always_inline void emul_clock_store(void)
{
	asm volatile("movq %%xmm15, %0" : "=m"(emul_clock.countdown));
}

static __always_inline seam_u64 emul_host(seam_u32 op, seam_u64 a0, seam_u64 a1, seam_u64 a2, seam_u64 a3, seam_u64 a4,
					  seam_u64 a5)
{
	seam_u64 result;

	emul_clock_store();
	result = seam_host_table.call(op, a0, a1, a2, a3, a4, a5);
	emul_clock_load();
	return result;
}

#define emul_call(op, a0, a1, a2, a3)							\
	emul_host(op, (seam_u64)(a0), (seam_u64)(a1), (seam_u64)(a2), (seam_u64)(a3), 0, 0)

/* Of functions that the host calls: without a guard, for the countdown is not in its register yet. */
#define EMUL_ENTRY __attribute__((no_sanitize("coverage")))

/* Ends the domain: a symbol that nobody supplies was reached. */
void __noreturn emul_stop(const char *symbol, void *caller);
#define EMUL_STOP() emul_stop(__func__, __builtin_return_address(0))

/* Local time of this vCPU in ps. */
static inline u64 emul_now_ps(void)
{
	emul_clock_store();
	return emul_clock.deadline_ps - emul_clock.countdown;
}

/* Boot order is written once, in start.c. */
bool emul_bare_metal(void);	/* no hypervisor manages the IOMMU */
void emul_page_alloc_init(void);
void emul_percpu_init(void);
void emul_paravirt_init(void);
void emul_sched_init(void);
void emul_sched_init_cpu(int cpu, void *stack, unsigned long size);
void emul_sched_leave(int cpu);
void emul_play_dead(void);
void emul_time_leave(int cpu);
void emul_rcu_init(void);
void emul_time_init(void);
void emul_vmalloc_init(void);
void emul_sysfs_init(void);
void emul_work_init(void);
void emul_acpi_init(void);
void emul_irq_stack_init(int cpu);
void emul_smp_boot(void);
void __noreturn emul_secondary_entry(void);
void emul_cpuhp_online(unsigned int cpu);

/* sched.c */
struct task_struct;
void *emul_percpu_alloc_area(int cpu);
void __noreturn emul_idle(void);
void emul_rcu_note_qs(void);
void emul_rcu_idle(bool idle);
bool emul_rcu_irq_enter(void);
void emul_rcu_irq_exit(bool idle);
int emul_kthread_run(int (*fn)(void *), void *data, const char *name);

/* irqs_off.c */
void emul_irqs_off(bool upcall);
void emul_irqs_on(void);

/* time.c */
u64 emul_hr_next(void);
void emul_time_idle_enter(void);
void emul_time_idle_exit(void);

/* setup.c */
extern unsigned long emul_image_start, emul_image_end;
const char *emul_cmdline(const char *key);

/* page_alloc.c */
unsigned long emul_free_pages(void);

/* sysfs and programs */
int emul_sysfs_rw(const char *path, char *buffer, int length, bool write);
int emul_program(int argc, char **argv);

#endif /* PVPCI_DRIVER_ENV_EMUL_H */
