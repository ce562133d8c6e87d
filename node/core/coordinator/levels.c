#include "node/core/coordinator/levels.h"

#include "node/core/state.h"

enum consistency level_for_reading(const struct core *core, const struct op *op)
{
    return op->consistency == 0 ? core->cluster.topology->read_consistency
                                : (enum consistency)op->consistency;
}

enum consistency level_for_writing(const struct core *core, const struct op *op)
{
    return op->consistency == 0 ? core->cluster.topology->write_consistency
                                : (enum consistency)op->consistency;
}

enum consistency level_for_loading(const struct core *core, const struct op *op)
{
    enum consistency level = (enum consistency)op->consistency;
    bool is_less = level == CONSISTENCY_ONE || level == CONSISTENCY_LOCAL_ONE ||
                   level == CONSISTENCY_LOCAL_QUORUM;
    return is_less ? level : core->cluster.topology->read_consistency;
}
