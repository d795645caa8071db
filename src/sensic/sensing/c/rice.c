/* Symbols in Golomb-Rice codes: shifts, comparisons and additions only. */
#include "internal.h"

enum { LONGEST = 20, SEEN = 255 };

void sensic_rice_begin(sensic_encoder *encoder, int layer)
{
    sensic_body *const body = &encoder->body[layer];
    body->size = body->bits = body->filled = 0;
}

/* The `count` lowest bits of `value`, 24 at most. */
static void put(sensic_body *body, uint32_t value, int count)
{
    body->bits = body->bits << count | value;
    body->filled += (uint32_t)count;
    while (body->filled >= 8) {
        body->filled -= 8;
        sensic_byte(body, body->bits >> body->filled);
        body->bits &= (1u << body->filled) - 1;
    }
}

static void golomb(sensic_body *body, int32_t value, int k)
{
    const int32_t ones = value >> k;
    if (ones >= LONGEST) {
        put(body, (1u << LONGEST) - 1, LONGEST);
        put(body, (uint32_t)value, LONGEST);
        return;
    }
    put(body, (2u << ones) - 2, (int)ones + 1);
    put(body, (uint32_t)value & ((1u << k) - 1), k);
}

/* The least k with 2^k >= value. */
static int digits(int32_t value)
{
    int k = 0;
    while (((int32_t)1 << k) < value)
        k++;
    return k;
}

/* The least k with 2^(k + 1) >= value. */
static int parameter(int32_t value)
{
    const int k = digits(value);
    return k ? k - 1 : 0;
}

/* How many sub-bands there are up to the last that is not empty, the mean's aside. */
static int end_of(unsigned flags, int layer)
{
    int end = 0;
    for (flags >>= layer == 0; flags; flags >>= 1)
        end++;
    return end;
}

static void mean(sensic_body *body, const sensic_block *block)
{
    const int32_t r = block->residual;
    golomb(body, r < 0 ? -r - r - 1 : r + r, digits(block->activity));
}

static void subband(sensic_encoder *encoder, sensic_body *body, const sensic_subband *sub, const sensic_block *block)
{
    const uint8_t *const left = block->left->magnitude + sub->first;
    uint8_t *const here = block->here->magnitude + sub->first;
    const uint8_t *const place = encoder->place + sub->first;
    const int32_t *const symbols = encoder->measured + block->number;
    for (int i = 0; i < sub->count; i++) {
        const int32_t value = symbols[place[i] * SENSIC_STRIP], magnitude = sensic_magnitude(value);
        golomb(body, magnitude, parameter(left[i] + here[i]));
        if (value)
            put(body, value < 0, 1);
        here[i] = (uint8_t)(magnitude < SEEN ? magnitude : SEEN);
    }
}

void sensic_rice_block(sensic_encoder *encoder, const sensic_block *block)
{
    const int layer = block->layer, first = encoder->subbands[layer] + (layer == 0);
    const int end = end_of(block->flags, layer);
    sensic_body *const body = &encoder->body[layer];
    if (layer == 0)
        mean(body, block);
    golomb(body, end, parameter(end_of(block->left->flags[layer], layer) + end_of(block->here->flags[layer], layer)));
    for (int i = first, number = 1; i < encoder->subbands[layer + 1]; i++, number++) {
        const sensic_subband *const sub = &encoder->subband[i];
        const int some = block->flags >> (i - encoder->subbands[layer]) & 1;
        if (number < end)
            put(body, (uint32_t)some, 1);
        if (some)
            subband(encoder, body, sub, block);
        else
            for (int j = 0; j < sub->count; j++)
                block->here->magnitude[sub->first + j] = 0;
    }
}

void sensic_rice_end(sensic_body *body)
{
    if (body->filled)
        put(body, 0, (int)(8 - body->filled));
    sensic_trim(body);
}
