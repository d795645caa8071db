/* Symbols as binary decisions with adaptive probabilities, by a range coder of 32 bits. The only multiplications are
 * here, one for each decision. */
#include "internal.h"
#ifndef SENSIC_RICE_ONLY
#include "initial.h"

enum { FLAG = 0, SIGNIFICANT = 144, MORE = 384, ESCAPE = 408, MEAN = 424, UNARY = 8, DIGITS = 15, RATE = 5 };

void sensic_range_begin(sensic_encoder *encoder, int layer)
{
    sensic_body *const body = &encoder->body[layer];
    body->size = body->low = 0;
    body->range = 0xFFFFFFFFu;
    for (int i = 0; i < SENSIC_CONTEXTS; i++)
        encoder->contexts[layer][0][i] = encoder->contexts[layer][1][i] = (uint16_t)(sensic_initial[i] << 8);
}

/* low has grown beyond 32 bits. */
static void carry(sensic_body *body)
{
    uint32_t place = body->size;
    if (place > body->capacity)
        return;
    while (++body->bytes[--place] == 0) {
    }
}

static void add(sensic_body *body, uint32_t value)
{
    body->low += value;
    if (body->low < value)
        carry(body);
}

static void renormalise(sensic_body *body)
{
    while (body->range < 1u << 24) {
        sensic_byte(body, body->low >> 24);
        body->low <<= 8;
        body->range <<= 8;
    }
}

static void code(sensic_body *body, uint16_t *context, int bit)
{
    const uint32_t p = *context, bound = (body->range >> 12) * (p >> 4);
    if (bit) {
        body->range = bound;
        *context = (uint16_t)(p + ((65536 - p) >> RATE));
    } else {
        add(body, bound);
        body->range -= bound;
        *context = (uint16_t)(p - (p >> RATE));
    }
    renormalise(body);
}

static void raw(sensic_body *body, int bit)
{
    body->range >>= 1;
    if (bit)
        add(body, body->range);
    renormalise(body);
}

static int digits_of(int32_t value)
{
    int digits = 0;
    for (; value; value >>= 1)
        digits++;
    return digits;
}

static void length(sensic_body *body, uint16_t *contexts, int32_t value)
{
    const int digits = digits_of(value);
    for (int j = 0; j <= digits; j++)
        code(body, contexts + (j < DIGITS ? j : DIGITS), j < digits);
    for (int j = digits - 2; j >= 0; j--)
        raw(body, (int)(value >> j & 1));
}

static void mean(sensic_body *body, uint16_t *contexts, const sensic_block *block)
{
    const int digits = digits_of(block->activity);
    length(body, contexts + MEAN + ((digits < 5 ? digits : 5) << 4), sensic_magnitude(block->residual));
    if (block->residual)
        raw(body, block->residual < 0);
}

static void symbol(sensic_body *body, uint16_t *more, uint16_t *escape, int32_t value)
{
    const int32_t magnitude = sensic_magnitude(value);
    for (int m = 1; m < UNARY; m++) {
        code(body, more + (m < 4 ? m - 1 : 3), magnitude > m);
        if (magnitude == m)
            break;
    }
    if (magnitude >= UNARY)
        length(body, escape, magnitude - UNARY);
    raw(body, value < 0);
}

static void subband(sensic_encoder *encoder, sensic_body *body, uint16_t *contexts, const sensic_subband *sub,
                    const sensic_block *block)
{
    static const uint8_t five[12] = {0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55};
    uint16_t *const significant = contexts + SIGNIFICANT + (five[sub->kind] << 2);
    uint16_t *const more = contexts + MORE + (sub->later ? 12 : 0);
    const uint8_t *const left = block->left->magnitude + sub->first;
    uint8_t *const here = block->here->magnitude + sub->first;
    const uint8_t *const place = encoder->place + sub->first;
    const int32_t *const symbols = encoder->measured + block->number;
    int before = 0;
    for (int i = 0; i < sub->count; i++) {
        const int around = left[i] + here[i];
        const int32_t value = symbols[place[i] * SENSIC_STRIP];
        code(body, significant + (around << 2) + before, value != 0);
        here[i] = 0;
        if (value) {
            symbol(body, more + (around >> 1 << 2), contexts + ESCAPE, value);
            before += before < 3;
            here[i] = value == 1 || value == -1 ? 1 : 2;
        }
    }
}

void sensic_range_block(sensic_encoder *encoder, const sensic_block *block)
{
    static const uint8_t twelve[12] = {0, 12, 24, 36, 48, 60, 72, 84, 96, 108, 120, 132};
    sensic_body *const body = &encoder->body[block->layer];
    uint16_t *const contexts = encoder->contexts[block->layer][block->chroma];
    const unsigned left = block->left->flags[block->layer], upper = block->here->flags[block->layer];
    int flagged = 0, first = encoder->subbands[block->layer];
    if (block->layer == 0) {
        mean(body, contexts, block);
        first++;
    }
    for (int i = first; i < encoder->subbands[block->layer + 1]; i++) {
        const sensic_subband *const sub = &encoder->subband[i];
        const int number = i - encoder->subbands[block->layer];
        if (sub->count > 1) {
            const int around = (int)((left >> number & 1) + (upper >> number & 1));
            const int some = block->flags >> number & 1;
            code(body, contexts + FLAG + twelve[sub->kind] + flagged + flagged + flagged + around, some);
            flagged += some && flagged < 3;
            if (!some) {
                for (int j = 0; j < sub->count; j++)
                    block->here->magnitude[sub->first + j] = 0;
                continue;
            }
        }
        subband(encoder, body, contexts, sub, block);
    }
}

void sensic_range_end(sensic_body *body)
{
    add(body, 0xFFFFFFu); /* the first number with 24 bits 0 at its end: there is always one */
    sensic_byte(body, body->low >> 24);
    sensic_trim(body);
}

#endif
