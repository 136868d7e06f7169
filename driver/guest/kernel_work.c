// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel_work ROUNDS: lets the kernel's own lib/ sort, check sums, balance trees and count bits. No device, no hypercall: how
 * fast kernel code runs. Answers with a check sum of all results, 30 bits of it.
 *
 * kernel_work_rounds() needs nothing but its arguments: `scenarios/bench` has it run by an emulator, too, without a kernel.
 */
#include <linux/bitmap.h>
#include <linux/crc32.h>
#include <linux/kernel.h>
#include <linux/rbtree.h>
#include <linux/sort.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

#define NUMBERS	128
#define NODES	64

struct work_node {
	struct rb_node rb;
	u32 key;
};

struct work_space {
	u32 numbers[NUMBERS];
	unsigned long bits[NUMBERS * 32 / BITS_PER_LONG];
	struct work_node nodes[NODES];
};

unsigned long kernel_work_rounds(unsigned long rounds, struct work_space *space);

static int compare(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static void insert(struct rb_root *tree, struct work_node *node)
{
	struct rb_node **at = &tree->rb_node, *parent = NULL;

	while (*at) {
		parent = *at;
		at = node->key < rb_entry(parent, struct work_node, rb)->key ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&node->rb, parent, at);
	rb_insert_color(&node->rb, tree);
}

/* __used noinline: it keeps its name */
__used noinline unsigned long kernel_work_rounds(unsigned long rounds, struct work_space *space)
{
	u32 state = 1, sum = ~0;
	unsigned int i, bit;

	while (rounds--) {
		struct rb_root tree = RB_ROOT;

		for (i = 0; i < NUMBERS; i++)
			space->numbers[i] = state = state * 1664525 + 1013904223;
		for (i = 0; i < NODES; i++) {
			space->nodes[i].key = space->numbers[i];
			insert(&tree, &space->nodes[i]);
		}
		for (i = 0; i < NODES; i += 2)
			rb_erase(&space->nodes[i].rb, &tree);
		sum = crc32_le(sum, (u8 *)&rb_entry(rb_first(&tree), struct work_node, rb)->key, sizeof(u32));
		memcpy(space->bits, space->numbers, sizeof(space->bits));
		sum += bitmap_weight(space->bits, NUMBERS * 32);
		for_each_set_bit(bit, space->bits, NUMBERS)
			sum += bit;
		sort(space->numbers, NUMBERS, sizeof(u32), compare, NULL);
		sum = crc32_le(sum, (u8 *)space->numbers, sizeof(space->numbers));
	}
	return sum & 0x3fffffff;
}

static int kernel_work(int argc, char **argv)
{
	static struct work_space space;
	unsigned long rounds;

	if (argc != 2 || kstrtoul(argv[1], 10, &rounds))
		return -EINVAL;
	return kernel_work_rounds(rounds, &space);
}

EMUL_REGISTER("kernel_work", EMUL_CALLABLE, kernel_work);
