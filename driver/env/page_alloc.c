// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for mm/page_alloc.c: a buddy allocator over the domain's own pseudo-physical memory, lowest address first, so
 * that a run is repeatable. struct page comes from the kernel's headers.
 */
#include <linux/gfp.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/spinlock.h>
#include <xen/interface/xen.h>
#include <asm/xen/hypervisor.h>
#include <asm/xen/page.h>

#include "emul.h"

static struct list_head free_list[EMUL_PAGE_ORDERS];
static unsigned long pfn_end;
static unsigned long free_pages_count;
unsigned long emul_free_pages(void) { return free_pages_count; }

static DEFINE_RAW_SPINLOCK(free_lock);	/* over the lists, the count and the marks of free blocks */

#define FREE_MARK 0x42554459UL	/* page->private of a free block's head is FREE_MARK + order */

/* The largest block, in pages: more at once gives only memblock, at boot. */
#define BLOCK (1UL << (EMUL_PAGE_ORDERS - 1))

static struct page *buddy_of(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page) ^ (1UL << order);

	return pfn + (1UL << order) <= pfn_end ? pfn_to_page(pfn) : NULL;
}

static void free_block(struct page *page, unsigned int order)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&free_lock, flags);
	free_pages_count += 1UL << order;
	while (order < EMUL_PAGE_ORDERS - 1) {
		struct page *buddy = buddy_of(page, order);

		if (!buddy || buddy->private != FREE_MARK + order)
			break;
		list_del(&buddy->lru);
		buddy->private = 0;
		if (buddy < page)
			page = buddy;
		order++;
	}
	page->private = FREE_MARK + order;
	list_add(&page->lru, &free_list[order]);
	raw_spin_unlock_irqrestore(&free_lock, flags);
}

static void prepare(struct page *page, unsigned long count)
{
	for (; count--; page++) {
		page->flags = 0;
		page->mapping = NULL;
		page->index = 0;
		page->private = 0;
		set_page_count(page, 0);
		atomic_set(&page->_mapcount, -1);
	}
}

/* A run of whole blocks, lowest first; NULL: there is no such run. */
static struct page *take_blocks(unsigned long pages)
{
	unsigned long first, pfn, flags;

	pages = ALIGN(pages, BLOCK);
	raw_spin_lock_irqsave(&free_lock, flags);
	for (first = 0, pfn = 0; pfn - first < pages; pfn += BLOCK) {
		if (first + pages > pfn_end) {
			raw_spin_unlock_irqrestore(&free_lock, flags);
			return NULL;
		}
		if (pfn_to_page(pfn)->private != FREE_MARK + EMUL_PAGE_ORDERS - 1)
			first = pfn + BLOCK;
	}
	for (pfn = first; pfn < first + pages; pfn += BLOCK)
		list_del(&pfn_to_page(pfn)->lru);
	free_pages_count -= pages;
	raw_spin_unlock_irqrestore(&free_lock, flags);
	prepare(pfn_to_page(first), pages);
	for (pfn = first; pfn < first + pages; pfn += BLOCK)
		set_page_count(pfn_to_page(pfn), 1);
	return pfn_to_page(first);
}

struct page *EMUL_ALLOC(__alloc_pages)(gfp_t gfp, unsigned int order, int nid, nodemask_t *nodes)
{
	unsigned int o = order;
	unsigned long flags;
	struct page *page;

	EMUL("pages come from the domain's own memory");
	raw_spin_lock_irqsave(&free_lock, flags);
	while (o < EMUL_PAGE_ORDERS && list_empty(&free_list[o]))
		o++;
	if (o >= EMUL_PAGE_ORDERS) {
		raw_spin_unlock_irqrestore(&free_lock, flags);
		return NULL;
	}
	page = list_first_entry(&free_list[o], struct page, lru);
	list_del(&page->lru);
	page->private = 0;
	while (o > order) {
		struct page *half = page + (1UL << --o);

		half->private = FREE_MARK + o;
		list_add(&half->lru, &free_list[o]);
	}
	free_pages_count -= 1UL << order;
	raw_spin_unlock_irqrestore(&free_lock, flags);
	prepare(page, 1UL << order);
	set_page_count(page, 1);
	page->index = order;
	if (gfp & __GFP_ZERO)
		memset(page_address(page), 0, PAGE_SIZE << order);
	return page;
}

void __free_pages(struct page *page, unsigned int order)
{
	EMUL("pages come from the domain's own memory");
	if (put_page_testzero(page))
		free_block(page, order);
}

struct pglist_data contig_page_data;

void mod_node_page_state(struct pglist_data *node, enum node_stat_item item, long delta)
{
	EMUL_IGNORE("no statistics of memory");
}

void split_page(struct page *page, unsigned int order)
{
	unsigned int i;

	EMUL("pages come from the domain's own memory");
	for (i = 1; i < 1U << order; i++) {
		set_page_count(page + i, 1);
		page[i].index = 0;
	}
	page->index = 0;
}

void put_pages_list(struct list_head *pages)
{
	struct page *page, *next;

	EMUL("pages come from the domain's own memory");
	list_for_each_entry_safe(page, next, pages, lru)
		__free_pages(page, 0);
	INIT_LIST_HEAD(pages);
}

void __folio_put(struct folio *folio)
{
	EMUL("pages come from the domain's own memory");
	free_block(&folio->page, folio->page.index);
}

unsigned long EMUL_GET_FREE_PAGES(gfp_t gfp, unsigned int order)
{
	struct page *page = __alloc_pages(gfp, order, 0, NULL);

	return page ? (unsigned long)page_address(page) : 0;
}

unsigned long EMUL_ALLOC(get_zeroed_page)(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}

void free_pages(unsigned long addr, unsigned int order)
{
	EMUL("pages come from the domain's own memory");
	if (addr)
		__free_pages(virt_to_page((void *)addr), order);
}

void *EMUL_ALLOC(alloc_pages_exact)(size_t size, gfp_t gfp)
{
	unsigned int order = get_order(size), i, used = PAGE_ALIGN(size) >> PAGE_SHIFT;
	struct page *page = __alloc_pages(gfp, order, 0, NULL);

	EMUL("pages come from the domain's own memory");
	if (!page)
		return NULL;
	split_page(page, order);
	for (i = used; i < 1U << order; i++)
		__free_pages(page + i, 0);
	return page_address(page);
}

void free_pages_exact(void *virt, size_t size)
{
	EMUL("pages come from the domain's own memory");
	unsigned long i;

	for (i = 0; i < PAGE_ALIGN(size); i += PAGE_SIZE)
		free_pages((unsigned long)virt + i, 0);
}

extern unsigned long emul_ram_pages;	/* memory_map.c */

/* Everything the domain builder and the image did not take (start_info says what it took). */
void emul_page_alloc_init(void)
{
	unsigned long pfn, first, nr = emul_ram_pages, mem_map_pages;
	unsigned long image_end = PFN_UP(__pa(emul_image_end));
	unsigned long pt_start, pt_end, p2m_start, p2m_end;
	int o;

	for (o = 0; o < EMUL_PAGE_ORDERS; o++)
		INIT_LIST_HEAD(&free_list[o]);
	pfn_end = nr;
	max_pfn = nr;
	/* The domain builder puts all of its pages behind the image in one run; first free is after all of them. */
	pt_start = PFN_DOWN(__pa(xen_start_info->pt_base));
	pt_end = pt_start + xen_start_info->nr_pt_frames;
	p2m_start = PFN_DOWN(__pa(xen_start_info->mfn_list));
	p2m_end = p2m_start + PFN_UP(xen_start_info->nr_pages * sizeof(unsigned long));
	first = max3(image_end, pt_end, p2m_end);
	first = max(first, (unsigned long)PFN_UP(__pa(xen_start_info)) + 1);
	BUG_ON(first >= nr);	/* what the builder placed lies in a hole of the memory map */
	/* struct page array */
	mem_map_pages = PFN_UP(nr * sizeof(struct page));
	vmemmap_base = (unsigned long)__va(first << PAGE_SHIFT);
	memset((void *)vmemmap_base, 0, mem_map_pages << PAGE_SHIFT);
	first += mem_map_pages;

	for (pfn = first; pfn < nr; ) {
		unsigned int order = EMUL_PAGE_ORDERS - 1;

		while (order && ((pfn & ((1UL << order) - 1)) || pfn + (1UL << order) > nr))
			order--;
		/* Highest first in the list would hand out scattered memory; append keeps the lowest in front. */
		free_pages_count += 1UL << order;
		pfn_to_page(pfn)->private = FREE_MARK + order;
		list_add_tail(&pfn_to_page(pfn)->lru, &free_list[order]);
		pfn += 1UL << order;
	}
}

unsigned long nr_free_buffer_pages(void)
{
	EMUL("pages come from the domain's own memory");
	return free_pages_count;
}

unsigned long max_pfn, max_low_pfn, max_pfn_mapped, min_low_pfn;
unsigned long long max_possible_pfn;

void *memblock_alloc_try_nid(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr, phys_addr_t max_addr, int nid)
{
	struct page *page;

	EMUL("boot memory comes from the page allocator, which is up first");
	if (size <= BLOCK << PAGE_SHIFT)
		return (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, get_order(max(size, align)));
	page = take_blocks(PFN_UP(size));
	return page ? memset(page_address(page), 0, size) : NULL;
}

void *memblock_alloc_try_nid_raw(phys_addr_t size, phys_addr_t align, phys_addr_t min, phys_addr_t max, int nid)
{
	EMUL("pages come from the domain's own memory");
	return memblock_alloc_try_nid(size, align, min, max, nid);
}

void memblock_free(void *ptr, size_t size)
{
	unsigned long at = 0;

	EMUL("boot memory comes from the page allocator, which is up first");
	for (; size - at > BLOCK << PAGE_SHIFT; at += BLOCK << PAGE_SHIFT)
		free_pages((unsigned long)ptr + at, EMUL_PAGE_ORDERS - 1);
	free_pages((unsigned long)ptr + at, at ? EMUL_PAGE_ORDERS - 1 : get_order(size));
}

void memblock_free_late(phys_addr_t base, phys_addr_t size)
{
	EMUL("boot memory comes from the page allocator, which is up first");
	memblock_free(__va(base), size);
}

int memblock_phys_free(phys_addr_t base, phys_addr_t size)
{
	EMUL("pages come from the domain's own memory");
	memblock_free(__va(base), size);
	return 0;
}

int memblock_reserve(phys_addr_t base, phys_addr_t size)
{
	EMUL_IGNORE("boot memory is not tracked");
	return 0;
}

/* --- what the balloon driver asks of memory management --- */
struct pglist_data contig_page_data;
unsigned long totalreserve_pages __read_mostly = 256;	/* what the watermarks would keep: the balloon does not insist on these */

void adjust_managed_page_count(struct page *page, long count)
{
	EMUL_IGNORE("nobody asks how many pages the kernel manages");
}

#ifdef EMUL_HAS_FREE_RESERVED_PAGE
void free_reserved_page(struct page *page)
{
	EMUL("pages come from the domain's own memory");
	ClearPageReserved(page);
	init_page_count(page);
	__free_page(page);
}
#endif

long si_mem_available(void)
{
	EMUL("pages come from the domain's own memory");
	return emul_free_pages();
}
