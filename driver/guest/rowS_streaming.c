// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row S, streaming mappings through the real drivers/xen/swiotlb-xen.c, each checked on the machine address the kernel
 * hands out and on the bytes that the device really moved. All return 0 or -EPROTO and say what differed.
 */
#include <linux/kernel.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "driver/guest/rowS.h"

#define TWO (2 * PAGE_SIZE)

/* TS1: 8 KiB over two machine frames that are no neighbours: bounced, and the data copied both ways. */
static int row_s_two_pages(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *from = alloc_straddling(1), *to = alloc_straddling(1);
	dma_addr_t source = DMA_MAPPING_ERROR, sink = DMA_MAPPING_ERROR;
	int rc = 0;

	if (!dev || !from || !to)
		return -ENODEV;
	fill(from, TWO, 1);
	source = dma_map_single(&dev->dev, from, TWO, DMA_TO_DEVICE);
	sink = dma_map_single(&dev->dev, to, TWO, DMA_FROM_DEVICE);
	WANT(source != DMA_MAPPING_ERROR && sink != DMA_MAPPING_ERROR, "no mapping");
	WANT(in_pool(&dev->dev, source), "%pad is not in the pool", &source);
	WANT(in_pool(&dev->dev, sink), "%pad is not in the pool", &sink);
	WANT(machine_contiguous(phys_to_virt(phys_of(source)), 1), "the pool has a gap at %pad", &source);
	WANT(filled(phys_to_virt(phys_of(source)), TWO, 1), "not copied into the pool");
	rc = engine_copy(dev, source, sink, TWO);
	WANT(rc == 0, "the device answers %d", rc);
	WANT(!memchr_inv(to, 0, TWO), "the buffer changed before it was unmapped");
	dma_unmap_single(&dev->dev, sink, TWO, DMA_FROM_DEVICE);
	sink = DMA_MAPPING_ERROR;
	WANT(filled(to, TWO, 1), "not copied out of the pool");
out:
	if (source != DMA_MAPPING_ERROR)
		dma_unmap_single(&dev->dev, source, TWO, DMA_TO_DEVICE);
	if (sink != DMA_MAPPING_ERROR)
		dma_unmap_single(&dev->dev, sink, TWO, DMA_FROM_DEVICE);
	free_pages((unsigned long)from, 1);
	free_pages((unsigned long)to, 1);
	pci_dev_put(dev);
	return rc;
}

/* TS2: 4 KiB: the bus address is the machine frame's own. Part of a page: and its offset. */
static int row_s_one_page(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *from = (void *)get_zeroed_page(GFP_KERNEL), *to = (void *)get_zeroed_page(GFP_KERNEL);
	dma_addr_t source, sink, part;
	int rc = 0;

	if (!dev || !from || !to)
		return -ENODEV;
	fill(from, PAGE_SIZE, 2);
	source = dma_map_single(&dev->dev, from, PAGE_SIZE, DMA_TO_DEVICE);
	sink = dma_map_single(&dev->dev, to, PAGE_SIZE, DMA_FROM_DEVICE);
	part = dma_map_single(&dev->dev, from + 100, 200, DMA_TO_DEVICE);
	WANT(source == PFN_PHYS(mfn_of(from)), "%pad, frame %lx", &source, mfn_of(from));
	WANT(sink == PFN_PHYS(mfn_of(to)), "%pad, frame %lx", &sink, mfn_of(to));
	WANT(part == source + 100, "%pad", &part);
	WANT(PFN_DOWN(source) != PFN_DOWN(__pa(from)), "pseudo-physical and machine frame are the same by accident");
	rc = engine_copy(dev, source, sink, PAGE_SIZE);
	WANT(rc == 0, "the device answers %d", rc);
	WANT(filled(to, PAGE_SIZE, 2), "the device's bytes did not land in the buffer itself");
out:
	dma_unmap_single(&dev->dev, part, 200, DMA_TO_DEVICE);
	dma_unmap_single(&dev->dev, source, PAGE_SIZE, DMA_TO_DEVICE);
	dma_unmap_single(&dev->dev, sink, PAGE_SIZE, DMA_FROM_DEVICE);
	free_page((unsigned long)from);
	free_page((unsigned long)to);
	pci_dev_put(dev);
	return rc;
}

/* TS3: a frame above the device's mask is bounced, one below it is not. Argument: address bits of the device. */
static int row_s_above_mask(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	u64 mask, old;
	void *pages[256], *high = NULL, *low = NULL;
	dma_addr_t above = DMA_MAPPING_ERROR, below = DMA_MAPPING_ERROR;
	unsigned int bits;
	int n = 0, rc = 0;

	if (!dev || argc < 2 || kstrtouint(argv[1], 0, &bits))
		return -EINVAL;
	mask = DMA_BIT_MASK(bits);
	old = *dev->dev.dma_mask;
	while (n < ARRAY_SIZE(pages) && !(high && low)) {
		pages[n] = (void *)get_zeroed_page(GFP_KERNEL);
		if (!pages[n])
			break;
		if (PFN_PHYS(mfn_of(pages[n])) > mask)
			high = pages[n];
		else
			low = pages[n];
		n++;
	}
	WANT(high && low, "all of %d pages on one side of %#llx", n, mask);
	rc = dma_set_mask(&dev->dev, mask);
	WANT(rc == 0, "mask %#llx refused: %d", mask, rc);
	fill(low, PAGE_SIZE, 3);
	above = dma_map_single(&dev->dev, high, PAGE_SIZE, DMA_FROM_DEVICE);
	below = dma_map_single(&dev->dev, low, PAGE_SIZE, DMA_TO_DEVICE);
	WANT(below == PFN_PHYS(mfn_of(low)), "%pad, frame %lx", &below, mfn_of(low));
	WANT(in_pool(&dev->dev, above), "%pad, frame %lx", &above, mfn_of(high));
	WANT(above + PAGE_SIZE - 1 <= mask, "%pad is beyond the mask", &above);
	rc = engine_copy(dev, below, above, PAGE_SIZE);
	WANT(rc == 0, "the device answers %d", rc);
	dma_unmap_single(&dev->dev, above, PAGE_SIZE, DMA_FROM_DEVICE);
	above = DMA_MAPPING_ERROR;
	WANT(filled(high, PAGE_SIZE, 3), "not copied out of the pool");
out:
	if (above != DMA_MAPPING_ERROR)
		dma_unmap_single(&dev->dev, above, PAGE_SIZE, DMA_FROM_DEVICE);
	if (below != DMA_MAPPING_ERROR)
		dma_unmap_single(&dev->dev, below, PAGE_SIZE, DMA_TO_DEVICE);
	if (dma_set_mask(&dev->dev, old) && !rc)
		rc = -EIO;
	while (n)
		free_page((unsigned long)pages[--n]);
	pci_dev_put(dev);
	return rc;
}

/* A foreign machine frame that its owner has where our pool is: the m2p entry alone would lead into the pool. */
static unsigned long foreign_twin(struct device *dev)
{
	unsigned long mfn, pfn;

	for (mfn = 0; mfn < machine_to_phys_nr; mfn++) {
		pfn = machine_to_phys_mapping[mfn];
		if (pfn >= PFN_DOWN(emul_pool_of(dev)->start) && pfn < PFN_DOWN(emul_pool_of(dev)->end) &&
		    pfn_to_mfn(pfn) != mfn)
			return mfn;
	}
	return 0;
}

/*
 * TS5: unmapping what is not in the pool copies nothing: neither over a buffer that was mapped directly, nor over
 * anything when the address is a foreign frame's.
 */
static int row_s_unmap_outside(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *page = (void *)get_zeroed_page(GFP_KERNEL), *two = alloc_straddling(1);
	dma_addr_t direct, bounced, foreign;
	int rc = 0;

	if (!dev || !page || !two)
		return -ENODEV;
	direct = dma_map_single(&dev->dev, page, PAGE_SIZE, DMA_FROM_DEVICE);
	bounced = dma_map_single(&dev->dev, two, TWO, DMA_FROM_DEVICE);
	foreign = PFN_PHYS(foreign_twin(&dev->dev));
	WANT(foreign, "no frame of another domain at the pool's place");
	fill(page, PAGE_SIZE, 4);
	fill(two, TWO, 5);
	fill(phys_to_virt(phys_of(bounced)), TWO, 6);
	dma_sync_single_for_cpu(&dev->dev, direct, PAGE_SIZE, DMA_FROM_DEVICE);
	dma_unmap_single(&dev->dev, direct, PAGE_SIZE, DMA_FROM_DEVICE);
	WANT(filled(page, PAGE_SIZE, 4), "unmapping %pad wrote into its buffer", &direct);
	dma_sync_single_for_cpu(&dev->dev, foreign, TWO, DMA_FROM_DEVICE);
	get_dma_ops(&dev->dev)->unmap_page(&dev->dev, foreign, TWO, DMA_FROM_DEVICE, 0);
	WANT(filled(two, TWO, 5), "unmapping %pad, a foreign frame, copied out of the pool", &foreign);
	WANT(filled(phys_to_virt(phys_of(bounced)), TWO, 6), "unmapping %pad changed the pool", &foreign);
	dma_unmap_single(&dev->dev, bounced, TWO, DMA_FROM_DEVICE);
	WANT(filled(two, TWO, 6), "the same on an address of the pool must copy");
out:
	free_page((unsigned long)page);
	free_pages((unsigned long)two, 1);
	pci_dev_put(dev);
	return rc;
}

/* Maps `va` again and again until the pool is full. */
static unsigned int fill_pool(struct device *dev, void *va, dma_addr_t *at, unsigned int most)
{
	unsigned int n = 0;

	while (n < most) {
		at[n] = dma_map_single_attrs(dev, va, TWO, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
		if (dma_mapping_error(dev, at[n]))
			break;
		n++;
	}
	return n;
}

static void empty_pool(struct device *dev, dma_addr_t *at, unsigned int n)
{
	while (n)
		dma_unmap_single(dev, at[--n], TWO, DMA_TO_DEVICE);
}

/*
 * TS6: a full pool refuses with DMA_MAPPING_ERROR, one buffer given back makes room for exactly one, a list that does
 * not fit leaves nothing behind, and nothing of all that is lost. Nor does an empty pool take more than one segment.
 */
static int row_s_exhaust(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *two = alloc_straddling(1), *big = alloc_straddling(7);
	unsigned int slots = emul_pool_of(&dev->dev)->nslabs, room = slots * IO_TLB_SIZE / TWO, n = 0;
	struct scatterlist list[3];
	struct sg_table table = { .sgl = list, .nents = 3, .orig_nents = 3 };
	dma_addr_t *at = kcalloc(room + 1, sizeof(*at), GFP_KERNEL), extra;
	int rc = 0;

	if (!dev || !two || !big || !at)
		return -ENODEV;
	n = fill_pool(&dev->dev, two, at, room + 1);
	WANT(n == room, "%u buffers of 8 KiB in a pool of %u slots", n, slots);
	extra = dma_map_single(&dev->dev, two, TWO, DMA_TO_DEVICE);
	WANT(extra == DMA_MAPPING_ERROR, "%pad", &extra);
	extra = dma_map_single(&dev->dev, two, PAGE_SIZE, DMA_TO_DEVICE);
	WANT(extra == PFN_PHYS(mfn_of(two)), "what needs no bouncing needs no pool: %pad", &extra);
	dma_unmap_single(&dev->dev, extra, PAGE_SIZE, DMA_TO_DEVICE);

	dma_unmap_single(&dev->dev, at[--n], TWO, DMA_TO_DEVICE);
	sg_init_table(list, 3);
	sg_set_buf(&list[0], two, PAGE_SIZE);
	sg_set_buf(&list[1], two, TWO);
	sg_set_buf(&list[2], two, TWO);
	WANT(dma_map_sg_attrs(&dev->dev, list, 3, DMA_TO_DEVICE, DMA_ATTR_NO_WARN) == 0, "a list that does not fit");
	rc = dma_map_sgtable(&dev->dev, &table, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	WANT(rc == -EIO, "a table that does not fit: %d", rc);
	rc = 0;
	at[n] = dma_map_single(&dev->dev, two, TWO, DMA_TO_DEVICE);
	WANT(at[n] != DMA_MAPPING_ERROR, "the failed lists kept slots of the pool");
	n++;

	empty_pool(&dev->dev, at, n);
	n = fill_pool(&dev->dev, two, at, room + 1);
	WANT(n == room, "only %u of %u after everything was given back", n, room);
	empty_pool(&dev->dev, at, n);
	n = 0;
	extra = dma_map_single(&dev->dev, big, PAGE_SIZE << 7, DMA_TO_DEVICE);
	WANT(extra == DMA_MAPPING_ERROR, "512 KiB in one piece: %pad", &extra);
	extra = dma_map_single(&dev->dev, big, dma_max_mapping_size(&dev->dev), DMA_TO_DEVICE);
	WANT(in_pool(&dev->dev, extra), "%zu bytes: %pad", dma_max_mapping_size(&dev->dev), &extra);
	dma_unmap_single(&dev->dev, extra, dma_max_mapping_size(&dev->dev), DMA_TO_DEVICE);
out:
	empty_pool(&dev->dev, at, n);
	kfree(at);
	free_pages((unsigned long)two, 1);
	free_pages((unsigned long)big, 7);
	pci_dev_put(dev);
	return rc;
}

/* Behind a bridge that passes less than where the pool lies: no mapping, and no slot of the pool stays taken. */
static int row_s_bus_limit(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *two = alloc_straddling(1);
	unsigned int room = emul_pool_of(&dev->dev)->nslabs * IO_TLB_SIZE / TWO, n = 0;
	dma_addr_t *at = kcalloc(room + 1, sizeof(*at), GFP_KERNEL), bus;
	u64 old = dev->dev.bus_dma_limit;
	int rc = 0;

	if (!two || !at)
		return -ENOMEM;
	dev->dev.bus_dma_limit = DMA_BIT_MASK(20);
	bus = dma_map_single(&dev->dev, two, TWO, DMA_TO_DEVICE);
	WANT(bus == DMA_MAPPING_ERROR, "%pad", &bus);
	dev->dev.bus_dma_limit = old;
	n = fill_pool(&dev->dev, two, at, room + 1);
	WANT(n == room, "only %u of %u buffers fit", n, room);
out:
	dev->dev.bus_dma_limit = old;
	empty_pool(&dev->dev, at, n);
	kfree(at);
	free_pages((unsigned long)two, 1);
	pci_dev_put(dev);
	return rc;
}

/* Syncs copy in their direction, then and only then; a buffer that is not bounced needs none. */
static int row_s_sync(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *from = alloc_straddling(1), *to = alloc_straddling(1), *both = alloc_straddling(1);
	dma_addr_t source, sink, twoway;
	int rc = 0;

	if (!dev || !from || !to || !both)
		return -ENODEV;
	fill(from, TWO, 7);
	source = dma_map_single(&dev->dev, from, TWO, DMA_TO_DEVICE);
	sink = dma_map_single(&dev->dev, to, TWO, DMA_FROM_DEVICE);
	twoway = dma_map_single(&dev->dev, both, TWO, DMA_BIDIRECTIONAL);
	WANT(in_pool(&dev->dev, source) && in_pool(&dev->dev, sink) && in_pool(&dev->dev, twoway), "not bounced");
	fill(from, TWO, 8);
	WANT(filled(phys_to_virt(phys_of(source)), TWO, 7), "copied without a sync");
	dma_sync_single_for_device(&dev->dev, source, TWO, DMA_TO_DEVICE);
	WANT(filled(phys_to_virt(phys_of(source)), TWO, 8), "not copied for the device");
	rc = engine_copy(dev, source, sink, TWO) ?: engine_copy(dev, source, twoway, TWO);
	WANT(rc == 0, "the device answers %d", rc);
	WANT(!memchr_inv(to, 0, TWO), "copied without a sync");
	dma_sync_single_for_device(&dev->dev, sink, TWO, DMA_FROM_DEVICE);
	WANT(!memchr_inv(to, 0, TWO), "copied against its direction");
	dma_sync_single_for_cpu(&dev->dev, sink, PAGE_SIZE, DMA_FROM_DEVICE);
	WANT(filled(to, PAGE_SIZE, 8) && !memchr_inv(to + PAGE_SIZE, 0, PAGE_SIZE), "a sync of the first half");
	dma_sync_single_for_cpu(&dev->dev, sink, TWO, DMA_FROM_DEVICE);
	WANT(filled(to, TWO, 8), "not copied for the processor");
	fill(from, TWO, 9);
	dma_sync_single_for_cpu(&dev->dev, source, TWO, DMA_TO_DEVICE);
	WANT(filled(from, TWO, 9), "copied against its direction");
	dma_sync_single_for_cpu(&dev->dev, twoway, TWO, DMA_BIDIRECTIONAL);
	WANT(filled(both, TWO, 8), "both ways, for the processor");
	fill(both, TWO, 10);
	dma_sync_single_for_device(&dev->dev, twoway, TWO, DMA_BIDIRECTIONAL);
	WANT(filled(phys_to_virt(phys_of(twoway)), TWO, 10), "both ways, for the device");
out:
	dma_unmap_single_attrs(&dev->dev, sink, TWO, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	dma_unmap_single(&dev->dev, source, TWO, DMA_TO_DEVICE);
	dma_unmap_single(&dev->dev, twoway, TWO, DMA_BIDIRECTIONAL);
	free_pages((unsigned long)from, 1);
	free_pages((unsigned long)to, 1);
	free_pages((unsigned long)both, 1);
	pci_dev_put(dev);
	return rc;
}

/* A list: each entry by itself, one page direct, two strangers bounced. */
static int row_s_scatterlist(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *page = (void *)get_zeroed_page(GFP_KERNEL), *two = alloc_straddling(1), *to = alloc_straddling(1);
	struct scatterlist list[2];
	dma_addr_t sink;
	int rc = 0;

	if (!dev || !page || !two || !to)
		return -ENODEV;
	sg_init_table(list, 2);
	sg_set_buf(&list[0], page, 512);
	sg_set_buf(&list[1], two, TWO);
	fill(two, TWO, 11);
	sink = dma_map_single(&dev->dev, to, TWO, DMA_FROM_DEVICE);
	WANT(dma_map_sg(&dev->dev, list, 2, DMA_BIDIRECTIONAL) == 2, "two entries");
	WANT(sg_dma_address(&list[0]) == PFN_PHYS(mfn_of(page)) && sg_dma_len(&list[0]) == 512, "first at %llx",
	     (u64)sg_dma_address(&list[0]));
	WANT(in_pool(&dev->dev, sg_dma_address(&list[1])) && sg_dma_len(&list[1]) == TWO, "second at %llx",
	     (u64)sg_dma_address(&list[1]));
	fill(two, TWO, 12);
	dma_sync_sg_for_device(&dev->dev, list, 2, DMA_BIDIRECTIONAL);
	rc = engine_copy(dev, sg_dma_address(&list[1]), sink, TWO);
	WANT(rc == 0, "the device answers %d", rc);
	dma_sync_single_for_cpu(&dev->dev, sink, TWO, DMA_FROM_DEVICE);
	WANT(filled(to, TWO, 12), "the device did not see the second buffer");
	fill(phys_to_virt(phys_of(sg_dma_address(&list[1]))), TWO, 13);
	dma_sync_sg_for_cpu(&dev->dev, list, 2, DMA_BIDIRECTIONAL);
	WANT(filled(two, TWO, 13), "not copied for the processor");
	fill(phys_to_virt(phys_of(sg_dma_address(&list[1]))), TWO, 14);
	dma_unmap_sg(&dev->dev, list, 2, DMA_BIDIRECTIONAL);
	WANT(filled(two, TWO, 14), "not copied when it was unmapped");
out:
	dma_unmap_single(&dev->dev, sink, TWO, DMA_FROM_DEVICE);
	free_page((unsigned long)page);
	free_pages((unsigned long)two, 1);
	free_pages((unsigned long)to, 1);
	pci_dev_put(dev);
	return rc;
}

/* With swiotlb=force even a page that the device could reach is bounced. */
static int row_s_forced(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *page = (void *)get_zeroed_page(GFP_KERNEL);
	dma_addr_t bus;
	int rc = 0;

	if (!dev || !page)
		return -ENODEV;
	bus = dma_map_single(&dev->dev, page, PAGE_SIZE, DMA_FROM_DEVICE);
	WANT(in_pool(&dev->dev, bus), "%pad, frame %lx", &bus, mfn_of(page));
	fill(phys_to_virt(phys_of(bus)), PAGE_SIZE, 15);
	dma_unmap_single(&dev->dev, bus, PAGE_SIZE, DMA_FROM_DEVICE);
	WANT(filled(page, PAGE_SIZE, 15), "not copied out of the pool");
out:
	free_page((unsigned long)page);
	pci_dev_put(dev);
	return rc;
}

/* Without a pool: a page is mapped as ever, two strangers are refused, and no address mask is good enough. */
static int row_s_without_pool(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void *two = alloc_straddling(1);
	dma_addr_t bus;
	int rc = 0;

	if (!dev || !two)
		return -ENODEV;
	bus = dma_map_single(&dev->dev, two, PAGE_SIZE, DMA_TO_DEVICE);
	WANT(bus == PFN_PHYS(mfn_of(two)), "%pad, frame %lx", &bus, mfn_of(two));
	dma_unmap_single(&dev->dev, bus, PAGE_SIZE, DMA_TO_DEVICE);
	bus = dma_map_single(&dev->dev, two, TWO, DMA_TO_DEVICE);
	WANT(bus == DMA_MAPPING_ERROR, "%pad", &bus);
	WANT(dma_set_mask(&dev->dev, DMA_BIT_MASK(48)) == -EIO, "a mask of 48 bits");
out:
	free_pages((unsigned long)two, 1);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("row_s_two_pages", EMUL_CALLABLE, row_s_two_pages);
EMUL_REGISTER("row_s_one_page", EMUL_CALLABLE, row_s_one_page);
EMUL_REGISTER("row_s_above_mask", EMUL_CALLABLE, row_s_above_mask);
EMUL_REGISTER("row_s_unmap_outside", EMUL_CALLABLE, row_s_unmap_outside);
EMUL_REGISTER("row_s_exhaust", EMUL_CALLABLE, row_s_exhaust);
EMUL_REGISTER("row_s_bus_limit", EMUL_CALLABLE, row_s_bus_limit);
EMUL_REGISTER("row_s_sync", EMUL_CALLABLE, row_s_sync);
EMUL_REGISTER("row_s_scatterlist", EMUL_CALLABLE, row_s_scatterlist);
EMUL_REGISTER("row_s_forced", EMUL_CALLABLE, row_s_forced);
EMUL_REGISTER("row_s_without_pool", EMUL_CALLABLE, row_s_without_pool);
