/* What is done once: the order of coding, the quantiser's numbers, the places of everything in memory. */
#include "internal.h"

enum { BLOCK = SENSIC_BLOCK };

static int level(int sequency)
{
    return sequency > 3 ? 3 : sequency > 1 ? 2 : sequency;
}

/* The next sub-band: the bands of temporal sequency t whose larger level is `high`, and that have the orientation. */
static void add_subband(sensic_encoder *encoder, int number, int first, int t, int high, int orientation)
{
    sensic_subband *const sub = &encoder->subband[number];
    int place = first;
    for (int v = 0; v < BLOCK; v++)
        for (int u = 0; u < BLOCK; u++) {
            const int a = level(u), b = level(v), own = a == b ? 2 : b > a;
            if ((a > b ? a : b) == high && (high < 2 || own == orientation))
                encoder->place[place++] = (uint8_t)((t ^ t >> 1) << 6 | (v ^ v >> 1) << 3 | (u ^ u >> 1));
        }
    sub->first = (uint8_t)first;
    sub->count = (uint8_t)(place - first);
    sub->later = t > 0;
    sub->kind = (uint8_t)((t > 0 ? 6 : 0) + (high < 2 ? high : high + high - 2 + (orientation == 2)));
}

/* The bands in the order of coding: by layer, temporal sequency, level, orientation. */
static void arrange(sensic_encoder *encoder)
{
    int number = 0, place = 0;
    for (int layer = 0; layer < SENSIC_LAYERS; layer++) {
        encoder->subbands[layer] = (uint8_t)number;
        for (int t = 0; t < encoder->settings.frames; t++)
            for (int high = 0; high <= 3; high++) {
                if ((high > 0 ? high - 1 : 0) + (t > 0) != layer)
                    continue;
                for (int orientation = 0; orientation < (high > 1 ? 3 : 1); orientation++, number++) {
                    add_subband(encoder, number, place, t, high, orientation);
                    place += encoder->subband[number].count;
                }
            }
    }
    encoder->subbands[SENSIC_LAYERS] = (uint8_t)number;
    encoder->layers = encoder->settings.frames > 1 ? 4 : 3;
}

static void set_quality(sensic_encoder *encoder)
{
    static const uint8_t rounding[6] = {29, 25, 21, 17, 12, 7};
    const sensic_settings *const settings = &encoder->settings;
    int rest = 62 - settings->quality, octave = 0, gain = 6;
    for (; rest >= 6; rest -= 6)
        octave++;
    encoder->shift = rest < 0 ? 0 : (settings->frames > 2 ? 4 : 3) + settings->depth - 8 + octave;
    encoder->rounding = 0;
    for (int i = 0; rest >= 0 && i < 6; i++) /* the multiplication by rounding[rest], without one */
        if (rounding[rest] >> i & 1)
            encoder->rounding += 1 << encoder->shift << i;
    encoder->rounding >>= 6;
    for (int frames = settings->frames; frames > 1; frames >>= 1)
        gain++;
    encoder->beginning = (int32_t)1 << (gain + settings->depth - 1) >> encoder->shift;
}

void sensic_begin_group(sensic_encoder *encoder)
{
    encoder->row = 0;
    for (int layer = 0; layer < encoder->layers; layer++) {
#ifndef SENSIC_RICE_ONLY
        if (encoder->settings.coder == SENSIC_RANGE)
            sensic_range_begin(encoder, layer);
#endif
        if (encoder->settings.coder == SENSIC_RICE)
            sensic_rice_begin(encoder, layer);
    }
    for (sensic_column *column = encoder->planes[0]; column < encoder->end; column++)
        *column = (sensic_column){0};
}

int sensic_begin(sensic_encoder *encoder, const sensic_settings *settings, sensic_column *columns, size_t count,
                 uint8_t *room, size_t size)
{
    const sensic_settings s = *settings;
    if (s.width < 1 || s.width > 16384 || s.height < 1 || s.height > 16384 || (s.depth != 8 && s.depth != 10))
        return SENSIC_USAGE;
    if ((s.frames != 1 && s.frames != 2 && s.frames != 4) || s.frames > SENSIC_FRAMES)
        return SENSIC_USAGE;
    if (s.quality < 0 || s.quality > 63 || (s.coder != SENSIC_RANGE && s.coder != SENSIC_RICE))
        return SENSIC_USAGE;
    if (s.transform != SENSIC_WHT && s.transform != SENSIC_LEARNED_TERNARY)
        return SENSIC_USAGE;
#ifdef SENSIC_RICE_ONLY
    if (s.coder != SENSIC_RICE)
        return SENSIC_USAGE;
#endif
    if (count < SENSIC_COLUMNS(s.width) || size >> 2 > 0x7FFFFFFF)
        return SENSIC_USAGE;
    encoder->settings = s;
    arrange(encoder);
    set_quality(encoder);
    encoder->planes[0] = columns;
    encoder->planes[1] = columns + 1 + ((s.width + 7) >> 3);
    encoder->planes[2] = encoder->planes[1] + 1 + ((s.width + 15) >> 4);
    encoder->end = encoder->planes[2] + 1 + ((s.width + 15) >> 4);
    for (int layer = 0; layer < SENSIC_LAYERS; layer++) {
        encoder->body[layer].bytes = room;
        encoder->body[layer].capacity = (uint32_t)(size >> 2);
        room += size >> 2;
    }
    sensic_begin_group(encoder);
    return SENSIC_OK;
}
