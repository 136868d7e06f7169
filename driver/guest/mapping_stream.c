// SPDX-License-Identifier: GPL-2.0-only
/*
 * What mapping and unmapping cost a driver that streams packets: for each it maps a buffer of 1500 bytes, does the rest of its
 * work, and unmaps it. The published ratios (timing.md A3, F6) are of such a stream.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/ktime.h>

#include "driver/env/work.h"
#include "driver/guest/rowS.h"

#define PACKET_BYTES 1500

/* mapping_stream PACKETS WORK_NS: prints what one took. */
static int mapping_stream(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	unsigned long packets, work_ns, i;
	void *buffer;
	s64 begin;

	if (!dev)
		return -ENODEV;
	if (argc < 3 || kstrtoul(argv[1], 0, &packets) || !packets || kstrtoul(argv[2], 0, &work_ns))
		return -EINVAL;
	pci_set_master(dev);
	buffer = (void *)get_zeroed_page(GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	begin = ktime_get_ns();
	for (i = 0; i < packets; i++) {
		dma_addr_t bus = dma_map_single(&dev->dev, buffer, PACKET_BYTES, DMA_TO_DEVICE);

		if (dma_mapping_error(&dev->dev, bus))
			return -ENOMEM;
		ndelay(work_ns);
		dma_unmap_single(&dev->dev, bus, PACKET_BYTES, DMA_TO_DEVICE);
	}
	pr_info("streamed, a packet takes %lld ns\n", (ktime_get_ns() - begin) / (s64)packets);
	free_page((unsigned long)buffer);
	pci_dev_put(dev);
	return 0;
}

EMUL_REGISTER("mapping_stream", EMUL_CALLABLE, mapping_stream);
