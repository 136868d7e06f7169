/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the kernels differ that the environment stands in: one feature, one name, one difference. This is the only
 * place that looks at a version; everybody else asks for a feature.
 *
 * Fixes are brought back in the middle of a family, and a tree of the user's may have any of them: no version tells,
 * the sources do. driver/probe_kernel.sh looks whether a line of a file matches an expression (grep -E), and defines the
 * features of these lines for every source of ours. Scenarios ask for them too, without EMUL_HAS_ (`when:`), so
 * KernelFeatures() of scenarios/scenario.cc has the same names.
 * probe: EMUL_HAS_IRQ_EVTCHN_FROM_VIRQ include/xen/events.h irq_evtchn_from_virq
 * probe: EMUL_HAS_MSI_FLAG_NO_MASK include/linux/msi.h MSI_FLAG_NO_MASK
 * probe: EMUL_HAS_PCIFRONT_AER_CHECKS drivers/pci/xen-pcifront.c if .*err_handler->mmio_enabled
 * probe: EMUL_HAS_VIRQ_ELSEWHERE drivers/xen/events/events_base.c exists \? -EEXIST
 */
#ifndef PVPCI_DRIVER_ENV_COMPAT_H
#define PVPCI_DRIVER_ENV_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define EMUL_HAS_ALLOC_NOPROF		/* allocators are called NAME_noprof, and NAME is a macro */
#define EMUL_HAS_APIC_FLAGS		/* apic_is_disabled and ioapic_is_disabled in place of disable_apic; mp_irq_entries is read */
#define EMUL_HAS_ARCH_RESCHEDULE	/* smp_send_reschedule() traces, arch_smp_send_reschedule() sends */
#define EMUL_HAS_ASYNC_NOCALL		/* async_schedule_dev_nocall() */
#define EMUL_HAS_BOOT_SWIOTLB		/* the bounce pool is made at boot only, if the memory map allows PCI */
#define EMUL_HAS_CACHE_ARGS		/* caches are made by __kmem_cache_create_args() */
#define EMUL_HAS_CACHE_BULK		/* the maple tree takes and gives nodes in bulk */
#define EMUL_HAS_CONSOLE_LIST		/* consoles are an hlist; BPF's redirection is not per CPU */
#define EMUL_HAS_CONST_DEVICES		/* what only looks at a device or bus takes it const */
#define EMUL_HAS_DEBUG_DMA_PAGES	/* dma_alloc_pages() has debug hooks of its own */
#define EMUL_HAS_DRM_DEVICE_DEBUG	/* DRM's debug messages name the device */
#define EMUL_HAS_FREE_RESERVED_PAGE	/* free_reserved_page() is a function */
#define EMUL_HAS_HASHED_POINTER_RNG	/* vsprintf.c waits for randomness by execute_with_initialized_rng() */
#define EMUL_HAS_HWRNG_SLEEP_AFTER	/* add_hwgenerator_randomness() is told whether to wait */
#define EMUL_HAS_KTHREAD_STOP_PUT	/* kthread_stop_put() */
#define EMUL_HAS_KVFREE_POINTER		/* kvfree_call_rcu() gets the object, not the callback */
#define EMUL_HAS_MAX_PAGE_ORDER		/* MAX_PAGE_ORDER is the largest order; MAX_ORDER was one more */
#define EMUL_HAS_NOP_FUNC		/* pv_ops' empty entries are nop_func and BUG_func */
#define EMUL_HAS_PCPU_HOT		/* current, preemption count, CPU number and irq stack share a cache line */
#define EMUL_HAS_PRESERVE_CONFIG	/* pci_acpi_preserve_config() */
#define EMUL_HAS_PRINTK_DEFERRED_ENTER	/* printk_deferred_enter() without printk_safe_enter() */
#define EMUL_HAS_SCHED_TICK		/* sched_tick() in place of scheduler_tick() */
#define EMUL_HAS_SHRINKER_ALLOC		/* shrinker_alloc() and shrinker_register() in place of register_shrinker() */
#define EMUL_HAS_SKB_DROP_SOCKET	/* kfree_skb_reason() is sk_skb_reason_drop() without a socket */
#define EMUL_HAS_SOFTIRQ_NO_ARGUMENT	/* softirq handlers take nothing */
#define EMUL_HAS_SWIOTLB_POOLS		/* a bounce buffer is several pools; the default one is inside struct io_tlb_mem */
#define EMUL_HAS_SYSFS_LLSEEK		/* binary attributes have an llseek */
#define EMUL_HAS_TIMER_MIGRATION	/* global timers move between vCPUs; going idle is a call of its own */
#define EMUL_HAS_TRY_TO_WAKE_UP_FLAGS	/* swait.c wakes through try_to_wake_up(task, state, flags) */
#define EMUL_HAS_VIRT_SPIN_DEFAULT_OFF	/* virt_spin_lock_key starts off, a PV guest leaves it so */
#define EMUL_HAS_WORKQUEUE_TOPOLOGY	/* workqueue_init_topology() after the CPUs are up */
#define EMUL_HAS_XATTR_FUNCTIONS	/* simple_xattrs_init() and _free() are functions */
#define EMUL_HAS_XEN_LAZY_MODE		/* lazy MMU mode is Xen's own, not a paravirt operation */
#else
#define EMUL_HAS_SUSPEND_STATS		/* suspend_stats is a global of the PM core */
#define EMUL_HAS_XEN_MMU_H		/* arch/x86/xen/mmu.h */
#endif

/* Name of an allocator's function. */
#ifdef EMUL_HAS_ALLOC_NOPROF
#define EMUL_ALLOC(name) name##_noprof
#define EMUL_GET_FREE_PAGES get_free_pages_noprof
#else
#define EMUL_ALLOC(name) name
#define EMUL_GET_FREE_PAGES __get_free_pages
#endif

/* Sizes that the page allocator has lists for: 2^0 pages up to the largest that it gives, 4 MiB. */
#ifdef EMUL_HAS_MAX_PAGE_ORDER
#define EMUL_PAGE_ORDERS (MAX_PAGE_ORDER + 1)
#else
#define EMUL_PAGE_ORDERS MAX_ORDER
#endif

/* Per-CPU variables of the task switch and of interrupt entry. */
#ifdef EMUL_HAS_PCPU_HOT
#define emul_cpu_number pcpu_hot.cpu_number
#define emul_current_task pcpu_hot.current_task
#define emul_hardirq_stack_ptr pcpu_hot.hardirq_stack_ptr
#define emul_preempt_count pcpu_hot.preempt_count
#else
#define emul_cpu_number cpu_number
#define emul_current_task current_task
#define emul_hardirq_stack_ptr hardirq_stack_ptr
#define emul_preempt_count __preempt_count
#endif

#ifdef EMUL_HAS_SOFTIRQ_NO_ARGUMENT
#define EMUL_SOFTIRQ_ARGUMENT void
#else
#define EMUL_SOFTIRQ_ARGUMENT struct softirq_action *action
#endif

#ifdef EMUL_HAS_ARCH_RESCHEDULE
#define emul_send_reschedule(cpu) arch_smp_send_reschedule(cpu)
#else
#define emul_send_reschedule(cpu) smp_send_reschedule(cpu)
#endif

/* Whether the command line forbids native graphics drivers. */
#ifdef EMUL_HAS_CONSOLE_LIST
#define EMUL_FIRMWARE_DRIVERS_ONLY video_firmware_drivers_only
#else
#define EMUL_FIRMWARE_DRIVERS_ONLY drm_firmware_drivers_only
#endif

/* The irq and the port of a virtual interrupt, -1 if it is not bound there. */
#ifdef EMUL_HAS_IRQ_EVTCHN_FROM_VIRQ
#define emul_irq_from_virq(cpu, virq, port) irq_evtchn_from_virq(cpu, virq, port)
#else
#define emul_irq_from_virq(cpu, virq, port) (*(port) = evtchn_from_irq(irq_from_virq(cpu, virq)), irq_from_virq(cpu, virq))
#endif

/* What scsi_host_alloc() takes. */
#ifdef EMUL_HAS_CONST_DEVICES
#define EMUL_CONST_TEMPLATE const
#else
#define EMUL_CONST_TEMPLATE
#endif

#ifdef EMUL_HAS_CONST_DEVICES
#define EMUL_CONST_DEVICE const
#else
#define EMUL_CONST_DEVICE
#endif

/* The default bounce pool of a device. */
#ifdef EMUL_HAS_SWIOTLB_POOLS
#define emul_pool_of(dev) (&(dev)->dma_io_tlb_mem->defpool)
#else
#define emul_pool_of(dev) ((dev)->dma_io_tlb_mem)
#endif

#endif /* PVPCI_DRIVER_ENV_COMPAT_H */
