#include "client/mls/secret_heap.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"

#define PAGE_BYTES 4096u
#define WORD_BITS 64u
#define BLOCK_MIN_BYTES 32u
#define PAGE_WORDS (PAGE_BYTES / BLOCK_MIN_BYTES / WORD_BITS)
/* Each region is as large as all before it together, within these. */
#define REGION_PAGES_MIN 16u
#define REGION_PAGES_MAX 1024u

/* Most secrets have 32 bytes; 48 are a kept message key, 288 an epoch's secrets. */
static const uint16_t block_bytes[] = {
    BLOCK_MIN_BYTES, 48, 64, 96, 128, 192, 288, 448, 672, 1024, MLS_SECRET_BLOCK_MAX_BYTES};
#define CLASS_COUNT (sizeof(block_bytes) / sizeof(block_bytes[0]))

/* A page of blocks of one size. A page that has free ones is in the list of its size. */
struct page {
    struct page *next;
    struct page *previous;
    struct region *region;
    uint16_t size_class;
    uint16_t used_count;
    uint64_t used[PAGE_WORDS];
};

struct region {
    struct region *older;
    uint8_t *bytes;
    struct page *free_pages; /* linked by `next` */
    uint32_t page_count;
    uint32_t free_count;
    struct page pages[];
};

struct heap {
    struct memory memory;
    pthread_mutex_t lock;
    struct region *newest;
    struct page *open[CLASS_COUNT]; /* pages with free blocks */
    uint32_t page_count;
    uint32_t idle_regions; /* of which no page is in use */
};

static uint16_t blocks_in_page(uint16_t size_class)
{
    return (uint16_t)(PAGE_BYTES / block_bytes[size_class]);
}

/* -- regions -- */

static struct region *region_create(struct heap *heap)
{
    uint32_t count = heap->page_count < REGION_PAGES_MIN   ? REGION_PAGES_MIN
                     : heap->page_count > REGION_PAGES_MAX ? REGION_PAGES_MAX
                                                           : heap->page_count;
    struct region *region =
        memory_allocate_zero(memory_system(), sizeof(*region) + count * sizeof(region->pages[0]));
    if (region == NULL) {
        return NULL;
    }
    region->bytes = sodium_malloc((size_t)count * PAGE_BYTES);
    if (region->bytes == NULL) {
        memory_release(memory_system(), region);
        return NULL;
    }
    for (uint32_t i = count; i-- > 0;) {
        region->pages[i].region = region;
        region->pages[i].next = region->free_pages;
        region->free_pages = &region->pages[i];
    }
    region->page_count = count;
    region->free_count = count;
    region->older = heap->newest;
    heap->newest = region;
    heap->page_count += count;
    heap->idle_regions++;
    return region;
}

static void region_destroy(struct heap *heap, struct region *region)
{
    struct region **link = &heap->newest;
    COLUMBA_ASSERT(region->free_count == region->page_count);
    while (*link != region) {
        link = &(*link)->older;
    }
    *link = region->older;
    heap->page_count -= region->page_count;
    heap->idle_regions--;
    sodium_free(region->bytes);
    memory_release(memory_system(), region);
}

static struct region *find_region(const struct heap *heap, const uint8_t *block)
{
    struct region *region = heap->newest;
    while (region != NULL && ((uintptr_t)block < (uintptr_t)region->bytes ||
                              (uintptr_t)block - (uintptr_t)region->bytes >=
                                  (size_t)region->page_count * PAGE_BYTES)) {
        region = region->older;
    }
    return region;
}

/* -- pages -- */

static void page_open(struct heap *heap, struct page *page)
{
    struct page **first = &heap->open[page->size_class];
    page->previous = NULL;
    page->next = *first;
    if (*first != NULL) {
        (*first)->previous = page;
    }
    *first = page;
}

static void page_shut(struct heap *heap, struct page *page)
{
    if (page->next != NULL) {
        page->next->previous = page->previous;
    }
    if (page->previous != NULL) {
        page->previous->next = page->next;
    } else {
        heap->open[page->size_class] = page->next;
    }
}

/* A page for blocks of a size, open. */
static struct page *page_take(struct heap *heap, uint16_t size_class)
{
    struct region *region = heap->newest;
    while (region != NULL && region->free_count == 0) {
        region = region->older;
    }
    if (region == NULL) {
        region = region_create(heap);
    }
    if (region == NULL) {
        return NULL;
    }
    struct page *page = region->free_pages;
    heap->idle_regions -= region->free_count == region->page_count;
    region->free_pages = page->next;
    region->free_count--;
    page->size_class = size_class;
    page_open(heap, page);
    return page;
}

/* One idle region is kept, or the next secret would take it again. */
static void page_give(struct heap *heap, struct page *page)
{
    struct region *region = page->region;
    page_shut(heap, page);
    page->next = region->free_pages;
    region->free_pages = page;
    region->free_count++;
    if (region->free_count == region->page_count) {
        heap->idle_regions++;
        if (heap->idle_regions > 1) {
            region_destroy(heap, region);
        }
    }
}

/* -- blocks -- */

static uint16_t class_for(size_t size)
{
    uint16_t size_class = 0;
    while (block_bytes[size_class] < size) {
        size_class++;
    }
    return size_class;
}

/* The first free block of an open page. */
static uint8_t *block_take(struct heap *heap, struct page *page)
{
    uint16_t number = 0;
    while (page->used[number / WORD_BITS] & (1ull << number % WORD_BITS)) {
        number++;
    }
    COLUMBA_ASSERT(number < blocks_in_page(page->size_class));
    page->used[number / WORD_BITS] |= 1ull << number % WORD_BITS;
    page->used_count++;
    if (page->used_count == blocks_in_page(page->size_class)) {
        page_shut(heap, page);
    }
    size_t at = (size_t)(page - page->region->pages) * PAGE_BYTES;
    return page->region->bytes + at + (size_t)number * block_bytes[page->size_class];
}

static void block_give(struct heap *heap, uint8_t *block)
{
    struct region *region = find_region(heap, block);
    COLUMBA_ASSERT(region != NULL);
    size_t at = (size_t)(block - region->bytes);
    struct page *page = &region->pages[at / PAGE_BYTES];
    size_t bytes = block_bytes[page->size_class];
    size_t number = at % PAGE_BYTES / bytes;
    COLUMBA_ASSERT(at % PAGE_BYTES % bytes == 0);
    COLUMBA_ASSERT(page->used[number / WORD_BITS] & (1ull << number % WORD_BITS));
    sodium_memzero(block, bytes);
    if (page->used_count == blocks_in_page(page->size_class)) {
        page_open(heap, page);
    }
    page->used[number / WORD_BITS] &= ~(1ull << number % WORD_BITS);
    page->used_count--;
    if (page->used_count == 0) {
        page_give(heap, page);
    }
}

static void *heap_allocate(struct memory *memory, size_t size)
{
    struct heap *heap = (struct heap *)memory;
    COLUMBA_ASSERT(size > 0 && size <= MLS_SECRET_BLOCK_MAX_BYTES);
    uint16_t size_class = class_for(size);
    (void)pthread_mutex_lock(&heap->lock);
    struct page *page = heap->open[size_class];
    if (page == NULL) {
        page = page_take(heap, size_class);
    }
    uint8_t *block = page == NULL ? NULL : block_take(heap, page);
    (void)pthread_mutex_unlock(&heap->lock);
    return block;
}

static void heap_release(struct memory *memory, void *block)
{
    struct heap *heap = (struct heap *)memory;
    (void)pthread_mutex_lock(&heap->lock);
    block_give(heap, block);
    (void)pthread_mutex_unlock(&heap->lock);
}

struct memory *mls_guarded_memory(void)
{
    static struct heap heap = {
        .memory = {.allocate = heap_allocate, .release = heap_release},
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    return &heap.memory;
}
