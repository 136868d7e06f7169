// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small pieces that the originals reach and that belong to no larger subsystem here: firmware queries that answer "no",
 * randomness from the scenario's seed, the root of sysfs.
 */
#include <linux/acpi.h>
#include <linux/async.h>
#include <linux/backing-dev-defs.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/dmi.h>
#include <linux/efi.h>
#include <linux/kernel_stat.h>
#include <linux/kernfs.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/pm_qos.h>
#include <linux/pm_runtime.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/screen_info.h>
#include <linux/security.h>
#include <linux/task_work.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <asm/e820/api.h>
#include <asm/hardirq.h>
#include <asm/irq_stack.h>
#include <asm/pci_x86.h>
#include <asm/processor.h>
#include <xen/balloon.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "emul.h"
#include "../../fs/kernfs/kernfs-internal.h"
#include "../../fs/sysfs/sysfs.h"
#include "../../drivers/pci/pci.h"

/* --- sysfs without a mount: fs/sysfs/mount.c and fs/kernfs/mount.c --- */
struct kmem_cache *kernfs_node_cache, *kernfs_iattrs_cache;
struct kernfs_node *sysfs_root_kn;
struct kernfs_global_locks *kernfs_locks;

void emul_sysfs_init(void)
{
	struct kernfs_root *root;
	int i;

	EMUL("the root of sysfs, without a filesystem on top");
	kernfs_node_cache = kmem_cache_create("kernfs_node_cache", sizeof(struct kernfs_node), 0, 0, NULL);
	kernfs_iattrs_cache = kmem_cache_create("kernfs_iattrs_cache", sizeof(struct kernfs_iattrs), 0, 0, NULL);
	kernfs_locks = kmalloc(sizeof(*kernfs_locks), GFP_KERNEL);
	for (i = 0; i < NR_KERNFS_LOCKS; i++)
		mutex_init(&kernfs_locks->open_file_mutex[i]);
	root = kernfs_create_root(NULL, KERNFS_ROOT_EXTRA_OPEN_PERM_CHECK, NULL);
	sysfs_root_kn = kernfs_root_to_node(root);
}

/* --- randomness: from the seed of the scenario (emul_seed=), never from the machine --- */
static u64 random_state;

void get_random_bytes(void *buffer, size_t length)
{
	u8 *p = buffer;

	EMUL("seeded randomness");
	if (!random_state) {
		const char *seed = emul_cmdline("emul_seed");

		random_state = (seed ? simple_strtoull(seed, NULL, 10) : 1) * 0x9e3779b97f4a7c15ULL | 1;
	}
	while (length--) {
		random_state ^= random_state << 13;
		random_state ^= random_state >> 7;
		random_state ^= random_state << 17;
		*p++ = random_state >> 32;
	}
}
bool rng_is_initialized(void) { EMUL_IGNORE("randomness: from the seed of the scenario (emul_seed=), never from the machine"); return true; }
#ifdef EMUL_HAS_HASHED_POINTER_RNG
int execute_with_initialized_rng(struct notifier_block *nb)
{
	EMUL("randomness: from the seed of the scenario (emul_seed=), never from the machine");
	nb->notifier_call(nb, 0, NULL);
	return 0;
}
#endif
void add_device_randomness(const void *buffer, size_t length) { EMUL_IGNORE("randomness comes from the scenario's seed alone"); }
#ifdef EMUL_HAS_HWRNG_SLEEP_AFTER
void add_hwgenerator_randomness(const void *buffer, size_t length, size_t entropy, bool sleep_after)
#else
void add_hwgenerator_randomness(const void *buffer, size_t length, size_t entropy)
#endif
{
	EMUL("randomness comes from the scenario's seed alone; the caller rests until the pool would want more");
	if (!kthread_should_stop())
		schedule_timeout_interruptible(60 * HZ);
}
void add_interrupt_randomness(int irq) { EMUL_IGNORE("randomness: from the seed of the scenario (emul_seed=), never from the machine"); }

/* --- interrupt stacks: softirqs of the original kernel/softirq.c run on them --- */
#ifndef EMUL_HAS_PCPU_HOT
DEFINE_PER_CPU(void *, hardirq_stack_ptr);
DEFINE_PER_CPU(bool, hardirq_stack_inuse);
#endif
DEFINE_PER_CPU_SHARED_ALIGNED(irq_cpustat_t, irq_stat);
DEFINE_PER_CPU(struct kernel_stat, kstat);
DEFINE_PER_CPU(struct kernel_cpustat, kernel_cpustat);

void emul_irq_stack_init(int cpu)
{
	per_cpu(emul_hardirq_stack_ptr, cpu) = (void *)__get_free_pages(GFP_KERNEL, 2) + (PAGE_SIZE << 2) - 8;
}

void ct_irq_enter(void) { EMUL_IGNORE("interrupt stacks: softirqs of the original kernel/softirq.c run on them"); }
void ct_irq_exit(void) { EMUL_IGNORE("interrupt stacks: softirqs of the original kernel/softirq.c run on them"); }
void ct_nmi_enter(void) { EMUL_IGNORE("interrupt stacks: softirqs of the original kernel/softirq.c run on them"); }
void ct_nmi_exit(void) { EMUL_IGNORE("interrupt stacks: softirqs of the original kernel/softirq.c run on them"); }

/* --- firmware: none --- */
int dmi_check_system(const struct dmi_system_id *list) { EMUL_IGNORE("no DMI table"); return 0; }
const struct dmi_device *dmi_find_device(int type, const char *name, const struct dmi_device *from) { EMUL_IGNORE("firmware: none"); return NULL; }
int dmi_get_bios_year(void) { EMUL_IGNORE("the platform is newer than every BIOS year that is asked about"); return 2019; }
const char *dmi_get_system_info(int field) { EMUL_IGNORE("firmware: none"); return NULL; }
int dmi_walk(void (*decode)(const struct dmi_header *, void *), void *private_data) { EMUL("firmware: none"); return -ENXIO; }
bool e820__mapped_all(u64 start, u64 end, enum e820_type type)
{
	EMUL("the ECAM range is reserved in the machine's e820");
	return type == E820_TYPE_RESERVED;
}
void e820__reserve_resources_late(void) { EMUL_IGNORE("firmware: none"); }
unsigned long pci_mem_start = 0xc0000000UL;
struct screen_info screen_info;

bool acpi_pci_bridge_d3(struct pci_dev *dev) { EMUL_IGNORE("firmware: none"); return false; }
bool acpi_pci_need_resume(struct pci_dev *dev) { EMUL_IGNORE("firmware: none"); return false; }
bool acpi_pci_power_manageable(struct pci_dev *dev) { EMUL_IGNORE("no ACPI power objects"); return false; }
pci_power_t acpi_pci_choose_state(struct pci_dev *pdev) { EMUL("firmware: none"); return PCI_POWER_ERROR; }
pci_power_t acpi_pci_get_power_state(struct pci_dev *dev) { EMUL("firmware: none"); return PCI_UNKNOWN; }
int acpi_pci_set_power_state(struct pci_dev *dev, pci_power_t state) { EMUL("firmware: none"); return -ENODEV; }
void acpi_pci_refresh_power_state(struct pci_dev *dev) { EMUL_IGNORE("firmware: none"); }
int acpi_pci_wakeup(struct pci_dev *dev, bool enable) { EMUL_IGNORE("firmware: none"); return 0; }
void acpi_pci_add_bus(struct pci_bus *bus) { EMUL_IGNORE("firmware: none"); }
void acpi_pci_remove_bus(struct pci_bus *bus) { EMUL_IGNORE("firmware: none"); }
int pci_acpi_program_hp_params(struct pci_dev *dev) { EMUL_IGNORE("no _HPP or _HPX"); return -ENODEV; }
bool pciehp_is_native(struct pci_dev *bridge) { EMUL_IGNORE("firmware: none"); return false; }
#ifdef EMUL_HAS_PRESERVE_CONFIG
bool pci_acpi_preserve_config(struct pci_host_bridge *bridge)
{
	EMUL_IGNORE("no _DSM: resources may be assigned anew");
	return false;
}
#endif
int pci_dev_acpi_reset(struct pci_dev *dev, bool probe) { EMUL("firmware: none"); return -ENOTTY; }
void pci_set_acpi_fwnode(struct pci_dev *dev) { EMUL_IGNORE("no ACPI companions"); }
struct irq_domain *pci_host_bridge_acpi_msi_domain(struct pci_bus *bus) { EMUL_IGNORE("firmware: none"); return NULL; }
bool is_acpi_device_node(const struct fwnode_handle *fwnode) { EMUL_IGNORE("firmware: none"); return false; }
bool arch_pci_dev_is_removable(struct pci_dev *pdev) { EMUL_IGNORE("firmware: none"); return false; }
void acpi_device_notify(struct device *dev) { EMUL_IGNORE("firmware: none"); }
void acpi_device_notify_remove(struct device *dev) { EMUL_IGNORE("firmware: none"); }
bool acpi_driver_match_device(struct device *dev, const struct device_driver *drv) { EMUL_IGNORE("firmware: none"); return false; }
int acpi_device_modalias(struct device *dev, char *buf, int size) { EMUL("firmware: none"); return -ENODEV; }
int acpi_device_uevent_modalias(EMUL_CONST_DEVICE struct device *dev, struct kobj_uevent_env *env) { EMUL("firmware: none"); return -ENODEV; }
enum dev_dma_attr acpi_get_dma_attr(struct acpi_device *adev) { EMUL("firmware: none, and DMA is coherent"); return DEV_DMA_COHERENT; }
int acpi_dma_configure_id(struct device *dev, enum dev_dma_attr attr, const u32 *id) { EMUL_IGNORE("firmware: none"); return 0; }
int acpi_dev_pm_attach(struct device *dev, bool power_on) { EMUL_IGNORE("firmware: none"); return 0; }
int acpi_ioapic_add(acpi_handle handle) { EMUL_IGNORE("firmware: none"); return 0; }

/* --- power management of devices: system sleep never happens --- */
void device_pm_add(struct device *dev) { EMUL_IGNORE("the system never sleeps"); }
void device_pm_remove(struct device *dev) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
void device_pm_check_callbacks(struct device *dev) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
void device_pm_lock(void) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
void device_pm_unlock(void) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
void device_pm_move_last(struct device *dev) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
void device_pm_move_after(struct device *a, struct device *b) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
void device_pm_move_before(struct device *a, struct device *b) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
void device_pm_sleep_init(struct device *dev)
{
	EMUL("power management of devices: system sleep never happens");
	dev->power.is_prepared = false;
	dev->power.is_suspended = false;
	init_completion(&dev->power.completion);
	complete_all(&dev->power.completion);
	INIT_LIST_HEAD(&dev->power.entry);
}
int dpm_sysfs_add(struct device *dev) { EMUL_IGNORE("no power attributes in sysfs"); return 0; }
void dpm_sysfs_remove(struct device *dev) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
void rpm_sysfs_remove(struct device *dev) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
int wakeup_sysfs_add(struct device *dev) { EMUL_IGNORE("power management of devices: system sleep never happens"); return 0; }
void device_set_wakeup_capable(struct device *dev, bool capable) { EMUL("power management of devices: system sleep never happens"); dev->power.can_wakeup = capable; }
void pm_wakeup_dev_event(struct device *dev, unsigned int msec, bool hard) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
void pm_system_irq_wakeup(unsigned int irq_number) { EMUL_IGNORE("power management of devices: system sleep never happens"); }
bool dev_pm_skip_suspend(struct device *dev) { EMUL_IGNORE("power management of devices: system sleep never happens"); return false; }
s32 __dev_pm_qos_resume_latency(struct device *dev) { EMUL("power management of devices: system sleep never happens"); return PM_QOS_RESUME_LATENCY_NO_CONSTRAINT; }
void xen_resume_notifier_register(struct notifier_block *nb) { EMUL_IGNORE("the domain is never suspended"); }
int register_reboot_notifier(struct notifier_block *nb) { EMUL_IGNORE("the domain is never rebooted"); return 0; }
int register_restart_handler(struct notifier_block *nb) { EMUL_IGNORE("the domain is never rebooted"); return 0; }
int unregister_restart_handler(struct notifier_block *nb) { EMUL_IGNORE("the domain is never rebooted"); return 0; }
int unregister_reboot_notifier(struct notifier_block *nb) { EMUL_IGNORE("power management of devices: system sleep never happens"); return 0; }
#ifdef EMUL_HAS_SHRINKER_ALLOC
struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
{
	EMUL("power management of devices: system sleep never happens");
	return kzalloc(sizeof(struct shrinker), GFP_KERNEL);
}
void shrinker_register(struct shrinker *shrinker) { EMUL_IGNORE("no memory pressure"); }
#else
int register_shrinker(struct shrinker *shrinker, const char *fmt, ...) { EMUL_IGNORE("no memory pressure"); return 0; }
#endif

/* --- devices: what drivers/base reaches of other subsystems --- */
bool dev_add_physical_location(struct device *dev) { EMUL_IGNORE("devices: what drivers/base reaches of other subsystems"); return false; }
const struct attribute_group dev_attr_physical_location_group;
void container_dev_init(void) { EMUL_IGNORE("devices: what drivers/base reaches of other subsystems"); }
void cpu_dev_init(void) { EMUL_IGNORE("devices: what drivers/base reaches of other subsystems"); }
async_cookie_t async_schedule_node(async_func_t func, void *data, int node)
{
	EMUL("asynchronous probing happens at once");
	func(data, 0);
	return 0;
}
#ifdef EMUL_HAS_ASYNC_NOCALL
bool async_schedule_dev_nocall(async_func_t func, struct device *dev)
{
	EMUL_IGNORE("asynchronous probing happens at once");
	return false;
}
#endif
void async_synchronize_full(void) { EMUL_IGNORE("devices: what drivers/base reaches of other subsystems"); }

/* --- rights: guest user space here is root --- */
bool ns_capable(struct user_namespace *ns, int cap) { EMUL_IGNORE("rights: guest user space here is root"); return true; }
bool file_ns_capable(const struct file *file, struct user_namespace *ns, int cap) { EMUL_IGNORE("rights: guest user space here is root"); return true; }
bool capable(int cap) { EMUL_IGNORE("rights: guest user space here is root"); return true; }

int task_work_add(struct task_struct *task, struct callback_head *work, enum task_work_notify_mode mode) { EMUL_IGNORE("no system calls to be interrupted"); return 0; }
struct callback_head *task_work_cancel_func(struct task_struct *task, task_work_func_t func) { EMUL_IGNORE("no system calls to be interrupted"); return NULL; }

