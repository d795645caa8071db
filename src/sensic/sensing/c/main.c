/*
 * Encodes raw video and writes the packets of its groups to standard output, one after the other:
 *
 *     sense FILE WIDTH HEIGHT DEPTH FRAMES QUALITY range|rice [protect|plain [ROOM [wht|learned_ternary]]]
 *
 * FILE holds the planes Y, U, V of each frame, samples of one byte, or of two (the processor's order) where DEPTH is 10.
 * ROOM is how many bytes there are for the packets of a group. Lines are read as a camera hands them over: never more
 * than a stripe of each frame of a group is in memory.
 */
#include "sensic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDEST = 16384, LUMA = 2 * SENSIC_BLOCK, CHROMA = SENSIC_BLOCK };

static sensic_encoder encoder;
static sensic_column columns[SENSIC_COLUMNS(WIDEST)];
static uint8_t room[1 << 26];
static uint8_t samples[3][SENSIC_FRAMES][LUMA][2 * WIDEST];

static void write_out(void *user, const uint8_t *bytes, size_t count)
{
    fwrite(bytes, 1, count, (FILE *)user);
}

static int fail(const char *message)
{
    fprintf(stderr, "sense: %s\n", message);
    return 1;
}

/* `count` lines of a plane of `height` lines from line `first` on, the last one repeated; 0 where the file ends. */
static int read_lines(FILE *file, long plane, int height, size_t bytes, int first, int count,
                      uint8_t to[LUMA][2 * WIDEST], const void *lines[LUMA])
{
    for (int i = 0; i < count; i++) {
        const int line = first + i < height ? first + i : height - 1;
        lines[i] = to[i];
        if (fseek(file, plane + (long)bytes * line, SEEK_SET) || fread(to[i], 1, bytes, file) != bytes)
            return 0;
    }
    return 1;
}

/* The stripes of a group whose frames begin at these places of the file. */
static int encode_group(FILE *file, const sensic_settings *s, const long starts[SENSIC_FRAMES])
{
    const int width[3] = {s->width, (s->width + 1) / 2, (s->width + 1) / 2};
    const int height[3] = {s->height, (s->height + 1) / 2, (s->height + 1) / 2};
    const size_t size = s->depth > 8 ? 2 : 1;
    for (int stripe = 0; stripe < sensic_stripes(&encoder); stripe++) {
        const void *lines[3][SENSIC_FRAMES][LUMA];
        for (int frame = 0; frame < s->frames; frame++) {
            long plane = starts[frame];
            for (int p = 0; p < 3; p++) {
                const int count = p ? CHROMA : LUMA;
                const size_t bytes = size * (size_t)width[p];
                if (!read_lines(file, plane, height[p], bytes, stripe * count, count, samples[p][frame], lines[p][frame]))
                    return 0;
                plane += (long)bytes * height[p];
            }
        }
        sensic_stripe(&encoder, lines[0], lines[1], lines[2]);
    }
    return 1;
}

int main(int count, char **words)
{
    if (count < 8 || count > 11)
        return fail("FILE WIDTH HEIGHT DEPTH FRAMES QUALITY range|rice [protect|plain [ROOM [wht|learned_ternary]]]");
    const sensic_settings s = {
        .width = atoi(words[2]),
        .height = atoi(words[3]),
        .depth = atoi(words[4]),
        .frames = atoi(words[5]),
        .quality = atoi(words[6]),
        .coder = strcmp(words[7], "rice") ? SENSIC_RANGE : SENSIC_RICE,
        .protect = count > 8 && !strcmp(words[8], "protect"),
        .transform = count > 10 && strcmp(words[10], "wht") ? SENSIC_LEARNED_TERNARY : SENSIC_WHT,
    };
    const size_t most = count > 9 ? (size_t)strtoul(words[9], NULL, 10) : sizeof room;
    if (most > sizeof room || sensic_begin(&encoder, &s, columns, SENSIC_COLUMNS(WIDEST), room, most) != SENSIC_OK)
        return fail("a setting is out of range");
    FILE *const file = fopen(words[1], "rb");
    if (!file || fseek(file, 0, SEEK_END))
        return fail("can't read the file");
    const long chroma = (long)((s.width + 1) / 2) * ((s.height + 1) / 2);
    const long bytes = ((long)s.width * s.height + 2 * chroma) * (s.depth > 8 ? 2 : 1), frames = ftell(file) / bytes;
    for (long first = 0; first < frames; first += s.frames) {
        long starts[SENSIC_FRAMES];
        for (int i = 0; i < s.frames; i++)
            starts[i] = bytes * (first + i < frames ? first + i : frames - 1);
        if (!encode_group(file, &s, starts))
            return fail("can't read the file");
        if (sensic_packets(&encoder, write_out, stdout) != SENSIC_OK)
            return fail("a group is larger than the room for it");
    }
    fclose(file);
    return fflush(stdout) ? fail("can't write") : 0;
}
