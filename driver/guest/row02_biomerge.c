// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 02: neighbours in pseudo-physical memory may be merged into one segment of a request only if their machine frames
 * are neighbours, too. The block layer's own biovec_phys_mergeable (block/blk.h) asks the real drivers/xen/biomerge.c.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/scatterlist.h>
#include <xen/features.h>
#include <xen/xen.h>
#include <xen/xen-ops.h>

#include "../../block/blk.h"
#include "driver/guest/rowS.h"

#define PAGES 3
#define BYTES (PAGES * PAGE_SIZE)
#define ORDER 2

static struct bio_vec vec[PAGES];

/* Of a disk with the default limits, all that the question looks at. */
static struct request_queue queue = { .limits.seg_boundary_mask = BLK_SEG_BOUNDARY_MASK };

static bool mergeable(struct bio_vec *first, struct bio_vec *second)
{
	return biovec_phys_mergeable(&queue, first, second);
}

/*
 * The p2m of T02: three neighbours, of which the machine has the first two in a row and the third elsewhere. The frame
 * behind the second is not ours at all.
 */
static void *make_pages(void)
{
	void *va = alloc_straddling(ORDER);
	int i, tries = 32;
	dma_addr_t bus;

	do {
		if (!va || !tries-- || xen_create_contiguous_region(__pa(va), 1, 32, &bus)) {
			free_pages((unsigned long)va, ORDER);
			return NULL;
		}
	} while (bfn_to_local_pfn(PFN_DOWN(bus) + 2) < max_pfn);
	for (i = 0; i < PAGES; i++)
		vec[i] = (struct bio_vec){ .bv_page = virt_to_page(va + i * PAGE_SIZE), .bv_len = PAGE_SIZE };
	return va;
}

/* T02: which of them may be merged. */
static int row_02_mergeable(int argc, char **argv)
{
	u8 translated = xen_features[XENFEAT_auto_translated_physmap];
	void *va = make_pages();
	struct bio_vec half = vec[0], rest = vec[0];
	int rc = 0;

	if (!va)
		return -ENOMEM;
	half.bv_len = 512;
	rest.bv_offset = 512;
	rest.bv_len = PAGE_SIZE - 512;
	WANT(xen_biovec_phys_mergeable(&vec[0], vec[1].bv_page), "frames %lx, %lx", mfn_of(va), mfn_of(va + PAGE_SIZE));
	WANT(!xen_biovec_phys_mergeable(&vec[1], vec[2].bv_page), "frame %lx behind %lx", mfn_of(va + 2 * PAGE_SIZE),
	     mfn_of(va + PAGE_SIZE));
	WANT(xen_biovec_phys_mergeable(&half, vec[0].bv_page), "two pieces of one page");
	WANT(!xen_biovec_phys_mergeable(&half, vec[1].bv_page), "a hole between them");
	WANT(xen_biovec_phys_mergeable(&rest, vec[1].bv_page), "from the middle of a page to its end");
	WANT(mergeable(&vec[0], &vec[1]), "the block layer does not merge neighbours");
	WANT(!mergeable(&vec[1], &vec[2]), "the block layer merges what only looks like neighbours");
	WANT(!mergeable(&vec[1], &vec[0]), "the wrong way round");
	WANT(!mergeable(&half, &vec[1]), "the block layer merges over a hole");
	queue.limits.seg_boundary_mask = PAGE_SIZE - 1;
	WANT(!mergeable(&vec[0], &vec[1]), "over a boundary that the disk's segments must not cross");
	xen_features[XENFEAT_auto_translated_physmap] = 1;
	WANT(xen_biovec_phys_mergeable(&vec[0], vec[1].bv_page), "auto-translated");
	WANT(xen_biovec_phys_mergeable(&vec[1], vec[2].bv_page), "auto-translated: the guest's frames are the machine's");
	queue.limits.seg_boundary_mask = BLK_SEG_BOUNDARY_MASK;
	WANT(mergeable(&vec[1], &vec[2]), "auto-translated: the block layer does not merge");
out:
	queue.limits.seg_boundary_mask = BLK_SEG_BOUNDARY_MASK;
	xen_features[XENFEAT_auto_translated_physmap] = translated;
	free_pages((unsigned long)va, ORDER);
	return rc;
}

/* The pieces of a request as a list for the device, merged where the block layer may. */
static int make_list(struct scatterlist *list)
{
	int entries = 0, i;

	sg_init_table(list, PAGES);
	for (i = 0; i < PAGES; i++) {
		if (i && mergeable(&vec[i - 1], &vec[i]))
			list[entries - 1].length += vec[i].bv_len;
		else
			sg_set_page(&list[entries++], vec[i].bv_page, vec[i].bv_len, vec[i].bv_offset);
	}
	sg_mark_end(&list[entries - 1]);
	return entries;
}

/* T02 to its end: two entries, both reached directly, and the device's bytes are those of the three pages. */
static int row_02_scatterlist(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *va = make_pages(), *to = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, ORDER);
	struct scatterlist list[PAGES];
	dma_addr_t sink[2];
	int rc = 0;

	if (!dev || !va || !to)
		return -ENODEV;
	fill(va, BYTES, 1);
	WANT(make_list(list) == 2 && list[0].length == 2 * PAGE_SIZE, "first entry has %u bytes", list[0].length);
	sink[0] = dma_map_single(&dev->dev, to, 2 * PAGE_SIZE, DMA_FROM_DEVICE);
	sink[1] = dma_map_single(&dev->dev, to + 2 * PAGE_SIZE, PAGE_SIZE, DMA_FROM_DEVICE);
	WANT(dma_map_sg(&dev->dev, list, 2, DMA_TO_DEVICE) == 2, "not mapped");
	WANT(sg_dma_address(&list[0]) == PFN_PHYS(mfn_of(va)), "%llx", (u64)sg_dma_address(&list[0]));
	WANT(sg_dma_address(&list[1]) == PFN_PHYS(mfn_of(va + 2 * PAGE_SIZE)), "%llx", (u64)sg_dma_address(&list[1]));
	rc = engine_copy(dev, sg_dma_address(&list[0]), sink[0], sg_dma_len(&list[0])) ?:
	     engine_copy(dev, sg_dma_address(&list[1]), sink[1], sg_dma_len(&list[1]));
	WANT(rc == 0, "the device answers %d", rc);
	dma_unmap_sg(&dev->dev, list, 2, DMA_TO_DEVICE);
	dma_unmap_single(&dev->dev, sink[0], 2 * PAGE_SIZE, DMA_FROM_DEVICE);
	dma_unmap_single(&dev->dev, sink[1], PAGE_SIZE, DMA_FROM_DEVICE);
	WANT(filled(to, BYTES, 1), "other bytes than those of the three pages");
out:
	free_pages((unsigned long)va, ORDER);
	free_pages((unsigned long)to, ORDER);
	pci_dev_put(dev);
	return rc;
}

/* What the patch prevents: one segment over all three, because their pseudo-physical addresses follow each other. */
static int row_02_unchecked(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *va = make_pages(), *to;
	dma_addr_t sink, page[PAGES];
	int rc, i;

	if (!dev || !va)
		return -ENODEV;
	for (i = 0; i < PAGES; i++)
		page[i] = dma_map_single(&dev->dev, va + i * PAGE_SIZE, PAGE_SIZE, DMA_TO_DEVICE);
	to = dma_alloc_coherent(&dev->dev, BYTES, &sink, GFP_KERNEL);
	rc = to ? engine_copy(dev, page[0], sink, BYTES) : -ENOMEM;
	if (to)
		dma_free_coherent(&dev->dev, BYTES, to, sink);
	for (i = 0; i < PAGES; i++)
		dma_unmap_single(&dev->dev, page[i], PAGE_SIZE, DMA_TO_DEVICE);
	free_pages((unsigned long)va, ORDER);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("row_02_mergeable", EMUL_CALLABLE, row_02_mergeable);
EMUL_REGISTER("row_02_scatterlist", EMUL_CALLABLE, row_02_scatterlist);
EMUL_REGISTER("row_02_unchecked", EMUL_CALLABLE, row_02_unchecked);
