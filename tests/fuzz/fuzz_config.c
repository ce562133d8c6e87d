/* Any bytes as a configuration file: an error with a text or a whole configuration, no crash. */
#include <stdlib.h>

#include "base/assert.h"
#include "node/shell/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config_problem problem;
    struct config config;
    problem.text[0] = '\0';
    if (config_parse(&config, "fuzz.yaml", slice_of(data, size), &problem) != COLUMBA_OK) {
        COLUMBA_ASSERT(problem.text[0] != '\0');
        return 0;
    }
    COLUMBA_ASSERT(config.self < config.node_count);
    config_clear(&config);
    return 0;
}
