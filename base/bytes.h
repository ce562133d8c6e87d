/* Fixed-width integers to and from bytes, whatever the machine's order and alignment. */
#ifndef COLUMBA_BASE_BYTES_H
#define COLUMBA_BASE_BYTES_H

#include <stdint.h>

static inline void bytes_put_u16_be(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static inline void bytes_put_u32_be(uint8_t *out, uint32_t value)
{
    bytes_put_u16_be(out, (uint16_t)(value >> 16));
    bytes_put_u16_be(out + 2, (uint16_t)value);
}

static inline void bytes_put_u64_be(uint8_t *out, uint64_t value)
{
    bytes_put_u32_be(out, (uint32_t)(value >> 32));
    bytes_put_u32_be(out + 4, (uint32_t)value);
}

static inline uint16_t bytes_get_u16_be(const uint8_t *in)
{
    return (uint16_t)((uint16_t)in[0] << 8 | in[1]);
}

static inline uint32_t bytes_get_u32_be(const uint8_t *in)
{
    return (uint32_t)bytes_get_u16_be(in) << 16 | bytes_get_u16_be(in + 2);
}

static inline uint64_t bytes_get_u64_be(const uint8_t *in)
{
    return (uint64_t)bytes_get_u32_be(in) << 32 | bytes_get_u32_be(in + 4);
}

#endif
