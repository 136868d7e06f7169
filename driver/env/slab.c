// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for mm/slub.c and mm/slab_common.c: power-of-two classes on whole pages of the domain's memory. An object
 * never shares a page with one of another class; classes of 2 KiB and below share pages with their own kind, as SLUB
 * does, so that sub-page exposure stays visible.
 *
 * `slab_fence on` (a callable) shows what KASAN would: from then on each object has a page of its own and ends where that
 * ends; the page behind it, and its own when it is freed, are inaccessible, and whoever comes there stops the domain. When
 * FENCE_MOST of them are out, the one that was freed first comes back.
 *
 * `slab_owners=on` on the command line keeps, beside the objects, who has them, from the first one on; the callable
 * `slab_owners on` from then on. It is for the host, which looks when a page is mapped for DMA (scenarios/machine/sub_page.h).
 */
#include <linux/kmemleak.h>
#include <linux/log2.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "../../mm/slab.h"
#include <linux/string.h>

#include "emul.h"
#include "work.h"

struct kmem_cache *kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_SHIFT_HIGH + 1];

#define SLAB_MARK 0x534c4142UL	/* page->private = SLAB_MARK << 8 | shift */
#define MIN_SHIFT 3
#define MAX_SHIFT 11

struct object { struct object *next; };
static struct object *free_objects[MAX_SHIFT + 1];
static DEFINE_RAW_SPINLOCK(slab_lock);

#define FENCE_MARK 0x46454e43UL	/* page->private = FENCE_MARK << 16 | size; 0: it has been freed */
#define FENCE_MOST 512	/* objects, two pages each */

static bool fence_on;
static unsigned int fence_left = FENCE_MOST;
static LIST_HEAD(fence_freed);	/* by page->lru, the longest freed first */

static void fence(const void *page, unsigned long why, size_t size)
{
	emul_call(SEAM_MAP, SEAM_MAP_GUARD, page, PAGE_SIZE, why | size << SEAM_GUARD_SHIFT);
}

/* NULL: there is no page left for it. */
static void *fence_alloc(size_t size, gfp_t gfp)
{
	struct page *page;
	unsigned long flags;
	bool fresh;
	void *object;

	raw_spin_lock_irqsave(&slab_lock, flags);
	fresh = fence_left > 0;
	page = fresh ? NULL : list_first_entry_or_null(&fence_freed, struct page, lru);
	if (fresh)
		fence_left--;
	else if (page)
		list_del(&page->lru);
	raw_spin_unlock_irqrestore(&slab_lock, flags);
	if (fresh)
		page = alloc_pages(gfp & ~__GFP_COMP, 1);
	else if (page)
		emul_call(SEAM_MAP, SEAM_MAP_UNGUARD, page_address(page), PAGE_SIZE, 0);
	if (!page)
		return NULL;
	page->private = FENCE_MARK << 16 | size;
	fence(page_address(page) + PAGE_SIZE, SEAM_GUARD_BEYOND, size);
	object = page_address(page) + PAGE_SIZE - ALIGN(size, 8);
	if (!fresh && (gfp & __GFP_ZERO))
		memset(object, 0, size);
	return object;
}

static void fence_free(const void *p, size_t size)
{
	struct page *page = virt_to_page(p);
	unsigned long flags;

	page->private = 0;
	fence((const void *)((unsigned long)p & PAGE_MASK), SEAM_GUARD_FREED, size);
	raw_spin_lock_irqsave(&slab_lock, flags);
	list_add_tail(&page->lru, &fence_freed);
	raw_spin_unlock_irqrestore(&slab_lock, flags);
}

/* The size of an object with a fence, else 0. */
static size_t fence_size(const void *p)
{
	unsigned long private = virt_to_page(p)->private;

	return private >> 16 == FENCE_MARK ? private & 0xffff : 0;
}

static int slab_fence(int argc, char **argv)
{
	if (argc != 2)
		return -EINVAL;
	fence_on = !strcmp(argv[1], "on");
	return 0;
}

EMUL_REGISTER("slab_fence", EMUL_CALLABLE, slab_fence);

#define OWNER_CALLERS 6

/* Of one object; size 0: it is free, or nobody looked when it was allocated. The host knows this layout. */
struct slab_owner {
	unsigned long size;
	const char *cache;	/* NULL: kmalloc */
	unsigned long callers[OWNER_CALLERS];	/* return addresses, innermost first, 0 after the last */
};

/* Of a page: all its objects, in order. The host knows this layout. */
struct slab_owners {
	unsigned long shift;
	struct slab_owner objects[];
};

#define NOT_ASKED ((struct slab_owners **)1)	/* whether anybody wants to know: the first allocation asks */

struct slab_owners **emul_slab_pages = NOT_ASKED;	/* by page frame number; the host looks here */
unsigned long emul_slab_page_count;	/* 0: nothing is kept */

static int keep_owners(void)
{
	emul_slab_pages = alloc_pages_exact(max_pfn * sizeof(*emul_slab_pages), GFP_KERNEL | __GFP_ZERO);
	if (!emul_slab_pages)
		return -ENOMEM;
	emul_slab_page_count = max_pfn;
	return 0;
}

static int slab_owners(int argc, char **argv)
{
	if (argc != 2 || strcmp(argv[1], "on") || emul_slab_pages)
		return -EINVAL;
	return keep_owners();
}

EMUL_REGISTER("slab_owners", EMUL_CALLABLE, slab_owners);

static struct slab_owner *owner_of(const void *object, unsigned int shift)
{
	unsigned long pfn = PFN_DOWN(__pa(object));

	if (pfn >= emul_slab_page_count || !emul_slab_pages[pfn])
		return NULL;
	return &emul_slab_pages[pfn]->objects[offset_in_page(object) >> shift];
}

/* noinline: its frame is the first that is followed. */
static noinline void keep_owner(const void *object, unsigned int shift, size_t size, const char *cache)
{
	unsigned long pfn = PFN_DOWN(__pa(object)), *frame = __builtin_frame_address(0);
	struct slab_owner *owner;
	int i;

	if (emul_slab_pages == NOT_ASKED) {
		const char *asked = emul_cmdline("slab_owners");

		emul_slab_pages = NULL;
		if (asked && !strncmp(asked, "on", 2))
			keep_owners();
	}
	if (pfn < emul_slab_page_count && !emul_slab_pages[pfn]) {
		size_t bytes = sizeof(struct slab_owners) + sizeof(*owner) * (PAGE_SIZE >> shift);

		emul_slab_pages[pfn] = alloc_pages_exact(bytes, __GFP_ZERO);
		if (emul_slab_pages[pfn])
			emul_slab_pages[pfn]->shift = shift;
	}
	owner = owner_of(object, shift);
	if (!owner)
		return;
	owner->size = size;
	owner->cache = cache;
	for (i = 0; i < OWNER_CALLERS; i++) {
		owner->callers[i] = frame ? frame[1] : 0;
		if (frame)
			frame = (unsigned long *)frame[0];
	}
}

static void *emul_cache_alloc(size_t size, gfp_t gfp, const char *cache)
{
	unsigned int shift = max_t(unsigned int, size > 1 ? order_base_2(size) : 0, MIN_SHIFT);
	struct object *object;
	unsigned long flags;

	if (size == 0)
		return ZERO_SIZE_PTR;
	if (unlikely(fence_on) && size <= PAGE_SIZE) {
		void *fenced = fence_alloc(size, gfp);

		if (fenced)
			return fenced;
	}
	if (shift > MAX_SHIFT) {
		struct page *page = alloc_pages(gfp & ~__GFP_COMP, get_order(size));

		if (!page)
			return NULL;
		page->private = (SLAB_MARK << 8) | (PAGE_SHIFT + get_order(size));
		return page_address(page);
	}
	raw_spin_lock_irqsave(&slab_lock, flags);
	if (!free_objects[shift]) {
		struct page *page = alloc_pages(0, 0);
		char *p;
		int i;

		if (!page) {
			raw_spin_unlock_irqrestore(&slab_lock, flags);
			return NULL;
		}
		page->private = (SLAB_MARK << 8) | shift;
		p = page_address(page);
		for (i = (PAGE_SIZE >> shift) - 1; i >= 0; i--) {
			object = (struct object *)(p + ((unsigned long)i << shift));
			object->next = free_objects[shift];
			free_objects[shift] = object;
		}
	}
	object = free_objects[shift];
	free_objects[shift] = object->next;
	if (unlikely(emul_slab_pages))
		keep_owner(object, shift, size, cache);
	raw_spin_unlock_irqrestore(&slab_lock, flags);
	if (gfp & __GFP_ZERO)
		memset(object, 0, 1UL << shift);
	return object;
}

static void *emul_alloc(size_t size, gfp_t gfp)
{
	return emul_cache_alloc(size, gfp, NULL);
}

static unsigned int shift_of(const void *p)
{
	unsigned long private = virt_to_head_page(p)->private;

	BUG_ON(private >> 8 != SLAB_MARK);
	return private & 0xff;
}

void kfree(const void *p)
{
	unsigned long flags;
	unsigned int shift;

	EMUL("slab on the domain's own pages");
	if (ZERO_OR_NULL_PTR(p))
		return;
	if (fence_size(p)) {
		fence_free(p, fence_size(p));
		return;
	}
	shift = shift_of(p);
	if (shift > MAX_SHIFT) {
		virt_to_page(p)->private = 0;
		free_pages((unsigned long)p, shift - PAGE_SHIFT);
		return;
	}
	raw_spin_lock_irqsave(&slab_lock, flags);
	if (unlikely(emul_slab_pages)) {
		struct slab_owner *owner = owner_of(p, shift);

		if (owner)
			owner->size = 0;
	}
	((struct object *)p)->next = free_objects[shift];
	free_objects[shift] = (struct object *)p;
	raw_spin_unlock_irqrestore(&slab_lock, flags);
}

size_t ksize(const void *p)
{
	EMUL("slab on the domain's own pages");
	if (ZERO_OR_NULL_PTR(p))
		return 0;
	return fence_size(p) ?: 1UL << shift_of(p);
}

unsigned int kmem_cache_size(struct kmem_cache *s) { EMUL("slab on the domain's own pages"); return s->object_size; }
size_t __ksize(const void *p) { EMUL("slab on the domain's own pages"); return ksize(p); }

void kfree_sensitive(const void *p)
{
	EMUL("slab on the domain's own pages");
	if (!ZERO_OR_NULL_PTR(p))
		memset((void *)p, 0, ksize(p));
	kfree(p);
}

void *EMUL_ALLOC(__kmalloc)(size_t size, gfp_t gfp)
{
	EMUL("slab on the domain's own pages");
	return emul_alloc(size, gfp);
}
#ifdef EMUL_HAS_ALLOC_NOPROF
void *__kmalloc_node_noprof(DECL_BUCKET_PARAMS(size, b), gfp_t gfp, int node) { EMUL("slab on the domain's own pages"); return __kmalloc_noprof(size, gfp); }
void *__kmalloc_node_track_caller_noprof(DECL_BUCKET_PARAMS(size, b), gfp_t gfp, int node, unsigned long c)
{
	EMUL("slab on the domain's own pages");
	return __kmalloc_noprof(size, gfp);
}
void *__kmalloc_cache_noprof(struct kmem_cache *s, gfp_t gfp, size_t size) { EMUL("slab on the domain's own pages"); return __kmalloc_noprof(size, gfp); }
void *__kmalloc_cache_node_noprof(struct kmem_cache *s, gfp_t gfp, int node, size_t size)
{
	EMUL("slab on the domain's own pages");
	return __kmalloc_noprof(size, gfp);
}
void *__kmalloc_large_noprof(size_t size, gfp_t gfp) { EMUL("slab on the domain's own pages"); return __kmalloc_noprof(size, gfp); }
void *__kmalloc_large_node_noprof(size_t size, gfp_t gfp, int node) { EMUL("slab on the domain's own pages"); return __kmalloc_noprof(size, gfp); }
void *__kmalloc(size_t size, gfp_t gfp) { EMUL("slab on the domain's own pages"); return __kmalloc_noprof(size, gfp); }	/* what driver/user/libc.c calls */
size_t kmalloc_size_roundup(size_t size) { EMUL("slab on the domain's own pages"); return size; }
#else
void *__kmalloc_node(size_t size, gfp_t gfp, int node) { EMUL("slab on the domain's own pages"); return __kmalloc(size, gfp); }
void *__kmalloc_node_track_caller(size_t size, gfp_t gfp, int node, unsigned long c) { EMUL("slab on the domain's own pages"); return __kmalloc(size, gfp); }
void *kmalloc_trace(struct kmem_cache *s, gfp_t gfp, size_t size) { EMUL("slab on the domain's own pages"); return __kmalloc(size, gfp); }
void *kmalloc_node_trace(struct kmem_cache *s, gfp_t gfp, int node, size_t size) { EMUL("slab on the domain's own pages"); return __kmalloc(size, gfp); }
void *kmalloc_large(size_t size, gfp_t gfp) { EMUL("slab on the domain's own pages"); return __kmalloc(size, gfp); }
void *kmalloc_large_node(size_t size, gfp_t gfp, int node) { EMUL("slab on the domain's own pages"); return __kmalloc(size, gfp); }
#endif

void *EMUL_ALLOC(krealloc)(const void *p, size_t size, gfp_t gfp)
{
	void *fresh;
	size_t old = ksize(p);

	EMUL("slab on the domain's own pages");
	if (!size) {
		kfree(p);
		return ZERO_SIZE_PTR;
	}
	if (old >= size)
		return (void *)p;
	fresh = emul_alloc(size, gfp);
	if (fresh && !ZERO_OR_NULL_PTR(p)) {
		memcpy(fresh, p, old);
		kfree(p);
	}
	return fresh;
}

#ifdef EMUL_HAS_CACHE_ARGS
struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int size, struct kmem_cache_args *args,
					    slab_flags_t flags)
{
	void (*ctor)(void *) = args->ctor;
#else
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align, slab_flags_t flags,
				     void (*ctor)(void *))
{
#endif
	struct kmem_cache *cache = emul_alloc(sizeof(*cache), GFP_KERNEL | __GFP_ZERO);

	EMUL("slab on the domain's own pages");
	cache->name = name;
	cache->object_size = cache->size = size;
	cache->ctor = ctor;
	return cache;
}

void kmem_cache_destroy(struct kmem_cache *cache) { EMUL("slab on the domain's own pages"); kfree(cache); }

void *EMUL_ALLOC(kmem_cache_alloc_node)(struct kmem_cache *cache, gfp_t gfp, int node)
{
	void *p = emul_cache_alloc(cache->object_size, gfp, cache->name);

	EMUL("slab on the domain's own pages");
	if (p && cache->ctor)
		cache->ctor(p);
	return p;
}
void *EMUL_ALLOC(kmem_cache_alloc)(struct kmem_cache *cache, gfp_t gfp) { return kmem_cache_alloc_node(cache, gfp, 0); }
void *EMUL_ALLOC(kmem_cache_alloc_lru)(struct kmem_cache *cache, struct list_lru *lru, gfp_t gfp)
{
	return kmem_cache_alloc_node(cache, gfp, 0);
}
void kmem_cache_free(struct kmem_cache *cache, void *p) { EMUL("slab on the domain's own pages"); kfree(p); }

#ifdef EMUL_HAS_CACHE_BULK
void kmem_cache_free_bulk(struct kmem_cache *cache, size_t count, void **objects)
{
	EMUL("slab on the domain's own pages");
	while (count)
		kfree(objects[--count]);
}

int kmem_cache_alloc_bulk_noprof(struct kmem_cache *cache, gfp_t gfp, size_t count, void **objects)
{
	EMUL("slab on the domain's own pages");
	size_t i;

	for (i = 0; i < count; i++) {
		objects[i] = kmem_cache_alloc_node_noprof(cache, gfp, 0);
		if (!objects[i]) {
			kmem_cache_free_bulk(cache, i, objects);
			return 0;
		}
	}
	return count;
}

kmem_buckets *kmem_buckets_create(const char *name, slab_flags_t flags, unsigned int useroffset,
				  unsigned int usersize, void (*ctor)(void *))
{
	EMUL_IGNORE("no separate caches for user-sized objects");
	return NULL;
}
#endif

bool slab_is_available(void) { EMUL_IGNORE("slab on the domain's own pages"); return true; }
