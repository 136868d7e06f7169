// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row S, memory that is contiguous for the machine: exchanged regions, coherent allocations, address masks, the views
 * of a buffer, and which DMA operations a domain has at all. All return 0 or -EPROTO and say what differed.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/string.h>
#include <xen/page.h>
#include <xen/swiotlb-xen.h>
#include <xen/xen-ops.h>

#include "driver/guest/rowS.h"

#define ORDER 2
#define BYTES (PAGE_SIZE << ORDER)

/* p2m and m2p say the same about a run of pages, and both say that it is ours. */
static bool maps_agree(const void *va, unsigned int order)
{
	unsigned long pfn = PFN_DOWN(__pa(va));
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		if (mfn_to_pfn(pfn_to_mfn(pfn + i)) != pfn + i || bfn_to_local_pfn(pfn_to_mfn(pfn + i)) != pfn + i)
			return false;
	return true;
}

/*
 * A region is exchanged for one that is contiguous, below 2^bits, and zeroed; and back for single frames. Argument:
 * address bits.
 */
static int row_s_exchange(int argc, char **argv)
{
	void *va = alloc_straddling(ORDER);
	unsigned long old[1 << ORDER], first;
	dma_addr_t bus;
	unsigned int bits, i;
	int rc = 0;

	if (!va || argc < 2 || kstrtouint(argv[1], 0, &bits))
		return -EINVAL;
	for (i = 0; i < 1U << ORDER; i++)
		old[i] = mfn_of(va + i * PAGE_SIZE);
	fill(va, BYTES, 1);
	WANT(xen_create_contiguous_region(__pa(va), ORDER, bits, &bus) == 0, "exchange refused");
	first = PFN_DOWN(bus);
	WANT(machine_contiguous(va, ORDER) && mfn_of(va) == first, "frames from %lx, handle %pad", mfn_of(va), &bus);
	WANT(IS_ALIGNED(first, 1UL << ORDER), "%lx is not aligned to its size", first);
	WANT(bus + BYTES - 1 <= DMA_BIT_MASK(bits), "%pad is beyond %u bits", &bus, bits);
	WANT(maps_agree(va, ORDER), "p2m and m2p differ");
	WANT(!memchr_inv(va, 0, BYTES), "the new frames are not zero");
	for (i = 0; i < 1U << ORDER; i++)
		WANT(bfn_to_local_pfn(old[i]) >= max_pfn, "frame %lx is still ours", old[i]);
	fill(va, BYTES, 2);
	WANT(filled(va, BYTES, 2), "not usable");
	xen_destroy_contiguous_region(__pa(va), ORDER);
	WANT(maps_agree(va, ORDER), "p2m and m2p differ after going back");
	for (i = 0; i < 1U << ORDER; i++)
		WANT(bfn_to_local_pfn(first + i) >= max_pfn, "frame %lx is still ours", first + i);
	fill(va, BYTES, 3);
	WANT(filled(va, BYTES, 3), "not usable after going back");
out:
	free_pages((unsigned long)va, ORDER);
	return rc;
}

/* No memory below 2^bits (or Xen refuses): the region keeps the frames it had. Argument: address bits. */
static int row_s_exchange_refused(int argc, char **argv)
{
	void *va = alloc_straddling(ORDER);
	unsigned long old[1 << ORDER];
	dma_addr_t bus;
	unsigned int bits, i;
	int rc = 0;

	if (!va || argc < 2 || kstrtouint(argv[1], 0, &bits))
		return -EINVAL;
	for (i = 0; i < 1U << ORDER; i++)
		old[i] = mfn_of(va + i * PAGE_SIZE);
	WANT(xen_create_contiguous_region(__pa(va), ORDER, bits, &bus) == -ENOMEM, "exchanged below 2^%u", bits);
	for (i = 0; i < 1U << ORDER; i++)
		WANT(mfn_of(va + i * PAGE_SIZE) == old[i], "page %u moved from %lx", i, old[i]);
	WANT(maps_agree(va, ORDER), "p2m and m2p differ");
	fill(va, BYTES, 4);
	WANT(filled(va, BYTES, 4), "not usable");
out:
	free_pages((unsigned long)va, ORDER);
	return rc;
}

/* Coherent memory: one page as it is, several exchanged into one run and marked so; the device sees them unbounced. */
static int row_s_coherent(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	dma_addr_t one_bus, bus, to_bus;
	void *one, *va, *to;
	int rc = 0;

	if (!dev)
		return -ENODEV;
	one = dma_alloc_coherent(&dev->dev, PAGE_SIZE, &one_bus, GFP_KERNEL);
	va = dma_alloc_coherent(&dev->dev, BYTES, &bus, GFP_KERNEL);
	to = dma_alloc_coherent(&dev->dev, BYTES - 512, &to_bus, GFP_KERNEL);
	WANT(one && va && to, "no memory");
	WANT(one_bus == PFN_PHYS(mfn_of(one)), "%pad, frame %lx", &one_bus, mfn_of(one));
	WANT(!PageXenRemapped(virt_to_page(one)), "one page was exchanged without need");
	WANT(bus == PFN_PHYS(mfn_of(va)) && machine_contiguous(va, ORDER), "%pad, frame %lx", &bus, mfn_of(va));
	WANT(IS_ALIGNED(bus, BYTES), "%pad is not aligned to its size", &bus);
	WANT(PageXenRemapped(virt_to_page(va)), "exchanged, but not marked");
	WANT(maps_agree(va, ORDER) && maps_agree(to, ORDER), "p2m and m2p differ");
	WANT(!memchr_inv(va, 0, BYTES), "not zero");
	WANT(!in_pool(&dev->dev, bus), "%pad is in the bounce pool", &bus);
	fill(va, BYTES, 5);
	rc = engine_copy(dev, bus, to_bus, BYTES - 512);
	WANT(rc == 0, "the device answers %d", rc);
	WANT(filled(to, BYTES - 512, 5), "the device's bytes are not there");
	dma_free_coherent(&dev->dev, BYTES, va, bus);
	WANT(!PageXenRemapped(virt_to_page(va)), "still marked after it was given back");
	WANT(bfn_to_local_pfn(PFN_DOWN(bus)) >= max_pfn, "the run from %pad is still ours", &bus);
	WANT(maps_agree(va, ORDER), "p2m and m2p differ after going back");
	dma_free_coherent(&dev->dev, BYTES - 512, to, to_bus);
	dma_free_coherent(&dev->dev, PAGE_SIZE, one, one_bus);
	WANT(!dma_alloc_coherent(&dev->dev, 64 << 20, &bus, GFP_KERNEL | __GFP_NOWARN), "more than the domain has");
out:
	pci_dev_put(dev);
	return rc;
}

/* A coherent mask: whatever lies beyond is exchanged for a frame below. Argument: address bits of the device. */
static int row_s_coherent_mask(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	u64 old, mask;
	dma_addr_t bus[64];
	void *va[64];
	unsigned int bits, n = 0, exchanged = 0;
	int rc = 0;

	if (!dev || argc < 2 || kstrtouint(argv[1], 0, &bits))
		return -EINVAL;
	mask = DMA_BIT_MASK(bits);
	old = dev->dev.coherent_dma_mask;
	rc = dma_set_coherent_mask(&dev->dev, mask);
	WANT(rc == 0, "mask %#llx refused: %d", mask, rc);
	while (n < ARRAY_SIZE(va)) {
		va[n] = dma_alloc_coherent(&dev->dev, PAGE_SIZE, &bus[n], GFP_KERNEL);
		WANT(va[n], "no memory below %#llx for page %u", mask, n);
		n++;
		WANT(bus[n - 1] + PAGE_SIZE - 1 <= mask, "%pad is beyond %#llx", &bus[n - 1], mask);
		exchanged += PageXenRemapped(virt_to_page(va[n - 1])) ? 1 : 0;
	}
	WANT(exchanged > 0 && exchanged < n, "%u of %u pages were exchanged: this machine shows nothing", exchanged, n);
out:
	while (n) {
		n--;
		dma_free_coherent(&dev->dev, PAGE_SIZE, va[n], bus[n]);
	}
	if (dma_set_coherent_mask(&dev->dev, old) && !rc)
		rc = -EIO;
	pci_dev_put(dev);
	return rc;
}

/*
 * Memory that its device could no longer reach is not given back but warned about. Argument: address bits, such that
 * the machine has memory beyond.
 */
static int row_s_free_beyond_mask(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	dma_addr_t bus[64], high = 0;
	void *va[64], *beyond = NULL;
	unsigned long left;
	unsigned int bits, n = 0;
	u64 old;
	int rc = 0;

	if (!dev || argc < 2 || kstrtouint(argv[1], 0, &bits))
		return -EINVAL;
	old = dev->dev.coherent_dma_mask;
	while (n < ARRAY_SIZE(va) && !beyond) {
		va[n] = dma_alloc_coherent(&dev->dev, PAGE_SIZE, &bus[n], GFP_KERNEL);
		WANT(va[n], "no memory");
		if (bus[n] > DMA_BIT_MASK(bits)) {
			high = bus[n];
			beyond = va[n];
		}
		n++;
	}
	WANT(beyond, "all of %u pages are below 2^%u", n, bits);
	rc = dma_set_coherent_mask(&dev->dev, DMA_BIT_MASK(bits));
	WANT(rc == 0, "%u bits refused: %d", bits, rc);
	left = nr_free_buffer_pages();
	dma_free_coherent(&dev->dev, PAGE_SIZE, beyond, high);
	WANT(nr_free_buffer_pages() == left, "given back");
out:
	if (dma_set_coherent_mask(&dev->dev, old) && !rc)
		rc = -EIO;
	while (n) {
		n--;
		dma_free_coherent(&dev->dev, PAGE_SIZE, va[n], bus[n]);
	}
	pci_dev_put(dev);
	return rc;
}

/* Xen gives no contiguous run: no coherent memory, and the pages that were taken for it are given back. */
static int row_s_coherent_refused(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	unsigned long before = nr_free_buffer_pages();
	dma_addr_t bus;
	void *va;
	int rc = 0;

	if (!dev)
		return -ENODEV;
	va = dma_alloc_coherent(&dev->dev, BYTES, &bus, GFP_KERNEL);
	WANT(!va, "a run from %pad", &bus);
	WANT(nr_free_buffer_pages() == before, "%lu pages of %lu are left", nr_free_buffer_pages(), before);
out:
	pci_dev_put(dev);
	return rc;
}

/* A mask is supported if the end of the pool lies within it. */
static int row_s_supported(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	u64 old, end;
	int rc = 0;

	if (!dev)
		return -ENODEV;
	old = *dev->dev.dma_mask;
	end = PFN_PHYS(pfn_to_mfn(PFN_DOWN(emul_pool_of(&dev->dev)->end - 1))) + PAGE_SIZE - 1;
	WANT(dma_set_mask(&dev->dev, DMA_BIT_MASK(fls64(end))) == 0, "pool ends at %#llx", end);
	WANT(dma_set_mask(&dev->dev, DMA_BIT_MASK(fls64(end) - 1)) == -EIO, "pool ends at %#llx", end);
	WANT(dma_set_coherent_mask(&dev->dev, DMA_BIT_MASK(fls64(end) - 1)) == -EIO, "pool ends at %#llx", end);
out:
	if (dma_set_mask(&dev->dev, old) && !rc)
		rc = -EIO;
	pci_dev_put(dev);
	return rc;
}

/* How large a mapping may be, and the views of a buffer that user space or another device would get. */
static int row_s_views(int argc, char **argv)
{
	static struct vm_area_struct area;
	struct pci_dev *dev = endpoint_find();
	struct sg_table table = {};
	struct page *page = NULL;
	unsigned int align;
	dma_addr_t bus;
	void *va;
	int rc = 0;

	if (!dev)
		return -ENODEV;
	align = dma_get_min_align_mask(&dev->dev);
	va = dma_alloc_coherent(&dev->dev, BYTES, &bus, GFP_KERNEL);
	WANT(va, "no memory");
	WANT(dma_max_mapping_size(&dev->dev) == IO_TLB_SEGSIZE * IO_TLB_SIZE, "%zu", dma_max_mapping_size(&dev->dev));
	dma_set_min_align_mask(&dev->dev, PAGE_SIZE - 1);
	WANT(dma_max_mapping_size(&dev->dev) == IO_TLB_SEGSIZE * IO_TLB_SIZE - PAGE_SIZE, "%zu",
	     dma_max_mapping_size(&dev->dev));
	dma_set_min_align_mask(&dev->dev, align);
	rc = dma_get_sgtable(&dev->dev, &table, va, bus, BYTES);
	WANT(rc == 0 && table.nents == 1 && sg_page(table.sgl) == virt_to_page(va) && table.sgl->length == BYTES,
	     "%d, %u entries", rc, table.nents);
	sg_free_table(&table);
	WANT(dma_can_mmap(&dev->dev), "no mmap");
	area.vm_start = 0;
	area.vm_end = BYTES;
	area.vm_pgoff = 1;	/* a page behind its end */
	WANT(dma_mmap_coherent(&dev->dev, &area, va, bus, BYTES) == -ENXIO, "mapped beyond its end");
	dma_free_coherent(&dev->dev, BYTES, va, bus);
	page = dma_alloc_pages(&dev->dev, PAGE_SIZE, &bus, DMA_BIDIRECTIONAL, GFP_KERNEL);
	WANT(page && bus == PFN_PHYS(pfn_to_mfn(page_to_pfn(page))), "pages at %pad", &bus);
	dma_free_pages(&dev->dev, PAGE_SIZE, page, bus, DMA_BIDIRECTIONAL);
out:
	pci_dev_put(dev);
	return rc;
}

/* Each segment of the pool is one run of machine frames. */
static bool segments_contiguous(phys_addr_t at, phys_addr_t end)
{
	const unsigned int order = get_order(IO_TLB_SEGSIZE * IO_TLB_SIZE);

	for (; at < end; at += PAGE_SIZE << order)
		if (!machine_contiguous(phys_to_virt(at), order))
			return false;
	return true;
}

/* Which operations devices have by default, and how large the pool is. Arguments: none or xen, KIBIBYTES. */
static int row_s_operations(int argc, char **argv)
{
	const struct dma_map_ops *ops = get_dma_ops(&platform_bus);
	unsigned long kib;
	int rc = 0;

	if (argc < 3 || kstrtoul(argv[2], 0, &kib))
		return -EINVAL;
	WANT(ops == (strcmp(argv[1], "xen") ? NULL : &xen_swiotlb_dma_ops), "operations are %s",
	     ops ? ops == &xen_swiotlb_dma_ops ? "xen's" : "others" : "none");
	WANT(emul_pool_of(&platform_bus)->nslabs * IO_TLB_SIZE >> 10 == kib, "the pool has %lu KiB",
	     emul_pool_of(&platform_bus)->nslabs * IO_TLB_SIZE >> 10);
	WANT(!kib || segments_contiguous(emul_pool_of(&platform_bus)->start, emul_pool_of(&platform_bus)->end),
	     "a segment of the pool is scattered");
out:
	return rc;
}

/* The pool that the kernel asks for if nobody says how large, in MiB. */
static int row_s_default(int argc, char **argv)
{
	return swiotlb_size_or_default() >> 20;
}

EMUL_REGISTER("row_s_exchange", EMUL_CALLABLE, row_s_exchange);
EMUL_REGISTER("row_s_exchange_refused", EMUL_CALLABLE, row_s_exchange_refused);
EMUL_REGISTER("row_s_coherent", EMUL_CALLABLE, row_s_coherent);
EMUL_REGISTER("row_s_coherent_mask", EMUL_CALLABLE, row_s_coherent_mask);
EMUL_REGISTER("row_s_coherent_refused", EMUL_CALLABLE, row_s_coherent_refused);
EMUL_REGISTER("row_s_free_beyond_mask", EMUL_CALLABLE, row_s_free_beyond_mask);
EMUL_REGISTER("row_s_supported", EMUL_CALLABLE, row_s_supported);
EMUL_REGISTER("row_s_views", EMUL_CALLABLE, row_s_views);
EMUL_REGISTER("row_s_operations", EMUL_CALLABLE, row_s_operations);
EMUL_REGISTER("row_s_default", EMUL_CALLABLE, row_s_default);
