/* The runs of one value in a tile of a label image. */
#include "kernel.h"

#include <string.h>

typedef struct {
    int64_t *row, *start, *stop;
    int64_t room, number;
} Found;

static inline void put(Found *found, int64_t row, int64_t start, int64_t stop) {
    if (found->number < found->room) {
        found->row[found->number] = row;
        found->start[found->number] = start;
        found->stop[found->number] = stop;
    }
    found->number++;
}

static inline int same(const uint8_t *a, const uint8_t *b, int64_t item) {
    switch (item) {
    case 1: return *a == *b;
    case 2: return !memcmp(a, b, 2);
    case 4: return !memcmp(a, b, 4);
    default: return !memcmp(a, b, 8);
    }
}

/* First pixel from k on that differs from the one before it, or columns. Eight bytes are passed at a time. */
static inline int64_t next_change(const uint8_t *line, int64_t k, int64_t columns, int64_t item) {
    int64_t step = 8 / item;
    for (; k + step <= columns; k += step)
        if (memcmp(line + k * item, line + (k - 1) * item, 8)) break;
    while (k < columns && same(line + k * item, line + (k - 1) * item, item)) k++;
    return k;
}

/* Runs of a tile that are not 0, in array order, its first pixel at (top, left). item: bytes of a pixel, 1, 2, 4 or 8;
   stride: bytes from row to row. row, start, stop: room for `room` runs. Returns how many there are. */
API int64_t mk_tile_runs(
    const uint8_t *tile, int64_t rows, int64_t columns, int64_t item, int64_t stride, int64_t top, int64_t left,
    int64_t room, int64_t *row, int64_t *start, int64_t *stop
) {
    static const uint8_t nothing[8] = {0};
    Found found = {row, start, stop, room, 0};
    for (int64_t y = 0; y < rows; y++) {
        const uint8_t *line = tile + y * stride;
        for (int64_t from = 0, to; from < columns; from = to) {
            to = next_change(line, from + 1, columns, item);
            if (!same(line + from * item, nothing, item)) put(&found, y + top, from + left, to + left);
        }
    }
    return found.number;
}
