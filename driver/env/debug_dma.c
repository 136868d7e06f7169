// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for kernel/dma/debug.c: the kernel's own hook points of the DMA API (CONFIG_DMA_API_DEBUG) tell the host which
 * bus addresses are mapped, for which device, how long, in which direction. The ledger itself is the host's.
 */
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/scatterlist.h>

#include "emul.h"
#include "../../kernel/dma/debug.h"

static void tell(u32 kind, struct device *dev, dma_addr_t addr, size_t size, int direction)
{
	struct seam_dma dma = { .kind = kind, .direction = direction, .bus_address = addr, .size = size };

	strscpy(dma.device, dev ? dev_name(dev) : "", sizeof(dma.device));
	emul_call(SEAM_DMA, &dma, 0, 0, 0);
}

void debug_dma_dump_mappings(struct device *dev) { EMUL_IGNORE("the ledger is the host's") ; }

void debug_dma_map_single(struct device *dev, const void *addr, unsigned long len) { EMUL_IGNORE("the DMA API's debug hooks report to the host's ledger"); }

void debug_dma_map_page(struct device *dev, struct page *page, size_t offset, size_t size, int direction,
			dma_addr_t dma_addr, unsigned long attrs)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	if (dma_addr != DMA_MAPPING_ERROR)
		tell(SEAM_DMA_MAP_SINGLE, dev, dma_addr, size, direction);
}

void debug_dma_unmap_page(struct device *dev, dma_addr_t addr, size_t size, int direction)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	tell(SEAM_DMA_UNMAP_SINGLE, dev, addr, size, direction);
}

void debug_dma_map_sg(struct device *dev, struct scatterlist *sg, int nents, int mapped, int direction,
		      unsigned long attrs)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	struct scatterlist *s;
	int i;

	for_each_sg(sg, s, mapped, i)
		tell(SEAM_DMA_MAP_SG, dev, sg_dma_address(s), sg_dma_len(s), direction);
}

void debug_dma_unmap_sg(struct device *dev, struct scatterlist *sg, int nents, int direction)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	struct scatterlist *s;
	int i;

	for_each_sg(sg, s, nents, i)
		tell(SEAM_DMA_UNMAP_SG, dev, sg_dma_address(s), sg_dma_len(s), direction);
}

void debug_dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t dma_addr, void *virt, unsigned long attrs)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	if (virt)
		tell(SEAM_DMA_ALLOC_COHERENT, dev, dma_addr, size, 0);
}

void debug_dma_free_coherent(struct device *dev, size_t size, void *virt, dma_addr_t addr)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	tell(SEAM_DMA_FREE_COHERENT, dev, addr, size, 0);
}

#ifdef EMUL_HAS_DEBUG_DMA_PAGES
void debug_dma_alloc_pages(struct device *dev, struct page *page, size_t size, int direction, dma_addr_t dma_addr,
			   unsigned long attrs)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	tell(SEAM_DMA_MAP_SINGLE, dev, dma_addr, size, direction);
}

void debug_dma_free_pages(struct device *dev, struct page *page, size_t size, int direction, dma_addr_t dma_addr)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	tell(SEAM_DMA_UNMAP_SINGLE, dev, dma_addr, size, direction);
}
#endif

void debug_dma_map_resource(struct device *dev, phys_addr_t addr, size_t size, int direction, dma_addr_t dma_addr,
			    unsigned long attrs)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	tell(SEAM_DMA_MAP_SINGLE, dev, dma_addr, size, direction);
}

void debug_dma_unmap_resource(struct device *dev, dma_addr_t dma_addr, size_t size, int direction)
{
	EMUL("the DMA API's debug hooks report to the host's ledger");
	tell(SEAM_DMA_UNMAP_SINGLE, dev, dma_addr, size, direction);
}

void debug_dma_mapping_error(struct device *dev, dma_addr_t dma_addr) { EMUL_IGNORE("the DMA API's debug hooks report to the host's ledger"); }
void debug_dma_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size, int direction) { EMUL_IGNORE("the DMA API's debug hooks report to the host's ledger"); }
void debug_dma_sync_single_for_device(struct device *dev, dma_addr_t addr, size_t size, int direction) { EMUL_IGNORE("the DMA API's debug hooks report to the host's ledger"); }
void debug_dma_sync_sg_for_cpu(struct device *dev, struct scatterlist *sg, int nelems, int direction) { EMUL_IGNORE("the DMA API's debug hooks report to the host's ledger"); }
void debug_dma_sync_sg_for_device(struct device *dev, struct scatterlist *sg, int nelems, int direction) { EMUL_IGNORE("the DMA API's debug hooks report to the host's ledger"); }
void dma_debug_add_bus(EMUL_CONST_DEVICE struct bus_type *bus) { EMUL_IGNORE("the DMA API's debug hooks report to the host's ledger"); }
