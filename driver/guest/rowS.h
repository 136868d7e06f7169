/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of row S share: a device, its engine, buffers whose machine frames are known, the bounce pool. */
#ifndef PVPCI_DRIVER_GUEST_ROWS_H
#define PVPCI_DRIVER_GUEST_ROWS_H

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/swiotlb.h>
#include <asm/xen/page.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/endpoint.h"

/* Needs `int rc` and a label `out`. */
#define WANT(condition, format, ...)								\
	do {											\
		if (!(condition)) {								\
			pr_err("%s: wanted %s; " format "\n", __func__, #condition, ##__VA_ARGS__);	\
			rc = -EPROTO;								\
			goto out;								\
		}										\
	} while (0)

static inline unsigned long mfn_of(const void *va)
{
	return pfn_to_mfn(PFN_DOWN(__pa(va)));
}

/* The pseudo-physical address behind a bus address; a foreign one gives an address beyond all memory. */
static inline phys_addr_t phys_of(dma_addr_t bus)
{
	return ((phys_addr_t)bfn_to_local_pfn(PFN_DOWN(bus)) << PAGE_SHIFT) | offset_in_page(bus);
}

static inline bool in_pool(struct device *dev, dma_addr_t bus)
{
	phys_addr_t phys = phys_of(bus);

	return phys >= emul_pool_of(dev)->start && phys < emul_pool_of(dev)->end;
}

static inline bool machine_contiguous(const void *va, unsigned int order)
{
	unsigned int i;

	for (i = 1; i < 1U << order; i++)
		if (mfn_of(va + i * PAGE_SIZE) != mfn_of(va) + i)
			return false;
	return true;
}

/* 2^order pages, zeroed, contiguous in pseudo-physical memory but not in machine memory. NULL: there are none. */
static inline void *alloc_straddling(unsigned int order)
{
	void *tried[64], *va = NULL;
	int n = 0;

	while (n < ARRAY_SIZE(tried)) {
		va = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, order);
		if (!va || !machine_contiguous(va, order))
			break;
		tried[n++] = va;
		va = NULL;
	}
	while (n)
		free_pages((unsigned long)tried[--n], order);
	return va;
}

static inline void fill(void *va, size_t size, u8 seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		((u8 *)va)[i] = seed + i * 7 + (i >> 8);
}

static inline bool filled(const void *va, size_t size, u8 seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (((const u8 *)va)[i] != (u8)(seed + i * 7 + (i >> 8)))
			return false;
	return true;
}

/* The device copies `size` bytes from one bus address to another. */
static inline int engine_copy(struct pci_dev *dev, dma_addr_t from, dma_addr_t to, u32 size)
{
	void __iomem *bar = pci_iomap(dev, 0, 0);
	int rc;

	if (!bar)
		return -ENOMEM;
	writel(0, bar + STATUS);
	writel(lower_32_bits(from), bar + SRC_LOWER);
	writel(upper_32_bits(from), bar + SRC_UPPER);
	rc = endpoint_copy_to(bar, to, size);
	pci_iounmap(dev, bar);
	return rc;
}

#endif /* PVPCI_DRIVER_GUEST_ROWS_H */
