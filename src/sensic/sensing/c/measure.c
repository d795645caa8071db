/*
 * Measurements by butterflies, and their quantiser: additions and shifts only.
 *
 * A stage takes neighbours x, y to x + y, which go to the first half, and x - y, to the second; the next stage does so
 * with each half. After three stages a line of blocks has become eight runs, one for each horizontal sequency, each as
 * long as there are blocks: no block is ever cut out, and all loops run over neighbours in memory. The run of sequency k
 * is number k ^ k >> 1. Lines, then frames, are taken likewise. learned_ternary takes the samples of a block in turn.
 */
#include "internal.h"

enum { BLOCK = SENSIC_BLOCK, STRIP = SENSIC_STRIP, LINE = BLOCK * STRIP, FRAME = BLOCK * LINE };

static void load8(const uint8_t *line, int begin, int width, int32_t *x)
{
    const int count = width - begin < LINE ? width - begin : LINE;
    for (int i = 0; i < count; i++)
        x[i] = line[begin + i];
}

static void load16(const uint16_t *line, int begin, int width, int32_t *x)
{
    const int count = width - begin < LINE ? width - begin : LINE;
    for (int i = 0; i < count; i++)
        x[i] = line[begin + i];
}

/* Repeat the last sample. */
static void extend(int32_t *x, int count)
{
    for (int i = count; i < LINE; i++)
        x[i] = x[count - 1];
}

static void stage(const int32_t *restrict x, int32_t *restrict sums, int32_t *restrict differences, int count)
{
    for (int i = 0; i < count; i++) {
        sums[i] = x[2 * i] + x[2 * i + 1];
        differences[i] = x[2 * i] - x[2 * i + 1];
    }
}

/* A line to eight runs, by way of `other`. */
static void walsh_line(int32_t *restrict x, int32_t *restrict other, int32_t *restrict runs)
{
    enum { HALF = LINE / 2, QUARTER = LINE / 4 };
    stage(x, other, other + HALF, HALF);
    stage(other, x, x + QUARTER, QUARTER);
    stage(other + HALF, x + HALF, x + HALF + QUARTER, QUARTER);
    for (int i = 0; i < 4; i++)
        stage(x + QUARTER * i, runs + QUARTER * i, runs + QUARTER * i + STRIP, STRIP);
}

static void walsh_lines(int32_t x[BLOCK][LINE])
{
    for (int i = 0; i < LINE; i++) {
        int32_t a[BLOCK], b[BLOCK];
        for (int k = 0; k < 4; k++) {
            a[k] = x[2 * k][i] + x[2 * k + 1][i];
            a[k + 4] = x[2 * k][i] - x[2 * k + 1][i];
        }
        for (int k = 0; k < 8; k += 4) {
            b[k] = a[k] + a[k + 1];
            b[k + 1] = a[k + 2] + a[k + 3];
            b[k + 2] = a[k] - a[k + 1];
            b[k + 3] = a[k + 2] - a[k + 3];
        }
        for (int k = 0; k < 8; k += 2) {
            x[k][i] = b[k] + b[k + 1];
            x[k + 1][i] = b[k] - b[k + 1];
        }
    }
}

/* learned_ternary: eight samples by its matrix, the rows in the order of runs. */
static void ternary(const int32_t x[BLOCK], int32_t y[BLOCK])
{
    int32_t sums[4], differences[4];
    for (int k = 0; k < 4; k++) {
        sums[k] = x[k] + x[7 - k];
        differences[k] = x[k] - x[7 - k];
    }
    const int32_t outer = sums[0] + sums[1], inner = sums[2] + sums[3];
    y[0] = outer + inner;
    y[3] = outer - inner;
    y[6] = sums[2] - sums[3];
    y[7] = sums[0] - sums[1];
    y[1] = differences[0] + differences[1] + differences[2];
    y[2] = differences[0] - differences[2] - differences[3];
    y[5] = differences[0] - differences[1] + differences[3];
    y[4] = differences[1] - differences[2] + differences[3];
}

static void ternary_line(const int32_t *restrict x, int32_t *restrict runs)
{
    for (int i = 0; i < STRIP; i++) {
        int32_t y[BLOCK];
        ternary(x + BLOCK * i, y);
        for (int k = 0; k < BLOCK; k++)
            runs[STRIP * k + i] = y[k];
    }
}

static void ternary_lines(int32_t x[BLOCK][LINE])
{
    for (int i = 0; i < LINE; i++) {
        int32_t column[BLOCK], y[BLOCK];
        for (int k = 0; k < BLOCK; k++)
            column[k] = x[k][i];
        ternary(column, y);
        for (int k = 0; k < BLOCK; k++)
            x[k][i] = y[k];
    }
}

static void temporal2(int32_t *restrict x)
{
    for (int i = 0; i < FRAME; i++) {
        const int32_t a = x[i], b = x[FRAME + i];
        x[i] = a + b;
        x[FRAME + i] = a - b;
    }
}

static void temporal4(int32_t *restrict x)
{
    for (int i = 0; i < FRAME; i++) {
        const int32_t a = x[i] + x[FRAME + i], b = x[2 * FRAME + i] + x[3 * FRAME + i];
        const int32_t c = x[i] - x[FRAME + i], d = x[2 * FRAME + i] - x[3 * FRAME + i];
        x[i] = a + b;
        x[FRAME + i] = a - b;
        x[2 * FRAME + i] = c + d;
        x[3 * FRAME + i] = c - d;
    }
}

void sensic_measure(sensic_encoder *encoder, const void *lines[SENSIC_FRAMES][SENSIC_BLOCK], int begin, int width)
{
    const int learned = encoder->settings.transform == SENSIC_LEARNED_TERNARY;
    int32_t *to = encoder->measured;
    for (int frame = 0; frame < encoder->settings.frames; frame++) {
        int32_t *const first = to;
        for (int row = 0; row < BLOCK; row++, to += LINE) {
            int32_t *const x = encoder->line[0];
            if (encoder->settings.depth == 8)
                load8(lines[frame][row], begin, width, x);
            else
                load16(lines[frame][row], begin, width, x);
            if (width - begin < LINE)
                extend(x, width - begin);
            if (learned)
                ternary_line(x, to);
            else
                walsh_line(x, encoder->line[1], to);
        }
        if (learned)
            ternary_lines((int32_t(*)[LINE])first);
        else
            walsh_lines((int32_t(*)[LINE])first);
    }
    if (encoder->settings.frames == 2)
        temporal2(encoder->measured);
    if (encoder->settings.frames == 4)
        temporal4(encoder->measured);
}

static void quantise(int32_t *x, int count, int32_t rounding, int shift)
{
    for (int i = 0; i < count; i++) {
        const int32_t symbol = (sensic_magnitude(x[i]) + rounding) >> shift;
        x[i] = x[i] < 0 ? -symbol : symbol;
    }
}

void sensic_quantise(sensic_encoder *encoder)
{
    const int shift = encoder->shift;
    int samples = FRAME;
    for (int frames = encoder->settings.frames; frames > 1; frames >>= 1)
        samples += samples;
    quantise(encoder->measured, STRIP, (1 << shift) >> 1, shift); /* the means are the first run */
    quantise(encoder->measured + STRIP, samples - STRIP, encoder->rounding, shift);
}
