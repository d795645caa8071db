/*
 * The encoder of Sensic's sensing profile, for cameras: Walsh-Hadamard or learned ternary measurements of 8 x 8
 * blocks of 1, 2 or 4 frames, quantised by shifts, coded into packets. docs/bitstream.md, chapter Sensing, is what it
 * writes.
 *
 * C99, no heap, no libm, no floating point. Measuring and quantising are additions and shifts, 6 + log2(frames) of the
 * former per sample, half a one less with learned_ternary; so is all the rest with the Golomb-Rice coder. The range coder
 * multiplies once per binary decision.
 *
 * Memory is the caller's and of fixed size: a sensic_encoder, a sensic_column for each column of blocks, and room for
 * the packets of a group. Pictures come a stripe at a time: 16 lines of luma, 8 of each chroma plane, of each frame.
 */
#ifndef SENSIC_H
#define SENSIC_H

#include <stddef.h>
#include <stdint.h>

/* Set these when compiling: the most frames in a group, and how many blocks are measured together (a power of two).
 * Fewer need less memory; eight or more blocks let compilers use vectors. SENSIC_RICE_ONLY leaves out the range coder. */
#ifndef SENSIC_FRAMES
#define SENSIC_FRAMES 4
#endif
#ifndef SENSIC_STRIP
#define SENSIC_STRIP 16
#endif

enum { SENSIC_BLOCK = 8, SENSIC_LAYERS = 4, SENSIC_BANDS = 64 * SENSIC_FRAMES, SENSIC_SUBBANDS = 32, SENSIC_CONTEXTS = 520 };
enum { SENSIC_RANGE = 0, SENSIC_RICE = 1 };
enum { SENSIC_WHT = 0, SENSIC_LEARNED_TERNARY = 3 }; /* as in the header of a stream */
enum { SENSIC_OK = 0, SENSIC_USAGE = -1, SENSIC_FULL = -2 };

typedef struct {
    int width, height;  /* of luma, 1 to 16384; chroma has half of it, rounded up */
    int depth;          /* 8: samples are uint8_t; 10: uint16_t */
    int frames;         /* of a group: 1, 2 or 4 */
    int quality;        /* 0 to 63 */
    int coder;          /* SENSIC_RANGE or SENSIC_RICE */
    int protect;        /* whether layer 0 is written twice */
    int transform;      /* SENSIC_WHT or SENSIC_LEARNED_TERNARY */
} sensic_settings;

/* What is remembered of a block for those to its right and below. */
typedef struct {
    int32_t mean;
    uint16_t flags[SENSIC_LAYERS];      /* sub-bands that are not empty */
    uint8_t magnitude[SENSIC_BANDS];    /* of the symbols, capped */
} sensic_column;

/* How many columns a picture of this width needs. */
#define SENSIC_COLUMNS(width) ((size_t)(((width) + 7) / 8 + 2 * (((width) + 15) / 16) + 3))

typedef struct {
    uint8_t first, count;  /* places of its bands in the order of coding */
    uint8_t kind;          /* the class of the stream's contexts */
    uint8_t later;         /* whether its temporal sequency is above 0 */
} sensic_subband;

/* A body being written. */
typedef struct {
    uint8_t *bytes;
    uint32_t size, capacity;
    uint32_t low, range;   /* of the range coder */
    uint32_t bits, filled; /* of Golomb-Rice: bits of a byte to be */
} sensic_body;

typedef struct {
    sensic_settings settings;
    int shift, rounding, layers, row;
    int32_t corner, beginning;                  /* the mean above left; the first one's prediction */
    sensic_column *planes[3], *end;             /* one column of zeros each, then the blocks of a row */
    uint8_t subbands[SENSIC_LAYERS + 1];        /* where the sub-bands of a layer begin */
    sensic_subband subband[SENSIC_SUBBANDS];
    uint8_t place[SENSIC_BANDS];                /* where a band, in the order of coding, is measured */
    sensic_body body[SENSIC_LAYERS];
#ifndef SENSIC_RICE_ONLY
    uint16_t contexts[SENSIC_LAYERS][2][SENSIC_CONTEXTS];
#endif
    int32_t line[2][SENSIC_BLOCK * SENSIC_STRIP];
    int32_t measured[SENSIC_BANDS * SENSIC_STRIP];
    int32_t any[SENSIC_SUBBANDS * SENSIC_STRIP]; /* not 0 where a sub-band of a block has a symbol that is not */
} sensic_encoder;

/* The lines of a stripe: lines[plane][frame][line] of 16 (luma) or 8 lines. Lines below the picture repeat the last. */
typedef const void *sensic_lines[SENSIC_FRAMES][2 * SENSIC_BLOCK];

typedef void (*sensic_sink)(void *user, const uint8_t *bytes, size_t count);

/* Ready for groups with these settings. `columns` holds SENSIC_COLUMNS(width) of them; `room` is shared among the
 * layers, and what a group may have in all. SENSIC_USAGE where a setting is out of range or memory is missing. */
int sensic_begin(sensic_encoder *encoder, const sensic_settings *settings, sensic_column *columns, size_t count,
                 uint8_t *room, size_t size);

/* How many stripes a group has. */
int sensic_stripes(const sensic_encoder *encoder);

/* The next stripe of the group. */
void sensic_stripe(sensic_encoder *encoder, sensic_lines luma, sensic_lines u, sensic_lines v);

/* The packets of a group whose stripes are all in; the next stripe begins a new one. SENSIC_FULL where there was not
 * enough room: then nothing is written. */
int sensic_packets(sensic_encoder *encoder, sensic_sink sink, void *user);

#endif
