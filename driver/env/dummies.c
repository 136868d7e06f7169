// SPDX-License-Identifier: GPL-2.0-only
/* Harmless functions and data that the originals name and that do nothing here; each says why. */
#include <linux/acpi.h>
#include <linux/backing-dev-defs.h>
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/io.h>
#include <linux/irqdomain.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/mount.h>
#include <linux/device.h>
#include <linux/pseudo_fs.h>
#include <linux/pci.h>
#include <linux/pci-acpi.h>
#include <linux/static_key.h>
#include <linux/suspend.h>
#include <linux/time.h>
#include <linux/vmalloc.h>
#include <linux/xattr.h>
#include <asm/apic.h>
#include <asm/hw_irq.h>
#include <asm/io_apic.h>
#include <asm/pci_x86.h>
#include <asm/tlbflush.h>
#include <asm/xen/events.h>

#include "emul.h"

/* Cross-table data of subsystems that are absent. */
struct apic *apic;
struct irq_domain *x86_vector_domain;
DEFINE_PER_CPU(vector_irq_t, vector_irq);
DEFINE_PER_CPU_SHARED_ALIGNED(struct tlb_state, cpu_tlbstate);
DEFINE_PER_CPU_READ_MOSTLY(cpumask_var_t, cpu_sibling_map);
int x2apic_mode, smp_found_config, apic_verbosity;
#ifdef EMUL_HAS_APIC_FLAGS
bool apic_is_disabled;
#else
int disable_apic;
#endif
atomic_t irq_err_count;
bool port_cf9_safe;
unsigned int freeze_timeout_msecs = 20000;
#ifdef EMUL_HAS_SUSPEND_STATS
struct suspend_stats suspend_stats;
#endif
struct backing_dev_info noop_backing_dev_info;
EMUL_CONST_DEVICE struct device_type part_type;
EMUL_CONST_DEVICE struct class block_class;
const struct address_space_operations ram_aops;
const struct trace_print_flags pageflag_names[] = { { 0, NULL } };
const struct trace_print_flags vmaflag_names[] = { { 0, NULL } };
const struct trace_print_flags gfpflag_names[] = { { 0, NULL } };
#ifdef EMUL_HAS_VIRT_SPIN_DEFAULT_OFF
DEFINE_STATIC_KEY_FALSE(virt_spin_lock_key);
#else
DEFINE_STATIC_KEY_TRUE(virt_spin_lock_key);
#endif
int file_caps_enabled;
bool xen_percpu_upcall;
const guid_t pci_acpi_dsm_guid;

/* Boot page tables of a start that does not happen here: the domain builder's are the kernel's from the beginning. */
pgd_t init_top_pgt[PTRS_PER_PGD];
pmd_t level2_kernel_pgt[PTRS_PER_PMD];

/* The hypervisor checks cache attributes; the protection value only has to say "uncached". */
unsigned long cachemode2protval(enum page_cache_mode pcm)
{
	EMUL_IGNORE("no page attribute table: device memory is uncached");
	return pcm == _PAGE_CACHE_MODE_WB ? 0 : _PAGE_PCD | _PAGE_PWT;
}
bool pat_enabled(void) { EMUL_IGNORE("a subsystem that is absent here"); return false; }
pgprot_t pgprot_writecombine(pgprot_t prot) { EMUL("a subsystem that is absent here"); return prot; }
int set_memory_encrypted(unsigned long addr, int numpages) { EMUL_IGNORE("no memory encryption"); return 0; }
int set_memory_decrypted(unsigned long addr, int numpages) { EMUL_IGNORE("no memory encryption"); return 0; }

/*
 * Page tables are typed frames from the start here, so mmu_pv.c's boot-time xen_set_pte_init must take its hypercall
 * branch for every entry, as xen_set_pte does once xen_pagetable_init has run.
 */
bool is_early_ioremap_ptep(pte_t *ptep)
{
	EMUL_IGNORE("every page table entry is written by hypercall, from the first on");
	return true;
}

void *memremap(resource_size_t offset, size_t size, unsigned long flags)
{
	EMUL("RAM is in the direct map");
	return __va(offset);
}
void memunmap(void *addr) { EMUL_IGNORE("a subsystem that is absent here"); }
void vfree(const void *addr) { EMUL_IGNORE("large allocations are not given back"); }

void hrtimer_init(struct hrtimer *timer, clockid_t clock_id, enum hrtimer_mode mode)
{
	EMUL_IGNORE("runtime power management sets up timers that it never starts here");
}
int hrtimer_cancel(struct hrtimer *timer) { EMUL_IGNORE("a subsystem that is absent here"); return 0; }
int hrtimer_try_to_cancel(struct hrtimer *timer) { EMUL_IGNORE("a subsystem that is absent here"); return 0; }

void ack_bad_irq(unsigned int irq) { EMUL("a subsystem that is absent here"); pr_err("unexpected IRQ trap at irq %02x\n", irq); }
void __copy_overflow(int size, unsigned long count) { EMUL("a subsystem that is absent here"); pr_err("copy overflow: %d < %lu\n", size, count); }
bool pm_get_wakeup_count(unsigned int *count, bool block) { EMUL_IGNORE("a subsystem that is absent here"); return false; }
bool pm_save_wakeup_count(unsigned int count) { EMUL_IGNORE("a subsystem that is absent here"); return false; }
void pm_print_active_wakeup_sources(void) { EMUL_IGNORE("a subsystem that is absent here"); }
int bdi_init(struct backing_dev_info *bdi) { EMUL_IGNORE("a subsystem that is absent here"); return 0; }
void unmap_mapping_range(struct address_space *mapping, loff_t const hb, loff_t const hl, int even) { EMUL_IGNORE("a subsystem that is absent here"); }

#ifdef EMUL_HAS_XATTR_FUNCTIONS
void simple_xattrs_init(struct simple_xattrs *xattrs) { EMUL("a subsystem that is absent here"); xattrs->rb_root = RB_ROOT; }
void simple_xattrs_free(struct simple_xattrs *xattrs, size_t *freed) { EMUL_IGNORE("sysfs files have no xattrs"); }
#endif
#ifdef EMUL_HAS_SYSFS_LLSEEK
loff_t fixed_size_llseek(struct file *file, loff_t offset, int whence, loff_t size) { EMUL_STOP(); }
#endif
void dump_stack_lvl(const char *level) { EMUL_IGNORE("the host prints symbolised backtraces"); }

/* kernel/resource.c pins a pseudo filesystem for /dev/mem, which is not there. */
int simple_pin_fs(struct file_system_type *type, struct vfsmount **mount, int *count)
{
	EMUL_IGNORE("no pseudo filesystem behind iomem");
	return -ENODEV;
}
