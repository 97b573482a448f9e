/* The runs of one value in a row of tiles of a label image. */
#include "kernel.h"

#include <string.h>

typedef struct {
    int64_t *row, *start, *stop, *value;
    int64_t room, number;
} Found;

/* Part of a row of tiles: columns left to right - 1. tile: where its pixels lie, or 0 where all of them are `value`;
   stride: bytes from row to row. */
typedef struct {
    int64_t left, right, value, tile, stride;
} Piece;

/* A run that may go on in the next tile; value 0 where there is none. */
typedef struct {
    int64_t start, stop, value;
} Open;

static inline void put(Found *found, int64_t row, const Open *run) {
    if (found->number < found->room) {
        found->row[found->number] = row;
        found->start[found->number] = run->start;
        found->stop[found->number] = run->stop;
        found->value[found->number] = run->value;
    }
    found->number++;
}

static inline void extend(Found *found, int64_t row, Open *run, int64_t from, int64_t to, int64_t value) {
    if (!value) return;
    if (run->value == value && run->stop == from) {
        run->stop = to;
        return;
    }
    if (run->value) put(found, row, run);
    run->start = from, run->stop = to, run->value = value;
}

static inline int same(const uint8_t *a, const uint8_t *b, int64_t item) {
    switch (item) {
    case 1: return *a == *b;
    case 2: return !memcmp(a, b, 2);
    case 4: return !memcmp(a, b, 4);
    default: return !memcmp(a, b, 8);
    }
}

static inline int64_t pixel(const uint8_t *at, int64_t item, int64_t with_sign) {
    uint16_t two;
    uint32_t four;
    int64_t eight;
    switch (item) {
    case 1: return with_sign ? (int64_t)(int8_t)*at : (int64_t)*at;
    case 2: memcpy(&two, at, 2); return with_sign ? (int64_t)(int16_t)two : (int64_t)two;
    case 4: memcpy(&four, at, 4); return with_sign ? (int64_t)(int32_t)four : (int64_t)four;
    default: memcpy(&eight, at, 8); return eight;
    }
}

/* Whether 64 bytes differ from others. */
static inline int differ_64(const uint8_t *a, const uint8_t *b) {
    uint8_t all = 0;
    for (int k = 0; k < 64; k++) all |= a[k] ^ b[k];
    return all != 0;
}

/* First pixel from k on that differs from the one before it, or columns. 64 bytes are passed at a time, then 8. */
static inline int64_t next_change(const uint8_t *line, int64_t k, int64_t columns, int64_t item) {
    int64_t step = 64 / item;
    while (k + step <= columns && !differ_64(line + k * item, line + (k - 1) * item)) k += step;
    for (step = 8 / item; k + step <= columns; k += step)
        if (memcmp(line + k * item, line + (k - 1) * item, 8)) break;
    while (k < columns && same(line + k * item, line + (k - 1) * item, item)) k++;
    return k;
}

static inline void scan(
    Found *found, int64_t row, Open *run, const uint8_t *line, int64_t left, int64_t columns, int64_t item,
    int64_t with_sign
) {
    for (int64_t from = 0, to; from < columns; from = to) {
        to = next_change(line, from + 1, columns, item);
        extend(found, row, run, from + left, to + left, pixel(line + from * item, item, with_sign));
    }
}

/* Runs of a row of tiles that are not 0, in array order, those of one value that touch made one. piece: n of them from
   left to right, rows from `top` on; what no piece covers is 0. item: bytes of a pixel, 1, 2, 4 or 8. row, start, stop,
   value: room for `room` runs. Returns how many there are. */
API int64_t mk_tile_row(
    const int64_t *pieces, int64_t n, int64_t top, int64_t rows, int64_t item, int64_t with_sign, int64_t room,
    int64_t *row, int64_t *start, int64_t *stop, int64_t *value
) {
    const Piece *piece = (const Piece *)pieces;
    Found found = {row, start, stop, value, room, 0};
    for (int64_t y = 0; y < rows; y++) {
        Open run = {0, 0, 0};
        for (int64_t k = 0; k < n; k++) {
            const Piece *p = piece + k;
            if (!p->tile) {
                extend(&found, y + top, &run, p->left, p->right, p->value);
                continue;
            }
            const uint8_t *line = (const uint8_t *)(intptr_t)p->tile + y * p->stride;
            if (item == 1) scan(&found, y + top, &run, line, p->left, p->right - p->left, 1, with_sign);
            else scan(&found, y + top, &run, line, p->left, p->right - p->left, item, with_sign);
        }
        if (run.value) put(&found, y + top, &run);
    }
    return found.number;
}
