/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of a few functions, built as a kernel image is, for the tests of loader and vCPU: what it does is chosen by
 * the argument of its entry. Hypercall numbers are agreed with driver/vcpu/test_machine.h.
 */
#include "driver/seam/seam.h"

typedef seam_u64 u64;
typedef seam_u32 u32;

#define NOINLINE __attribute__((noinline))
#define BARE __attribute__((no_sanitize("coverage")))
#define CPUS 4

enum test { /* agreed with test_machine.h */
	TEST_HYPERCALLS, TEST_LOOP, TEST_NULL, TEST_OVERFLOW, TEST_BUG, TEST_WARN, TEST_HANG, TEST_PERCPU, TEST_FIBERS,
	TEST_BLOCK, TEST_MMIO, TEST_PANIC, TEST_DIVIDE, TEST_JUMP_NULL, TEST_IOMEM, TEST_PRIVILEGED, TEST_FIXUP,
	TEST_RETURN, TEST_DUMMY, TEST_POLL, TEST_NESTED, TEST_JIFFIES, TEST_MASKED,
};
enum { CALL_NOTE = 1, CALL_BLOCK, CALL_UNMASK, CALL_MASK };

struct seam_clock guest_clock;
u64 guest_jiffies = -10ull;
struct seam_host_table seam_host_table;
u64 __per_cpu_offset[CPUS];
static char per_cpu_areas[CPUS][64] __attribute__((aligned(64)));
u64 percpu_value __attribute__((section("percpu_area"))) = 7;
extern char __start_percpu_area[], __stop_percpu_area[];

/* Absolute addresses of every kind, for the relocation tests. */
static const char text[] = "a string in the image";
const char *pointer_to_text = text;
u64 (*pointer_to_function)(u64, u64) = 0;
extern u64 not_there(u64) __attribute__((weak));
void *pointer_to_nothing = &not_there;

static u64 stacks[3][1024] __attribute__((aligned(4096)));

/* The countdown is in xmm15 while guest code runs (seam.h). */
static BARE inline void load_clock(void) { asm volatile("movq %0, %%xmm15" : : "m"(guest_clock.countdown)); }
static BARE inline void store_clock(void) { asm volatile("movq %%xmm15, %0" : "=m"(guest_clock.countdown)); }

/* A macro: the line of a call is that of its user. */
#define host(...)					\
	({						\
		u64 result_;				\
		store_clock();				\
		result_ = seam_host_table.call(__VA_ARGS__);	\
		load_clock();				\
		result_;				\
	})

/* As driver/env does it, but not inlined: without LTO the pass comes too late. */
BARE void __sanitizer_cov_trace_pc_guard(u32 *guard)
{
	u64 left;

	asm volatile("movd %1, %%xmm14\n\tpsubq %%xmm14, %%xmm15\n\tmovq %%xmm15, %0" : "=r"(left) : "m"(*guard));
	if ((long long)left < 0)
		host(SEAM_DEADLINE, (u64)guard, 0, 0, 0, 0, 0);
}
BARE void __sanitizer_cov_trace_pc_guard_init(u32 *start, u32 *stop) { }
BARE void __sanitizer_cov_pcs_init(const u64 *start, const u64 *stop) { }

static u64 hypercall(u64 nr, u64 a, u64 b)
{
	return host(SEAM_HYPERCALL, nr, a, b, 0, 0, 0);
}

NOINLINE u64 work(u64 rounds)
{
	u64 sum = 0;

	for (u64 i = 0; i < rounds; i++) {
		asm volatile("" : "+r"(sum));
		sum += i;
	}
	return sum;
}

u64 add_up(u64 a, u64 b)
{
	return a + b;
}

static inline __attribute__((always_inline)) void inlined_write(u64 *address, u64 value)
{
	*(volatile u64 *)address = value; /* LINE_WRITE */
}

NOINLINE void touch(u64 *address)
{
	inlined_write(address, 1); /* LINE_TOUCH */
	asm volatile("");
}

NOINLINE void caller_of_touch(u64 *address)
{
	touch(address); /* LINE_CALLER */
	asm volatile("");
}

NOINLINE u64 recurse(u64 depth)
{
	volatile u64 frame[16];

	frame[depth % 16] = depth;
	return depth == ~0ull ? 0 : recurse(depth + 1) + frame[depth % 16];
}

#define BUG_FLAGS(flags)                                                                   \
	asm volatile("1:\tud2\n"                                                           \
		     ".pushsection __bug_table,\"aw\"\n"                                   \
		     "2:\t.long 1b - .\n\t.long 0\n\t.word %c0\n\t.word %c1\n\t.org 2b+12\n" \
		     ".popsection\n" : : "i"(__LINE__), "i"(flags))

NOINLINE void warn_twice(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		BUG_FLAGS(1); /* LINE_WARN */
		BUG_FLAGS(1 | 2);
	}
}

NOINLINE int safe_read(const u64 *address, u64 *value)
{
	int error = 0;

	asm volatile("1:\tmov %2, %1\n2:\n"
		     ".pushsection __ex_table,\"a\"\n"
		     "3:\t.long 1b - .\n\t.long 2b - .\n\t.long %c3\n"
		     ".popsection\n"
		     : "+c"(error), "=r"(*value) : "m"(*address), "i"((int)(17 | (1 << 8) | (-14u << 16))));
	return error;
}

u64 percpu_read(void)
{
	u64 value;

	asm volatile("movq %%gs:percpu_value(%%rip), %0" : "=r"(value));
	return value;
}

static void percpu_setup(u32 cpu)
{
	const u64 size = __stop_percpu_area - __start_percpu_area;

	for (u64 i = 0; i < size; i++)
		per_cpu_areas[cpu][i] = __start_percpu_area[i];
	*(u64 *)per_cpu_areas[cpu] = 100 + cpu;
	__per_cpu_offset[cpu] = (u64)per_cpu_areas[cpu] - (u64)__start_percpu_area;
}

static void *main_fiber;
static u64 trail;

static void fiber_body(void *from, void *data)
{
	u64 id = (u64)data;

	for (int i = 0; i < 3; i++) {
		struct seam_transfer back;

		work(10);
		trail = trail * 10 + id;
		hypercall(CALL_NOTE, trail, id);
		back = seam_host_table.fiber_jump(from, 0);
		from = back.from;
	}
}

static void fibers(void)
{
	void *fiber[2];

	for (u64 i = 0; i < 2; i++)
		fiber[i] = seam_host_table.fiber_make((char *)stacks[i] + sizeof(stacks[i]), sizeof(stacks[i]), fiber_body);
	for (int round = 0; round < 3; round++) {
		for (u64 i = 0; i < 2; i++)
			fiber[i] = seam_host_table.fiber_jump(fiber[i], (void *)(i + 1)).from;
	}
	hypercall(CALL_NOTE, trail, 0);
	main_fiber = fiber[0];
}

static u32 upcall_depth;

NOINLINE void handler(u64 round)
{
	work(round);
}

NOINLINE void upcall(void)
{
	upcall_depth++;
	handler(5);
	hypercall(CALL_NOTE, 0xcafe, upcall_depth);
	if (upcall_depth == 1) {
		hypercall(CALL_UNMASK, 0, 0); /* a nested one may come here */
		work(50);
		hypercall(CALL_MASK, 0, 0);
	}
	upcall_depth--;
}

static void sleep_for_ever(void)
{
	for (;;)
		hypercall(CALL_BLOCK, 0, 0);
}

void guest_boot(void *argument)
{
	const u64 test = (u64)argument & 0xff;
	const u32 cpu = ((u64)argument >> 8) & 0xff;
	const u64 parameter = (u64)argument >> 16;

	switch (test) {
	case TEST_HYPERCALLS:
		for (u64 i = 0; i < parameter; i++)
			hypercall(CALL_NOTE, i, hypercall(CALL_NOTE, 1000 + i, 0));
		break;
	case TEST_LOOP:
		hypercall(CALL_NOTE, work(parameter), 0);
		break;
	case TEST_NULL:
		caller_of_touch((u64 *)8);
		break;
	case TEST_OVERFLOW:
		host(SEAM_MAP, SEAM_MAP_GUARD, (u64)stacks[0], 4096, 0, 0, 0);
		seam_host_table.fiber_jump(
			seam_host_table.fiber_make((char *)stacks[1] + sizeof(stacks[1]), sizeof(stacks[1]),
						   (void (*)(void *, void *))recurse), 0);
		break;
	case TEST_BUG:
		BUG_FLAGS(0);
		break;
	case TEST_WARN:
		warn_twice(((u64)argument >> 8) + 2);
		hypercall(CALL_NOTE, 1, 0);
		break;
	case TEST_HANG:
		for (;;)
			asm volatile("");
	case TEST_PERCPU:
		percpu_setup(cpu);
		hypercall(CALL_NOTE, 0, 0); /* the GS base follows at the next entry */
		for (int i = 0; i < 5; i++)
			hypercall(CALL_NOTE, percpu_read(), work(100));
		break;
	case TEST_FIBERS:
		fibers();
		break;
	case TEST_BLOCK:
		hypercall(CALL_NOTE, hypercall(CALL_BLOCK, 0, 0), 0);
		break;
	case TEST_MMIO:
		host(SEAM_MMIO_WRITE, parameter, 4, 0x1234, 0, 0, 0); /* LINE_MMIO */
		hypercall(CALL_NOTE, host(SEAM_MMIO_READ, parameter + 4, 4, 0, 0, 0, 0), 0);
		hypercall(CALL_NOTE, host(SEAM_PORT_READ, 0xcfc, 2, 0, 0, 0, 0), 0);
		host(SEAM_PORT_WRITE, 0xcf8, 4, 0x80000000, 0, 0, 0);
		break;
	case TEST_PANIC:
		host(SEAM_STOP, SEAM_STOP_PANIC, (u64)text, 0, 0, 0, 0);
		break;
	case TEST_DIVIDE: {
		volatile int zero = 0;

		hypercall(CALL_NOTE, 100 / zero, 0);
		break;
	}
	case TEST_JUMP_NULL:
		pointer_to_function(1, 2);
		break;
	case TEST_IOMEM:
		touch((u64 *)parameter);
		break;
	case TEST_PRIVILEGED:
		asm volatile("cli");
		break;
	case TEST_FIXUP: {
		u64 value = 0;

		hypercall(CALL_NOTE, safe_read((const u64 *)16, &value), 0);
		hypercall(CALL_NOTE, safe_read(&percpu_value, &value), value);
		break;
	}
	case TEST_RETURN:
		return;
	case TEST_DUMMY:
		host(SEAM_STOP, SEAM_STOP_DUMMY, (u64)text, 0, 0, 0, 0);
		break;
	case TEST_POLL:
		for (;;)
			host(SEAM_UDELAY, 1000000, 0, 0, 0, 0, 0);
	case TEST_NESTED:
		work(parameter);
		hypercall(CALL_NOTE, 0xd0e, upcall_depth);
		break;
	case TEST_JIFFIES:
		for (int i = 0; i < 4; i++) {
			const u64 before = guest_jiffies;

			while (*(volatile u64 *)&guest_jiffies == before)
				host(SEAM_UDELAY, 100000, 0, 0, 0, 0, 0);
			hypercall(CALL_NOTE, guest_jiffies, 0);
		}
		break;
	case TEST_MASKED:
		hypercall(CALL_MASK, 0, 0);
		work(parameter);
		hypercall(CALL_NOTE, 1, 0);
		hypercall(CALL_UNMASK, 0, 0);
		hypercall(CALL_NOTE, 2, 0);
		break;
	}
	sleep_for_ever();
}

static BARE void enter_boot(void *argument)
{
	load_clock();
	guest_boot(argument);
	store_clock();
}

static BARE void enter_upcall(void)
{
	load_clock();
	upcall();
	store_clock();
}

const struct seam_guest_table seam_guest = {
	.version = SEAM_VERSION,
	.vcpu_count_max = CPUS,
	.clock = &guest_clock,
	.jiffies = &guest_jiffies,
	.boot = enter_boot,
	.upcall = enter_upcall,
};
