#include "node/core/machine/latch.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "node/core/state.h"

void latches_init(struct latches *latches)
{
    for (unsigned i = 0; i < LATCH_BUCKETS; i++) {
        list_init(&latches->buckets[i]);
    }
}

static struct list *bucket_of(struct latches *latches, const struct id *partition)
{
    return &latches->buckets[bytes_get_u32_be(partition->bytes) & (LATCH_BUCKETS - 1)];
}

static struct latch_claim *holder_of(struct latches *latches, const struct id *partition)
{
    list_for_each(link, bucket_of(latches, partition))
    {
        struct latch_claim *claim = container_of(link, struct latch_claim, link);
        if (id_equal(&claim->partition, partition)) {
            return claim;
        }
    }
    return NULL;
}

bool latch_take(struct core *core, struct latch_claim *claim, struct op *op,
                const struct id *partition, op_next *next)
{
    *claim = (struct latch_claim){.partition = *partition, .op = op, .next = next};
    list_init(&claim->link);
    list_init(&claim->waiting);
    struct latch_claim *holder = holder_of(&core->latches, partition);
    if (holder != NULL && holder->waiting_count == LATCH_WAITERS_MAX) {
        return false;
    }
    if (holder != NULL) {
        holder->waiting_count++;
        list_append(&holder->waiting, &claim->link);
        return true;
    }
    list_append(bucket_of(&core->latches, partition), &claim->link);
    next(core, op);
    return true;
}

void latch_release(struct core *core, struct latch_claim *claim)
{
    COLUMBA_ASSERT(holder_of(&core->latches, &claim->partition) == claim);
    list_remove(&claim->link);
    if (list_is_empty(&claim->waiting)) {
        return;
    }
    struct latch_claim *heir = container_of(claim->waiting.next, struct latch_claim, link);
    list_remove(&heir->link);
    while (!list_is_empty(&claim->waiting)) {
        struct list *next = claim->waiting.next;
        list_remove(next);
        list_append(&heir->waiting, next);
    }
    heir->waiting_count = claim->waiting_count - 1;
    list_append(bucket_of(&core->latches, &heir->partition), &heir->link);
    heir->next(core, heir->op);
}
