// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile drivers: kernel C in a domU's image that gives its own endpoint-test device addresses that are not its own.
 * Nothing here leaves the simulation. A scenario starts them by name with `attack:`.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/endpoint.h"

/* Writes the address to copy from. From more than one place: a report has to name the one that did it. */
typedef void (*aim_fn)(void __iomem *bar, u64 from);

static noinline void aim(void __iomem *bar, u64 from)
{
	writel(lower_32_bits(from), bar + SRC_LOWER);
	writel(upper_32_bits(from), bar + SRC_UPPER);
}

struct order {
	struct work_struct work;
	void __iomem *bar;
	u64 from;
};

static noinline void aim_in_worker(struct work_struct *work)
{
	struct order *order = container_of(work, struct order, work);

	writel(upper_32_bits(order->from), order->bar + SRC_UPPER);
	writel(lower_32_bits(order->from), order->bar + SRC_LOWER);
}

static void aim_by_worker(void __iomem *bar, u64 from)
{
	struct order order = { .bar = bar, .from = from };

	INIT_WORK_ONSTACK(&order.work, aim_in_worker);
	schedule_work(&order.work);
	flush_work(&order.work);
	destroy_work_on_stack(&order.work);
}

/* Copies `size` bytes of machine memory from `from` to `to` with the device's own engine. */
static noinline int copy(struct pci_dev *dev, aim_fn aim_at, u64 from, u64 to, u32 size)
{
	void __iomem *bar = pci_iomap(dev, 0, 0);
	int result;

	if (!bar)
		return -ENOMEM;
	writel(0, bar + STATUS);
	aim_at(bar, from);
	result = endpoint_copy_to(bar, to, size);
	iounmap(bar);
	return result;
}

/* Reads a victim's machine memory into a buffer of this domain: arguments ADDRESS BYTES. */
static int read_victim(int argc, char **argv, aim_fn aim_at)
{
	struct pci_dev *dev = endpoint_find();
	unsigned long long from;
	unsigned long bytes;
	dma_addr_t to;
	void *loot;
	int result;

	if (argc < 3 || kstrtoull(argv[1], 0, &from) || kstrtoul(argv[2], 0, &bytes))
		return -EINVAL;
	if (!dev)
		return -ENODEV;
	loot = kzalloc(bytes, GFP_KERNEL);
	if (!loot)
		return -ENOMEM;
	to = dma_map_single(&dev->dev, loot, bytes, DMA_FROM_DEVICE);
	result = dma_mapping_error(&dev->dev, to) ? -ENOMEM : copy(dev, aim_at, from, to, bytes);
	if (!dma_mapping_error(&dev->dev, to))
		dma_unmap_single(&dev->dev, to, bytes, DMA_FROM_DEVICE);
	pci_dev_put(dev);
	/* The loot stays: it is what the attacker came for. */
	return result;
}

/* slurp ADDRESS BYTES */
static int slurp(int argc, char **argv)
{
	return read_victim(argc, argv, aim);
}

/* slurp_by_worker ADDRESS BYTES: the same, the address written by a kernel worker thread. */
static int slurp_by_worker(int argc, char **argv)
{
	return read_victim(argc, argv, aim_by_worker);
}

/* scribble ADDRESS BYTES: overwrites a victim's machine memory with bytes of this domain. */
static int scribble(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	unsigned long long to;
	unsigned long bytes;
	dma_addr_t from;
	void *ink;
	int result;

	if (argc < 3 || kstrtoull(argv[1], 0, &to) || kstrtoul(argv[2], 0, &bytes))
		return -EINVAL;
	if (!dev)
		return -ENODEV;
	ink = kmalloc(bytes, GFP_KERNEL);
	if (!ink)
		return -ENOMEM;
	memset(ink, 0x5a, bytes);
	from = dma_map_single(&dev->dev, ink, bytes, DMA_TO_DEVICE);
	result = dma_mapping_error(&dev->dev, from) ? -ENOMEM : copy(dev, aim, from, to, bytes);
	if (!dma_mapping_error(&dev->dev, from))
		dma_unmap_single(&dev->dev, from, bytes, DMA_TO_DEVICE);
	kfree(ink);
	pci_dev_put(dev);
	return result;
}

/* forge_msi ADDRESS DATA: has the device write an interrupt message that is not its own. */
static int forge_msi(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	unsigned long long to, data;
	dma_addr_t from;
	u32 *message;
	int result;

	if (argc < 3 || kstrtoull(argv[1], 0, &to) || kstrtoull(argv[2], 0, &data))
		return -EINVAL;
	if (!dev)
		return -ENODEV;
	message = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!message)
		return -ENOMEM;
	*message = data;
	from = dma_map_single(&dev->dev, message, sizeof(*message), DMA_TO_DEVICE);
	result = dma_mapping_error(&dev->dev, from) ? -ENOMEM : copy(dev, aim, from, to, sizeof(*message));
	if (!dma_mapping_error(&dev->dev, from))
		dma_unmap_single(&dev->dev, from, sizeof(*message), DMA_TO_DEVICE);
	pci_dev_put(dev);
	return result;
}

EMUL_REGISTER("slurp", EMUL_CALLABLE, slurp);
EMUL_REGISTER("slurp_by_worker", EMUL_CALLABLE, slurp_by_worker);
EMUL_REGISTER("scribble", EMUL_CALLABLE, scribble);
EMUL_REGISTER("forge_msi", EMUL_CALLABLE, forge_msi);
