/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The seam: everything that crosses between a guest image (kernel C, driver/env) and the host (C++).
 * Plain C types only. Host files include no kernel header, guest files no C++.
 *
 * Three symbols of the image are looked up by name by the loader: seam_guest (entry points and shared state),
 * seam_host_table (filled by the loader before the first entry), and the kernel's own symbols for backtraces.
 */
#ifndef PVPCI_DRIVER_SEAM_H
#define PVPCI_DRIVER_SEAM_H

#define SEAM_VERSION 2u
#define SEAM_MAX_VCPUS 8

typedef unsigned long long seam_u64;
typedef long long seam_s64;
typedef unsigned int seam_u32;
typedef unsigned short seam_u16;
typedef unsigned char seam_u8;

/* Requests that leave the guest's stack: the guest fiber jumps to its vCPU's host stack, which answers. */
enum seam_op {
	SEAM_HYPERCALL = 1,	/* arg[0] nr, arg[1..5]; result */
	SEAM_MMIO_READ,		/* arg[0] va, arg[1] size; result */
	SEAM_MMIO_WRITE,	/* arg[0] va, arg[1] size, arg[2] value */
	SEAM_PORT_READ,		/* arg[0] port, arg[1] size; result */
	SEAM_PORT_WRITE,	/* arg[0] port, arg[1] size, arg[2] value */
	SEAM_DEADLINE,		/* the countdown ran out: let simulated time catch up */
	SEAM_UDELAY,		/* arg[0] picoseconds that pass */
	SEAM_LOG,		/* arg[0] level 0..7, arg[1] text, arg[2] length */
	SEAM_STOP,		/* arg[0] enum seam_stop, arg[1] text, arg[2] caller pc; never returns */
	SEAM_DMA,		/* arg[0] const struct seam_dma * */
	SEAM_EXIT,		/* entry function returned: arg[0] its result */
	SEAM_USER,		/* arg[0] enum seam_user, arg[1..3] by kind */
	SEAM_HOOK,		/* arg[0] guard id whose first-instruction hook fired */
	SEAM_MAP,		/* arg[0] enum seam_map, arg[1] va, arg[2] length, arg[3] why: enum seam_guard */
	SEAM_HANDLER,		/* arg[0] function that became the handler of a physical interrupt */
	SEAM_IRQS_OFF,		/* arg[0] local time since when events were masked, longer than ever before */
};

enum seam_stop {
	SEAM_STOP_PANIC = 1,	/* panic(): arg[1] message */
	SEAM_STOP_DUMMY,	/* a symbol nobody supplies was called: arg[1] its name */
	SEAM_STOP_DEADLOCK,	/* nothing runnable and interrupts off */
};

enum seam_user {
	SEAM_USER_STDOUT = 1,	/* arg[1] text, arg[2] length: a user program's standard output */
	SEAM_USER_EXIT,		/* arg[1] exit code */
	SEAM_USER_START,	/* arg[1] argv joined by NUL, arg[2] length */
};

enum seam_map {
	SEAM_MAP_GUARD = 1,	/* make [va, va + length) of the direct map inaccessible */
	SEAM_MAP_UNGUARD,
};

/* What a guard stands for; an object's is shifted left and its size added. */
enum seam_guard {
	SEAM_GUARD_STACK,	/* the end of a stack */
	SEAM_GUARD_BEYOND,	/* the page behind a slab object, which ends where it begins */
	SEAM_GUARD_FREED,	/* a slab object that was given back */
};
#define SEAM_GUARD_SHIFT 16

/* What the kernel's debug_dma_* hooks say. */
enum seam_dma_kind {
	SEAM_DMA_MAP_SINGLE = 1, SEAM_DMA_UNMAP_SINGLE, SEAM_DMA_MAP_SG, SEAM_DMA_UNMAP_SG,
	SEAM_DMA_ALLOC_COHERENT, SEAM_DMA_FREE_COHERENT,
};
struct seam_dma {
	seam_u32 kind;		/* enum seam_dma_kind */
	seam_u32 direction;	/* 0 bidirectional, 1 to device, 2 from device */
	seam_u64 bus_address;
	seam_u64 size;
	char device[32];	/* dev_name(), as the guest sees it */
};

/*
 * Shared state, in the image. One instance per image, of the vCPU that runs now (the host swaps the fields when it
 * switches vCPUs of the same domain; one host thread, so there is only ever one).
 */
struct seam_clock {
	/*
	 * Picoseconds until the deadline; every block subtracts its cost. Negative: enter the host. While guest code runs
	 * it is in xmm15, which kernel code has no use for: the guest loads it from here after every entry and stores it
	 * here before it calls the host.
	 */
	seam_s64 countdown;
	/* Local time at which countdown reaches 0. Local time is always deadline_ps - countdown. */
	seam_u64 deadline_ps;
	/* Xen system time minus local time, ns: how long the hypervisor had been up when the simulation started. */
	seam_u64 xen_offset_ns;
	/* Local time at which the domain's jiffies had their first value: INITIAL_JIFFIES, and one more each 1/HZ s. */
	seam_u64 jiffies_origin_ps;
};

/* What a fiber receives when it is jumped to: who jumped, and the word passed. */
struct seam_transfer {
	void *from;
	void *data;
};

struct seam_host_table {
	seam_u32 version;
	seam_u32 reserved;
	/* Runs on the guest's stack; jumps to the host stack of the vCPU and back. */
	seam_u64 (*call)(seam_u32 op, seam_u64 a0, seam_u64 a1, seam_u64 a2, seam_u64 a3, seam_u64 a4, seam_u64 a5);
	/* boost::context, for task stacks: make(top, size, fn) and jump(to, data) -> {from, data}. */
	void *(*fiber_make)(void *stack_top, seam_u64 size, void (*fn)(void *from, void *data));
	struct seam_transfer (*fiber_jump)(void *to, void *data);
	/* Where this domain's memory and its area for further mappings begin, as virtual addresses. */
	seam_u64 direct_map_base;
	seam_u64 vmalloc_base;
	seam_u64 vmalloc_bytes;
};

/* Entry points into the image; the host calls them on a guest stack. */
struct seam_guest_table {
	seam_u32 version;
	seam_u32 vcpu_count_max;
	struct seam_clock *clock;
	seam_u64 *jiffies;		/* jiffies_64; the host keeps it in step with Xen system time */
	/* vCPU entry: `start_info` on vCPU 0 (boots), null on the others. Never returns. */
	void (*boot)(void *start_info);
	/*
	 * Runs the domain's event callback on the current stack, as the bounce frame would. Called at a block
	 * boundary when evtchn_upcall_pending && !evtchn_upcall_mask; the host has set the mask.
	 */
	void (*upcall)(void);
	/* Asks the guest to do something in task context; `text` by kind. The host polls `done`. */
	void (*post)(void *work);
};

/* Host-to-guest work, in the domain's memory (allocated by the host at boot from a reserved page pool). */
enum seam_work_kind {
	SEAM_WORK_SYSFS_WRITE = 1,	/* text: path NUL value */
	SEAM_WORK_SYSFS_READ,		/* text: path; answer in text */
	SEAM_WORK_PROGRAM,		/* text: argv joined by NUL: a user program compiled into the image */
	SEAM_WORK_CALL,			/* text: name of a function registered with SEAM_EXPORT_TEST, then arguments */
};
struct seam_work {
	seam_u32 kind;
	seam_u32 length;
	volatile seam_s64 result;	/* 0 or -errno; programs: exit code */
	volatile seam_u32 done;
	seam_u32 reserved;
	char text[4072];
};

#endif /* PVPCI_DRIVER_SEAM_H */
