// SPDX-License-Identifier: GPL-2.0-only
/* fence_probe beyond | freed: the two accesses that `slab_fence on` shows. */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static noinline void probe_beyond(volatile u8 *object)
{
	object[100] = 1;
}

static noinline u8 probe_freed(volatile u8 *object)
{
	return object[60];
}

static noinline int probe(int argc, char **argv)
{
	u8 *object = kmalloc(96, GFP_KERNEL);

	if (argc != 2 || !object)
		return -EINVAL;
	if (!strcmp(argv[1], "beyond"))
		probe_beyond(object);
	kfree(object);
	return strcmp(argv[1], "freed") ? 0 : probe_freed(object);
}

EMUL_REGISTER("fence_probe", EMUL_CALLABLE, probe);
