/* Shared by the parts of the encoder; users need sensic.h only. */
#ifndef SENSIC_INTERNAL_H
#define SENSIC_INTERNAL_H

#include "sensic.h"

/* A block in a layer: its number in the strip, and what is around it. */
typedef struct {
    int layer, chroma, number;
    uint16_t flags;              /* of its sub-bands */
    int32_t residual, activity;  /* of the mean, in layer 0 */
    const sensic_column *left;
    sensic_column *here;         /* still with what is above */
} sensic_block;

/* setup.c: a new group; nothing is above, and all bodies are empty. */
void sensic_begin_group(sensic_encoder *encoder);

/* measure.c: a strip of blocks that begins at sample `begin` of lines of `width`, to encoder->measured, and from there to
 * symbols in the same place. */
void sensic_measure(sensic_encoder *encoder, const void *lines[SENSIC_FRAMES][SENSIC_BLOCK], int begin, int width);
void sensic_quantise(sensic_encoder *encoder);

/* range.c, rice.c: code a block and leave the magnitudes of its symbols in block->here. */
void sensic_range_begin(sensic_encoder *encoder, int layer);
void sensic_range_block(sensic_encoder *encoder, const sensic_block *block);
void sensic_range_end(sensic_body *body);
void sensic_rice_begin(sensic_encoder *encoder, int layer);
void sensic_rice_block(sensic_encoder *encoder, const sensic_block *block);
void sensic_rice_end(sensic_body *body);

/* Forget zeros at the end, which a decoder reads anyway. */
void sensic_trim(sensic_body *body);

static inline void sensic_byte(sensic_body *body, uint32_t byte)
{
    if (body->size < body->capacity)
        body->bytes[body->size] = (uint8_t)byte;
    body->size++; /* beyond the capacity: the body is known to be too long */
}

static inline int32_t sensic_magnitude(int32_t value)
{
    return value < 0 ? -value : value;
}

#endif
