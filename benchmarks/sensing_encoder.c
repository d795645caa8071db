/*
 * How fast the C encoder of the sensing profile is, on one core:
 *
 *     bench FILE WIDTH HEIGHT FRAMES QUALITY range|rice SECONDS
 *
 * FILE holds frames of 8 bits, planes Y, U, V; they are in memory before the clock starts. Prints as JSON: millions of
 * samples (of all planes) per second of processor time for measuring, for measuring and quantising, and for all of it,
 * each tried for SECONDS; bytes of packets, and samples.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WIDEST = 16384 };

static sensic_encoder encoder;
static sensic_column columns[SENSIC_COLUMNS(WIDEST)];
static uint8_t room[1 << 26];
static size_t written;

typedef struct {
    sensic_settings settings;
    uint8_t *video;
    size_t size, groups;
    double seconds;
} task;

static void count_bytes(void *user, const uint8_t *bytes, size_t count)
{
    (void)user, (void)bytes;
    written += count;
}

static const uint8_t *plane(const task *t, size_t group, int frame, int p)
{
    const size_t luma = (size_t)t->settings.width * (size_t)t->settings.height;
    const size_t chroma = (size_t)((t->settings.width + 1) / 2) * (size_t)((t->settings.height + 1) / 2);
    return t->video + (group * (size_t)t->settings.frames + (size_t)frame) * t->size + (p > 0) * luma + (p > 1) * chroma;
}

static void lines_of(const task *t, size_t group, int p, int first, int count, sensic_lines lines)
{
    const int width = p ? (t->settings.width + 1) / 2 : t->settings.width;
    const int height = p ? (t->settings.height + 1) / 2 : t->settings.height;
    for (int frame = 0; frame < t->settings.frames; frame++)
        for (int i = 0; i < count; i++)
            lines[frame][i] = plane(t, group, frame, p) + (size_t)width * (size_t)(first + i < height ? first + i : height - 1);
}

/* Rows of blocks without any coding. */
static void measure(const task *t, size_t group, int quantise)
{
    for (int p = 0; p < 3; p++) {
        const int width = p ? (t->settings.width + 1) / 2 : t->settings.width;
        const int height = p ? (t->settings.height + 1) / 2 : t->settings.height;
        for (int row = 0; row < height; row += SENSIC_BLOCK) {
            sensic_lines lines;
            const void *eight[SENSIC_FRAMES][SENSIC_BLOCK];
            lines_of(t, group, p, row, SENSIC_BLOCK, lines);
            for (int frame = 0; frame < t->settings.frames; frame++)
                memcpy(eight[frame], lines[frame], sizeof eight[frame]);
            for (int begin = 0; begin < width; begin += SENSIC_BLOCK * SENSIC_STRIP) {
                sensic_measure(&encoder, eight, begin, width);
                if (quantise)
                    sensic_quantise(&encoder);
            }
        }
    }
}

static void encode(const task *t, size_t group)
{
    for (int stripe = 0; stripe < sensic_stripes(&encoder); stripe++) {
        sensic_lines lines[3];
        for (int p = 0; p < 3; p++)
            lines_of(t, group, p, stripe * (p ? 8 : 16), p ? 8 : 16, lines[p]);
        sensic_stripe(&encoder, lines[0], lines[1], lines[2]);
    }
    if (sensic_packets(&encoder, count_bytes, NULL) != SENSIC_OK)
        exit(1);
}

static double speed(const task *t, int what)
{
    const clock_t begin = clock();
    double seconds = 0, samples = 0;
    do {
        written = 0;
        for (size_t group = 0; group < t->groups; group++) {
            if (what < 2)
                measure(t, group, what);
            else
                encode(t, group);
            samples += (double)t->size * t->settings.frames;
        }
        seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    } while (seconds < t->seconds || seconds <= 0);
    return samples / seconds / 1e6;
}

int main(int count, char **words)
{
    if (count != 8)
        return 2;
    task t = {.settings = {.width = atoi(words[2]), .height = atoi(words[3]), .depth = 8, .frames = atoi(words[4]),
                           .quality = atoi(words[5]), .coder = strcmp(words[6], "rice") ? SENSIC_RANGE : SENSIC_RICE}};
    t.seconds = atof(words[7]);
    FILE *const file = fopen(words[1], "rb");
    if (!file || sensic_begin(&encoder, &t.settings, columns, SENSIC_COLUMNS(WIDEST), room, sizeof room) != SENSIC_OK)
        return 2;
    fseek(file, 0, SEEK_END);
    const size_t bytes = (size_t)ftell(file);
    rewind(file);
    t.video = malloc(bytes);
    t.size = (size_t)t.settings.width * (size_t)t.settings.height +
             2 * (size_t)((t.settings.width + 1) / 2) * (size_t)((t.settings.height + 1) / 2);
    t.groups = bytes / t.size / (size_t)t.settings.frames;
    if (!t.video || fread(t.video, 1, bytes, file) != bytes || !t.groups)
        return 2;
    const double measuring = speed(&t, 0), quantising = speed(&t, 1), all = speed(&t, 2);
    printf("{\"measuring\": %.1f, \"quantising\": %.1f, \"all\": %.1f, \"bytes\": %zu, \"samples\": %zu}\n", measuring,
           quantising, all, written, t.groups * t.size * (size_t)t.settings.frames);
    free(t.video);
    return 0;
}
