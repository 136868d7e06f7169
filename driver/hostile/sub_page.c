// SPDX-License-Identifier: GPL-2.0-only
/*
 * S-22: what a device reaches beside the buffer that it was given. The device is models/pci/attacker.h's.
 *   sub_page neighbour BDF    maps one of two objects of a page, lets the device write past it; answers how many bytes of
 *                             the other have changed
 *   sub_page slot BDF         two bounce buffers of 1 KiB, neighbours in the pool: the device of one overwrites the other;
 *                             answers how many bytes of the other's owner have changed
 *   sub_page partial BDF      a bounce buffer of 2 KiB of which the device writes half, after another mapping had left its
 *                             canary in the slot; answers how many canary bytes the driver finds
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/swiotlb.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

#define OBJECT 1024
#define CANARY 0xc5
#define DEVICE_BYTE 0x11

struct pci_dev *guest_find_device(int argc, char **argv);

enum { ADDRESS_LOW = 0x08, ADDRESS_HIGH = 0x0c, LENGTH = 0x10, PATTERN = 0x18, REPEAT = 0x1c, COMMAND = 0x30, STATUS = 0x34 };

static noinline int device_writes(void __iomem *bar, dma_addr_t at, u32 bytes)
{
	int tries;

	writel(lower_32_bits(at), bar + ADDRESS_LOW);
	writel(upper_32_bits(at), bar + ADDRESS_HIGH);
	writel(bytes, bar + LENGTH);
	writel(DEVICE_BYTE * 0x01010101, bar + PATTERN);
	writel(1, bar + REPEAT);
	writel(3, bar + COMMAND);
	for (tries = 0; readl(bar + STATUS) & 1; tries++) {
		if (tries == 1000)
			return -ETIMEDOUT;
		usleep_range(10, 20);
	}
	return 0;
}

static int count(const u8 *at, u8 byte, unsigned int bytes)
{
	int found = 0;

	while (bytes--)
		found += *at++ == byte;
	return found;
}

static int neighbour(struct device *dev, void __iomem *bar)
{
	u8 *page = (u8 *)get_zeroed_page(GFP_KERNEL);
	dma_addr_t bus;
	int rc;

	if (!page)
		return -ENOMEM;
	memset(page + OBJECT, CANARY, OBJECT);
	bus = dma_map_single(dev, page, OBJECT, DMA_FROM_DEVICE);
	rc = device_writes(bar, bus, 2 * OBJECT);
	dma_unmap_single(dev, bus, OBJECT, DMA_FROM_DEVICE);
	if (!rc)
		rc = OBJECT - count(page + OBJECT, CANARY, OBJECT);
	free_page((unsigned long)page);
	return rc;
}

static int slot(struct device *dev, void __iomem *bar)
{
	u8 *buffers[2] = { (u8 *)get_zeroed_page(GFP_KERNEL), (u8 *)get_zeroed_page(GFP_KERNEL) };
	dma_addr_t bus[2];
	int rc, i;

	if (!buffers[0] || !buffers[1])
		return -ENOMEM;
	memset(buffers[1], CANARY, OBJECT);
	for (i = 0; i < 2; i++)
		bus[i] = dma_map_single(dev, buffers[i], OBJECT, DMA_BIDIRECTIONAL);
	/* 2 KiB slots: two of them share a page. */
	if (bus[0] >> PAGE_SHIFT != bus[1] >> PAGE_SHIFT)
		return -EXDEV;
	rc = device_writes(bar, min(bus[0], bus[1]), PAGE_SIZE - offset_in_page(min(bus[0], bus[1])));
	for (i = 0; i < 2; i++)
		dma_unmap_single(dev, bus[i], OBJECT, DMA_BIDIRECTIONAL);
	if (!rc)
		rc = OBJECT - count(buffers[1], CANARY, OBJECT);
	free_page((unsigned long)buffers[0]);
	free_page((unsigned long)buffers[1]);
	return rc;
}

static int partial(struct device *dev, void __iomem *bar)
{
	u8 *other = (u8 *)get_zeroed_page(GFP_KERNEL), *own = (u8 *)get_zeroed_page(GFP_KERNEL);
	dma_addr_t bus;
	int rc, i;

	if (!other || !own)
		return -ENOMEM;
	/* Fill the whole pool's beginning with somebody else's bytes, slot by slot, so that the next mapping gets a used one. */
	memset(other, CANARY, 2 * OBJECT);
	for (i = 0; i < 256; i++) {
		bus = dma_map_single(dev, other, 2 * OBJECT, DMA_TO_DEVICE);
		if (dma_mapping_error(dev, bus))
			return -ENOMEM;
		dma_unmap_single(dev, bus, 2 * OBJECT, DMA_TO_DEVICE);
	}
	memset(own, 0x33, 2 * OBJECT);
	bus = dma_map_single(dev, own, 2 * OBJECT, DMA_FROM_DEVICE);
	rc = device_writes(bar, bus, OBJECT);
	dma_unmap_single(dev, bus, 2 * OBJECT, DMA_FROM_DEVICE);
	if (!rc && count(own, DEVICE_BYTE, OBJECT) != OBJECT)
		rc = -EIO;
	if (!rc)
		rc = count(own + OBJECT, CANARY, OBJECT);
	pr_info("partial: %d foreign bytes\n", rc);
	free_page((unsigned long)other);
	free_page((unsigned long)own);
	return rc;
}

static int sub_page(int argc, char **argv)
{
	struct pci_dev *dev = argc == 3 ? guest_find_device(argc - 1, argv + 1) : NULL;
	void __iomem *bar;
	int rc = -EINVAL;

	if (!dev || pci_enable_device(dev))
		return -ENODEV;
	pci_set_master(dev);
	dma_set_mask(&dev->dev, DMA_BIT_MASK(64));
	bar = pci_iomap(dev, 0, 0);
	if (!bar)
		return -ENOMEM;
	if (!strcmp(argv[1], "neighbour"))
		rc = neighbour(&dev->dev, bar);
	else if (!strcmp(argv[1], "slot"))
		rc = slot(&dev->dev, bar);
	else if (!strcmp(argv[1], "partial"))
		rc = partial(&dev->dev, bar);
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("sub_page", EMUL_CALLABLE, sub_page);
