// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for init/main.c, arch/x86/xen/enlighten_pv.c (xen_start_kernel), arch/x86/kernel/setup*.c: brings one domain
 * up in the kernel's order, then runs the originals' initcalls, then serves the host's work (sysfs writes, programs).
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/ftrace.h>
#include <linux/idr.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/percpu.h>
#include <linux/radix-tree.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>
#include <linux/vmalloc.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <asm/desc.h>
#include <asm/dma.h>
#include <asm/i8259.h>
#include <asm/iommu.h>
#include <asm/pci_x86.h>
#include <asm/processor.h>
#include <asm/sections.h>
#include <asm/setup.h>
#include <asm/x86_init.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/hypervisor.h>
#include <asm/xen/page.h>
#include <asm/xen/pci.h>
#include <xen/events.h>
#include <xen/features.h>
#include <xen/interface/callback.h>
#include <xen/interface/physdev.h>
#include <xen/interface/vcpu.h>
#include <xen/xen.h>
#include <xen/xen-ops.h>

#include "emul.h"
#include "../../arch/x86/xen/xen-ops.h"
#include "../../drivers/base/base.h"

/* arch/x86/xen/enlighten.c */
DEFINE_PER_CPU(struct vcpu_info *, xen_vcpu);
DEFINE_PER_CPU_ALIGNED(struct vcpu_info, xen_vcpu_info);
DEFINE_PER_CPU(uint32_t, xen_vcpu_id);
unsigned long *machine_to_phys_mapping;
unsigned long machine_to_phys_nr;
struct start_info *xen_start_info;
struct shared_info xen_dummy_shared_info;
struct shared_info *HYPERVISOR_shared_info = &xen_dummy_shared_info;
bool xen_have_vector_callback;
enum xen_domain_type xen_domain_type = XEN_NATIVE;
uint32_t xen_start_flags;

/* arch/x86 */
unsigned long page_offset_base, vmalloc_base, vmemmap_base, phys_base;
struct cpuinfo_x86 boot_cpu_data;
DEFINE_PER_CPU_READ_MOSTLY(struct cpuinfo_x86, cpu_info);
struct boot_params boot_params;
struct mem_section **mem_section;
static struct mem_section *section_root[1];
struct mm_struct init_mm = { .mm_users = ATOMIC_INIT(2), .mm_count = ATOMIC_INIT(1) };
pteval_t __default_kernel_pte_mask = ~0UL;
pteval_t __supported_pte_mask = ~0UL;
enum system_states system_state;
bool static_key_initialized = true;
bool initcall_debug;
unsigned int reset_devices;
struct user_namespace init_user_ns = { .ns.count = REFCOUNT_INIT(3) };
struct cred init_cred = { .usage = ATOMIC_INIT(4), .user_ns = &init_user_ns };
unsigned int nr_cpu_ids = SEAM_MAX_VCPUS;

unsigned long emul_image_start, emul_image_end;
extern char _text[], _end[];
extern char __per_cpu_start[], __per_cpu_end[], __per_cpu_load[];

/* --- per-CPU areas: vCPU 0 uses the image's own, the others copies of it as it was linked --- */
unsigned long __per_cpu_offset[NR_CPUS];
DEFINE_PER_CPU(unsigned long, this_cpu_off);
static char *pristine_percpu;
static unsigned long dynamic_used, dynamic_size = 64 << 10;
static char *dynamic_area[NR_CPUS];

void emul_percpu_init(void)
{
	unsigned long size = __per_cpu_end - __per_cpu_start;
	int cpu;

	pristine_percpu = alloc_pages_exact(size, GFP_KERNEL);
	memcpy(pristine_percpu, __per_cpu_start, size);
	/*
	 * Dynamic allocations live at the same distance from each vCPU's static area, so that a per-CPU pointer works
	 * for all: each vCPU has one run of pages, static copy first, then dynamic.
	 */
	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		char *area = alloc_pages_exact(ALIGN(size, PAGE_SIZE) + dynamic_size, GFP_KERNEL | __GFP_ZERO);

		memcpy(area, __per_cpu_start, size);
		__per_cpu_offset[cpu] = area - __per_cpu_start;
		dynamic_area[cpu] = area + ALIGN(size, PAGE_SIZE);
		per_cpu(this_cpu_off, cpu) = __per_cpu_offset[cpu];
		per_cpu(xen_vcpu_id, cpu) = cpu;
		per_cpu(emul_cpu_number, cpu) = cpu;
	}
}

#ifdef EMUL_HAS_ALLOC_NOPROF
void __percpu *pcpu_alloc_noprof(size_t size, size_t align, bool reserved, gfp_t gfp)
#else
void __percpu *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
#endif
{
	unsigned long at = ALIGN(dynamic_used, align);

	EMUL("per-CPU memory: a run per vCPU behind its static area");
	BUG_ON(at + size > dynamic_size);
	dynamic_used = at + size;
	return (void __percpu *)(dynamic_area[0] + at - __per_cpu_offset[0]);
}

#ifndef EMUL_HAS_ALLOC_NOPROF
void __percpu *__alloc_percpu(size_t size, size_t align) { EMUL("boot order of init/main.c and xen_start_kernel"); return __alloc_percpu_gfp(size, align, GFP_KERNEL); }
#endif
void free_percpu(void __percpu *p) { EMUL_IGNORE("per-CPU memory is not reused"); }

/* --- command line: "key=value" words --- */
const char *emul_cmdline(const char *key)
{
	const char *at = (const char *)xen_start_info->cmd_line, *end;
	size_t length = strlen(key);

	for (end = at; *end; at = end) {
		at = skip_spaces(at);
		end = at + strcspn(at, " ");
		if (!strncmp(at, key, length) && at[length] == '=')
			return at + length + 1;
	}
	return NULL;
}

/* --- shared_info and vcpu_info, as xen_setup_shared_info and xen_vcpu_setup do --- */
static void setup_shared_info(void)
{
	struct vm_struct *vm = get_vm_area(PAGE_SIZE, VM_MAP);

	BUG_ON(HYPERVISOR_update_va_mapping((unsigned long)vm->addr,
					    mfn_pte(PFN_DOWN(xen_start_info->shared_info), PAGE_KERNEL), UVMF_INVLPG));
	HYPERVISOR_shared_info = vm->addr;
}

static void setup_vcpu_info(int cpu)
{
	struct vcpu_register_vcpu_info info;
	struct vcpu_info *vcpup = &per_cpu(xen_vcpu_info, cpu);

	info.mfn = arbitrary_virt_to_mfn(vcpup);
	info.offset = offset_in_page(vcpup);
	BUG_ON(HYPERVISOR_vcpu_op(VCPUOP_register_vcpu_info, cpu, &info));
	per_cpu(xen_vcpu, cpu) = vcpup;
}

/* memory_map.c */
void emul_memory_map(void);
void emul_memory_setup(void);

void xen_vcpu_setup_all(void)
{
	EMUL("boot order of init/main.c and xen_start_kernel");
	int cpu;

	for_each_possible_cpu(cpu)
		setup_vcpu_info(cpu);
}

/* --- initcalls, by level as the kernel has them --- */
extern initcall_entry_t __initcall_start[], __initcall0_start[], __initcall1_start[], __initcall2_start[],
	__initcall3_start[], __initcall4_start[], __initcall5_start[], __initcall6_start[], __initcall7_start[],
	__initcall_end[];
static initcall_entry_t *levels[] = {
	__initcall_start, __initcall0_start, __initcall1_start, __initcall2_start, __initcall3_start,
	__initcall4_start, __initcall5_start, __initcall6_start, __initcall7_start, __initcall_end,
};

static void do_initcalls(int level, int end)
{
	initcall_entry_t *fn;

	for (fn = levels[level]; fn < levels[end]; fn++) {
		initcall_t call = initcall_from_entry(fn);

		(void)call();
		if (irqs_disabled())
			local_irq_enable();
	}
}

/* early_param and __setup from the command line: what parse_args does for the keys that the originals declare. */
extern const struct obs_kernel_param __setup_start[], __setup_end[];
extern const struct kernel_param __start___param[], __stop___param[];

static int unknown_option(char *param, char *val, const char *unused, void *arg)
{
	const struct obs_kernel_param *p;
	char text[128];

	snprintf(text, sizeof(text), "%s%s%s", param, val ? "=" : "", val ?: "");
	for (p = __setup_start; p < __setup_end; p++)
		if (!p->early && !strncmp(text, p->str, strlen(p->str)))
			return p->setup_func(text + strlen(p->str)) ? 0 : 0;
	return 0;
}

static int early_option(char *param, char *val, const char *unused, void *arg)
{
	const struct obs_kernel_param *p;

	for (p = __setup_start; p < __setup_end; p++)
		if (p->early && parameq(param, p->str))
			(void)p->setup_func(val);
	return 0;
}

static char command_line[1024];
char *saved_command_line = command_line;

static void parse_command_line(int (*unknown)(char *, char *, const char *, void *),
			       const struct kernel_param *params, unsigned int count)
{
	static char copy[1024];

	strscpy(copy, (char *)xen_start_info->cmd_line, sizeof(copy));
	parse_args("booting kernel", copy, params, count, -1, -1, NULL, unknown);
}

extern void __init x86_pci_arch_setup(void);

static int kernel_init(void *unused)
{
	do_initcalls(0, 1);	/* early ones: before there is a second vCPU */
	emul_smp_boot();
#ifdef EMUL_HAS_WORKQUEUE_TOPOLOGY
	workqueue_init_topology();
#endif
	emul_sysfs_init();
	driver_init();
	do_initcalls(1, ARRAY_SIZE(levels) - 1);
	system_state = SYSTEM_RUNNING;
	pr_info("pvpci: initcalls done\n");
	emul_work_init();
	return 0;
}

/* vCPU 0 enters here on the boot stack, with upcalls masked. */
__visible __used void __noreturn emul_boot(void *start_info)
{
	int cpu = 0, i;

	EMUL("boot order of init/main.c and xen_start_kernel");
	if (!start_info)
		emul_secondary_entry();
	xen_start_info = start_info;
	page_offset_base = seam_host_table.direct_map_base;
	vmalloc_base = seam_host_table.vmalloc_base;
	emul_image_start = (unsigned long)_text;
	emul_image_end = (unsigned long)_end;
	phys_base = 0;

	xen_domain_type = XEN_PV_DOMAIN;
	xen_start_flags = xen_start_info->flags;
	per_cpu(xen_vcpu, 0) = &xen_dummy_shared_info.vcpu_info[0];
	xen_dummy_shared_info.vcpu_info[0].evtchn_upcall_mask = 1;

	boot_cpu_data.x86_vendor = X86_VENDOR_INTEL;
	boot_cpu_data.x86_clflush_size = 64;
	boot_cpu_data.x86_cache_alignment = 64;
	boot_cpu_data.x86_phys_bits = 46;
	boot_cpu_data.x86_virt_bits = 48;
	boot_cpu_data.x86 = 6;
	boot_cpu_data.cpuid_level = -1;
	set_cpu_cap(&boot_cpu_data, X86_FEATURE_XENPV);
	set_cpu_cap(&boot_cpu_data, X86_FEATURE_CLFLUSH);
	set_cpu_cap(&boot_cpu_data, X86_FEATURE_NX);
	if (xen_initial_domain())
		set_cpu_cap(&boot_cpu_data, X86_FEATURE_APIC);	/* without it nobody reads the MADT */

	emul_memory_map();
	emul_page_alloc_init();
	mem_section = section_root;
	section_root[0] = (struct mem_section *)get_zeroed_page(GFP_KERNEL);
	for (i = 0; i < PAGE_SIZE / sizeof(struct mem_section) && i < 4; i++)
		section_root[0][i].section_mem_map = SECTION_IS_ONLINE | SECTION_HAS_MEM_MAP | SECTION_MARKED_PRESENT |
						     SECTION_IS_EARLY;	/* pfn_valid() of all */
	nr_cpu_ids = min_t(unsigned int, SEAM_MAX_VCPUS, emul_cmdline("emul_vcpus") ?
			   simple_strtoul(emul_cmdline("emul_vcpus"), NULL, 10) : 1);
	for (i = 0; i < nr_cpu_ids; i++) {
		set_cpu_possible(i, true);
		set_cpu_present(i, true);
	}
	set_cpu_online(cpu, true);
	set_cpu_active(cpu, true);
	emul_percpu_init();
	/* From here on the area of vCPU 0 is its copy: the host loads GS from __per_cpu_offset at every entry. */
	emul_call(SEAM_UDELAY, 0, 0, 0, 0);
	per_cpu(xen_vcpu, 0) = &xen_dummy_shared_info.vcpu_info[0];
	emul_sched_init_cpu(0, NULL, 0);
	preempt_disable();

	emul_paravirt_init();
	xen_setup_features();
	xen_setup_machphys_mapping();
	emul_vmalloc_init();
	xen_build_dynamic_phys_to_machine();
	emul_memory_setup();
	setup_shared_info();
	xen_vcpu_setup_all();
	this_cpu_read(xen_vcpu)->evtchn_upcall_mask = 1;

	/* As xen_pvmmu_arch_setup() does; the host enters by seam_guest.upcall, which this is. */
	BUG_ON(HYPERVISOR_callback_op(CALLBACKOP_register,
				      &(struct callback_register){ .type = CALLBACKTYPE_event,
								   .address = (unsigned long)seam_guest.upcall }));
	/* Rights to I/O ports, as xen_start_kernel asks for them: Xen checks the domain's ports, not the task's. */
	BUG_ON(HYPERVISOR_physdev_op(PHYSDEVOP_set_iopl, &(struct physdev_set_iopl){ .iopl = 1 }));
	x86_init.resources.probe_roms = x86_init_noop;
	x86_init.resources.reserve_resources = x86_init_noop;
	if (!xen_initial_domain())
		x86_init.pci.arch_init = pci_xen_init;
	else
		pci_request_acs();
	/* Early options come before anything reads them: "iommu=" and "swiotlb=" decide what mem_init() does next. */
	parse_command_line(early_option, NULL, 0);
	emul_acpi_init();
	/* On bare metal as pci_iommu_alloc() goes on outside a PV domain. */
	if (emul_bare_metal())
		detect_intel_iommu();
	else
		pci_iommu_alloc();
	parse_command_line(unknown_option, __start___param, __stop___param - __start___param);

	wait_bit_init();
	radix_tree_init();
	maple_tree_init();
	workqueue_init_early();
	emul_rcu_init();
	early_irq_init();
	init_IRQ();
	init_timers();
	for (i = 0; i < nr_cpu_ids; i++)
		emul_irq_stack_init(i);
	softirq_init();
	emul_time_init();
	this_cpu_write(emul_preempt_count, INIT_PREEMPT_COUNT & ~1);
	__this_cpu_write(emul_preempt_count, PREEMPT_NEED_RESCHED);
	local_irq_enable();
	system_state = SYSTEM_SCHEDULING;
	workqueue_init();
	emul_kthread_run(kernel_init, NULL, "init");
	emul_idle();
}

void init_IRQ(void) { EMUL("boot order of init/main.c and xen_start_kernel"); x86_init.irqs.intr_init(); }
