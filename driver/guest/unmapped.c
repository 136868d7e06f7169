// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a device still reaches a page after dma_unmap_single(). A driver that does everything right maps a page, lets
 * the endpoint read it, and unmaps it; then the endpoint, whose registers still hold the bus address, reads it again and
 * again until the IOMMU refuses.
 */
#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/ktime.h>

#include "driver/env/work.h"
#include "driver/guest/rowS.h"

#define LONGEST (50 * NSEC_PER_MSEC)

struct pair {
	struct pci_dev *dev;
	void *from, *to;
	dma_addr_t from_bus, to_bus;
};

static int open_pair(struct pair *pair)
{
	pair->dev = endpoint_find();
	pair->from = (void *)get_zeroed_page(GFP_KERNEL);
	pair->to = (void *)get_zeroed_page(GFP_KERNEL);
	if (!pair->dev || !pair->from || !pair->to)
		return -ENODEV;
	pci_set_master(pair->dev);
	pair->from_bus = dma_map_single(&pair->dev->dev, pair->from, PAGE_SIZE, DMA_TO_DEVICE);
	pair->to_bus = dma_map_single(&pair->dev->dev, pair->to, PAGE_SIZE, DMA_FROM_DEVICE);
	if (dma_mapping_error(&pair->dev->dev, pair->from_bus) || dma_mapping_error(&pair->dev->dev, pair->to_bus))
		return -ENOMEM;
	return engine_copy(pair->dev, pair->from_bus, pair->to_bus, PAGE_SIZE);
}

static void close_pair(struct pair *pair)
{
	dma_unmap_single(&pair->dev->dev, pair->to_bus, PAGE_SIZE, DMA_FROM_DEVICE);
	free_page((unsigned long)pair->from);
	free_page((unsigned long)pair->to);
	pci_dev_put(pair->dev);
}

/* Prints for how long after the unmap, in us, reads still succeeded. */
static int unmapped_until_refused(int argc, char **argv)
{
	struct pair pair;
	unsigned int reads = 0;
	s64 begin, last = 0;
	int rc = open_pair(&pair);

	if (rc)
		return rc;
	dma_unmap_single(&pair.dev->dev, pair.from_bus, PAGE_SIZE, DMA_TO_DEVICE);
	begin = ktime_get_ns();
	while (!engine_copy(pair.dev, pair.from_bus, pair.to_bus, 64)) {
		last = ktime_get_ns() - begin;
		reads++;
		if (last > LONGEST)
			break;
		usleep_range(50, 60);
	}
	pr_info("unmapped, %u reads went through, the last after %lld us\n", reads, last / NSEC_PER_USEC);
	close_pair(&pair);
	return 0;
}

/* Unmaps that many other pages, then reads: argument COUNT. 0: the read went through, -EIO: refused. */
static int unmapped_after(int argc, char **argv)
{
	struct pair pair;
	unsigned long others, i;
	void *other;
	int rc;

	if (argc < 2 || kstrtoul(argv[1], 0, &others))
		return -EINVAL;
	rc = open_pair(&pair);
	if (rc)
		return rc;
	other = (void *)get_zeroed_page(GFP_KERNEL);
	dma_unmap_single(&pair.dev->dev, pair.from_bus, PAGE_SIZE, DMA_TO_DEVICE);
	for (i = 0; i < others; i++) {
		dma_addr_t bus = dma_map_single(&pair.dev->dev, other, PAGE_SIZE, DMA_TO_DEVICE);

		if (dma_mapping_error(&pair.dev->dev, bus))
			return -ENOMEM;
		dma_unmap_single(&pair.dev->dev, bus, PAGE_SIZE, DMA_TO_DEVICE);
	}
	rc = engine_copy(pair.dev, pair.from_bus, pair.to_bus, 64);
	free_page((unsigned long)other);
	close_pair(&pair);
	return rc;
}

/*
 * Maps a page, lets the endpoint read it, unmaps it; that again COUNT times, with a pause of so many microseconds between
 * them: arguments COUNT PAUSE.
 */
static int unmap_in_turn(int argc, char **argv)
{
	unsigned long count, pause, i;
	struct pair pair;
	int rc;

	if (argc < 3 || kstrtoul(argv[1], 0, &count) || kstrtoul(argv[2], 0, &pause))
		return -EINVAL;
	rc = open_pair(&pair);
	for (i = 0; !rc && i < count; i++) {
		dma_unmap_single(&pair.dev->dev, pair.from_bus, PAGE_SIZE, DMA_TO_DEVICE);
		if (pause)
			usleep_range(pause, pause + 10);
		pair.from_bus = dma_map_single(&pair.dev->dev, pair.from, PAGE_SIZE, DMA_TO_DEVICE);
		if (dma_mapping_error(&pair.dev->dev, pair.from_bus))
			return -ENOMEM;
		rc = engine_copy(pair.dev, pair.from_bus, pair.to_bus, 64);
	}
	dma_unmap_single(&pair.dev->dev, pair.from_bus, PAGE_SIZE, DMA_TO_DEVICE);
	close_pair(&pair);
	return rc;
}

EMUL_REGISTER("unmap_in_turn", EMUL_CALLABLE, unmap_in_turn);
EMUL_REGISTER("unmapped_until_refused", EMUL_CALLABLE, unmapped_until_refused);
EMUL_REGISTER("unmapped_after", EMUL_CALLABLE, unmapped_after);
