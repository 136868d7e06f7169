// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row S, what the DMA API is for: drivers that work on bare metal and give their device addresses that they computed
 * themselves. Both let the device copy 8 KiB into a buffer that is mapped as it should be. They return what the device
 * says: 0, or -EIO when it was stopped.
 */
#include <linux/kernel.h>

#include "driver/guest/rowS.h"

#define TWO (2 * PAGE_SIZE)

static int copy_from(struct pci_dev *dev, u64 wrong)
{
	void *to = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);
	dma_addr_t sink;
	int rc;

	if (!to)
		return -ENOMEM;
	sink = dma_map_single(&dev->dev, to, TWO, DMA_FROM_DEVICE);
	rc = dma_mapping_error(&dev->dev, sink) ? -ENOMEM : engine_copy(dev, wrong, sink, TWO);
	if (!dma_mapping_error(&dev->dev, sink))
		dma_unmap_single(&dev->dev, sink, TWO, DMA_FROM_DEVICE);
	free_pages((unsigned long)to, 1);
	return rc;
}

/* D2: virt_to_phys() is pseudo-physical in a PV domain: the machine frames of that number are somebody else's. */
static int row_s_virt_to_phys(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *buffer = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);
	int rc;

	if (!dev || !buffer)
		return -ENODEV;
	rc = copy_from(dev, virt_to_phys(buffer));
	free_pages((unsigned long)buffer, 1);
	pci_dev_put(dev);
	return rc;
}

/* The frame behind a page's own belongs to another domain (the m2p table is open to all). */
static bool neighbour_is_foreign(const void *page)
{
	unsigned long mfn = mfn_of(page) + 1;

	return mfn < machine_to_phys_nr && machine_to_phys_mapping[mfn] != ~0UL && bfn_to_local_pfn(mfn) >= max_pfn;
}

/* D4: the machine address of the first page, and twice its length: the second page is whoever owns the next frame. */
static int row_s_first_page_only(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *tried[256], *buffer = NULL;
	int n = 0, rc;

	if (!dev)
		return -ENODEV;
	while (n < ARRAY_SIZE(tried) && !buffer) {
		tried[n] = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);
		if (!tried[n])
			break;
		if (neighbour_is_foreign(tried[n]))
			buffer = tried[n];
		n++;
	}
	rc = buffer ? copy_from(dev, PFN_PHYS(mfn_of(buffer))) : -ENOENT;
	while (n)
		free_pages((unsigned long)tried[--n], 1);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("row_s_virt_to_phys", EMUL_CALLABLE, row_s_virt_to_phys);
EMUL_REGISTER("row_s_first_page_only", EMUL_CALLABLE, row_s_first_page_only);
