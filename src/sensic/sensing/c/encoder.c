/* Stripes of lines to strips of blocks, and bodies to packets. */
#include "internal.h"

enum { BLOCK = SENSIC_BLOCK, STRIP = SENSIC_STRIP };

int sensic_stripes(const sensic_encoder *encoder)
{
    return (encoder->settings.height + 15) >> 4;
}

/* Which sub-bands of which blocks have a symbol that is not 0. */
static void find_any(sensic_encoder *encoder)
{
    int32_t *any = encoder->any;
    for (int i = 0; i < encoder->subbands[SENSIC_LAYERS]; i++, any += STRIP) {
        const sensic_subband *const sub = &encoder->subband[i];
        for (int k = 0; k < STRIP; k++)
            any[k] = 0;
        for (int j = sub->first; j < sub->first + sub->count; j++) {
            const int32_t *const symbols = encoder->measured + encoder->place[j] * STRIP;
            for (int k = 0; k < STRIP; k++)
                any[k] |= symbols[k];
        }
    }
}

/* The mean's prediction (median edge detection); leaves the symbol for the blocks to come. */
static void predict(sensic_encoder *encoder, sensic_block *block, int first_row, int first_column)
{
    int32_t left = block->left->mean, upper = block->here->mean, corner = encoder->corner;
    const int32_t mean = encoder->measured[block->number];
    if (first_row && first_column)
        left = upper = corner = encoder->beginning;
    else if (first_row)
        upper = corner = left;
    else if (first_column)
        left = corner = upper;
    const int32_t low = left < upper ? left : upper, high = left < upper ? upper : left;
    const int32_t predicted = corner >= high ? low : corner <= low ? high : left + upper - corner;
    block->residual = mean - predicted;
    block->activity = sensic_magnitude(left - corner) + sensic_magnitude(upper - corner);
    encoder->corner = block->here->mean;
    block->here->mean = mean;
}

static void code_block(sensic_encoder *encoder, sensic_block *block)
{
    for (block->layer = 0; block->layer < encoder->layers; block->layer++) {
        const int first = encoder->subbands[block->layer];
        unsigned flags = 0;
        for (int i = first; i < encoder->subbands[block->layer + 1]; i++)
            flags |= (unsigned)(encoder->any[i * STRIP + block->number] != 0) << (i - first);
        if (block->layer == 0)
            flags &= ~1u; /* the mean is not flagged */
        block->flags = (uint16_t)flags;
#ifndef SENSIC_RICE_ONLY
        if (encoder->settings.coder == SENSIC_RANGE)
            sensic_range_block(encoder, block);
#endif
        if (encoder->settings.coder == SENSIC_RICE)
            sensic_rice_block(encoder, block);
        block->here->flags[block->layer] = block->flags;
    }
}

/* A row of blocks of a plane. */
static void code_row(sensic_encoder *encoder, int plane, int first_row, int width,
                     const void *lines[SENSIC_FRAMES][BLOCK])
{
    sensic_column *column = encoder->planes[plane] + 1;
    for (int begin = 0; begin < width; begin += BLOCK * STRIP) {
        sensic_measure(encoder, lines, begin, width);
        sensic_quantise(encoder);
        find_any(encoder);
        for (int i = 0; i < STRIP && begin + (i << 3) < width; i++, column++) {
            sensic_block block = {.chroma = plane > 0, .number = i, .left = column - 1, .here = column};
            predict(encoder, &block, first_row, begin + i == 0);
            code_block(encoder, &block);
        }
    }
}

void sensic_stripe(sensic_encoder *encoder, sensic_lines luma, sensic_lines u, sensic_lines v)
{
    const int half = (encoder->settings.width + 1) >> 1, first = encoder->row == 0;
    const void *lines[SENSIC_FRAMES][BLOCK];
    for (int part = 0; part < 4; part++) { /* two rows of luma, one of each chroma plane */
        const void *(*const from)[2 * BLOCK] = part < 2 ? luma : part == 2 ? u : v;
        if (part == 1 && encoder->row + BLOCK >= encoder->settings.height)
            continue;
        for (int frame = 0; frame < encoder->settings.frames && frame < SENSIC_FRAMES; frame++)
            for (int i = 0; i < BLOCK; i++)
                lines[frame][i] = from[frame][i + (part == 1 ? BLOCK : 0)];
        code_row(encoder, part < 2 ? 0 : part - 1, first && part != 1, part < 2 ? encoder->settings.width : half, lines);
    }
    encoder->row += 2 * BLOCK;
}

void sensic_trim(sensic_body *body)
{
    while (body->size && body->size <= body->capacity && body->bytes[body->size - 1] == 0)
        body->size--;
}

/* CRC-32C, four bits at a time. */
static uint32_t checksum(uint32_t crc, const uint8_t *bytes, size_t count)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
        0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
    };
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

static void write_packet(const sensic_encoder *encoder, int layer, int repetition, sensic_sink sink, void *user)
{
    const sensic_body *const body = &encoder->body[layer];
    uint8_t head[8], tail[4];
    size_t count = 0;
    head[count++] = (uint8_t)(layer | repetition << 3);
    head[count++] = (uint8_t)encoder->settings.quality;
    for (uint32_t rest = body->size;; rest >>= 7) {
        head[count++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
        if (rest <= 127)
            break;
    }
    const uint32_t crc = ~checksum(checksum(0xFFFFFFFF, head, count), body->bytes, body->size);
    for (int i = 0; i < 4; i++)
        tail[i] = (uint8_t)(crc >> (i << 3));
    sink(user, head, count);
    sink(user, body->bytes, body->size);
    sink(user, tail, sizeof tail);
}

int sensic_packets(sensic_encoder *encoder, sensic_sink sink, void *user)
{
    int full = 0;
    for (int layer = 0; layer < encoder->layers; layer++) {
#ifndef SENSIC_RICE_ONLY
        if (encoder->settings.coder == SENSIC_RANGE)
            sensic_range_end(&encoder->body[layer]);
#endif
        if (encoder->settings.coder == SENSIC_RICE)
            sensic_rice_end(&encoder->body[layer]);
        full |= encoder->body[layer].size > encoder->body[layer].capacity;
    }
    for (int layer = 0; layer < encoder->layers && !full; layer++)
        write_packet(encoder, layer, 0, sink, user);
    if (encoder->settings.protect && !full)
        write_packet(encoder, 0, 1, sink, user);
    sensic_begin_group(encoder);
    return full ? SENSIC_FULL : SENSIC_OK;
}
