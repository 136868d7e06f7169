// SPDX-License-Identifier: GPL-2.0-only
/*
 * What lies in memory that was used before.
 *   dirty_pages COUNT WORD   fills so many free pages with a word and gives them back
 *   grab_pages COUNT WORD    the same, and keeps them
 *   fresh_ring               how many bytes of rings that were just made, side by side, are not zero
 *   bounce_leftovers         bounce slots that held one buffer are used for another, which the device does not fill: how
 *                            many bytes of the first are in the second afterwards
 *   flap_state COUNT         this frontend of PCI writes its state so often
 */
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "driver/guest/rowS.h"

#define MOST 512
#define RINGS 32

static int fill_pages(int argc, char **argv, bool keep)
{
	static void *pages[MOST];
	unsigned int count, word, i;

	if (argc != 3 || kstrtouint(argv[1], 0, &count) || kstrtouint(argv[2], 0, &word) || count > MOST)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		pages[i] = (void *)__get_free_page(GFP_KERNEL);
		if (!pages[i])
			return -ENOMEM;
		memset32(pages[i], word, PAGE_SIZE / 4);
	}
	for (i = 0; i < count && !keep; i++)
		free_page((unsigned long)pages[i]);
	return 0;
}

static int dirty_pages(int argc, char **argv)
{
	return fill_pages(argc, argv, false);
}

static int grab_pages(int argc, char **argv)
{
	return fill_pages(argc, argv, true);
}

EMUL_REGISTER("dirty_pages", EMUL_CALLABLE, dirty_pages);
EMUL_REGISTER("grab_pages", EMUL_CALLABLE, grab_pages);

static int fresh_ring(int argc, char **argv)
{
	struct xenbus_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);	/* of backend domain 0 */
	static u8 *rings[RINGS];
	grant_ref_t references[RINGS];
	int rc = 0, i, made, found = 0;

	if (!dev)
		return -ENOMEM;
	for (made = 0; made < RINGS && !rc; made += !rc)
		rc = xenbus_setup_ring(dev, GFP_KERNEL, (void **)&rings[made], 1, &references[made]);
	while (made--) {
		for (i = 0; i < XEN_PAGE_SIZE; i++)
			found += rings[made][i] != 0;
		xenbus_teardown_ring((void **)&rings[made], 1, &references[made]);
	}
	kfree(dev);
	return rc ?: found;
}

EMUL_REGISTER("fresh_ring", EMUL_CALLABLE, fresh_ring);

#define POOL_SLOTS 1024	/* "swiotlb=1024,force": slots are taken in turn */

static int bounce_leftovers(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	u8 *secret = kmalloc(2048, GFP_KERNEL), *mine = kmalloc(2048, GFP_KERNEL);
	int rc, found = 0, i;
	dma_addr_t bus;

	if (!dev || !secret || !mine)
		return -ENODEV;
	memset(secret, 0x5e, 2048);
	memset(mine, 0x11, 2048);
	for (i = 0; i < POOL_SLOTS; i++) {
		bus = dma_map_single(&dev->dev, secret, 2048, DMA_TO_DEVICE);
		WANT(!dma_mapping_error(&dev->dev, bus) && in_pool(&dev->dev, bus), "the first buffer is not bounced");
		dma_unmap_single(&dev->dev, bus, 2048, DMA_TO_DEVICE);
	}
	bus = dma_map_single(&dev->dev, mine, 2048, DMA_FROM_DEVICE);
	WANT(!dma_mapping_error(&dev->dev, bus) && in_pool(&dev->dev, bus), "the second buffer is not bounced");
	dma_unmap_single(&dev->dev, bus, 2048, DMA_FROM_DEVICE);
	for (i = 0; i < 2048; i++)
		found += mine[i] == 0x5e;
	rc = found;
out:
	kfree(secret);
	kfree(mine);
	return rc;
}

EMUL_REGISTER("bounce_leftovers", EMUL_CALLABLE, bounce_leftovers);

static int flap_state(int argc, char **argv)
{
	unsigned int count;
	int rc = 0;

	if (argc != 2 || kstrtouint(argv[1], 0, &count))
		return -EINVAL;
	for (; count && !rc; count--)
		rc = xenbus_printf(XBT_NIL, "device/pci/0", "state", "%d", XenbusStateConnected);
	return rc;
}

EMUL_REGISTER("flap_state", EMUL_CALLABLE, flap_state);
