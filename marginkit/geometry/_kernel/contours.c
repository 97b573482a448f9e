/* Where a sampled field passes a level: its crossed edges in one pass over the field, and the chain that they make.

   The field is read as crossings.py reads it. Its outermost samples stand twice: padded row p and column q are those of
   sample (p - 1, q - 1), held inside; beyond them all is 0. Line p of edges lies between padded rows p - 1 and p, and
   cell (p, q) between those rows and columns q - 1 and q. An edge across a line is "upright", one along a row "level".

   Of 64 samples at a time it is counted how many are inside. Only where some are is it asked which; only where that
   differs from the row before or the sample before is a number looked at, and its row is still in the cache then. */
#include "kernel.h"

#include <math.h>
#include <string.h>

static const double NUDGE = 1e-7; /* as in crossings.py */

/* Rows of a field from row `held` on, `stride` bytes apart, of floats of 4 or 8 bytes. least: the least number of its
   type that is not below the level. */
typedef struct {
    const char *rows;
    int64_t held, stride, itemsize, height, width;
    double least, level;
} Field;

/* Crossed edges of one kind in array order: 2 * padded column + whether the sample of larger indices is inside, and
   where from the one to the other the level is passed. */
typedef struct {
    int64_t room, number;
    int32_t *at;
    double *share;
} Edges;

static inline int64_t within(int64_t k, int64_t size) { return k < 0 ? 0 : k < size ? k : size - 1; }

static inline const char *row_of(const Field *field, int64_t i) {
    return field->rows + (within(i, field->height) - field->held) * field->stride;
}

static inline double number_at(const Field *field, const char *row, int64_t j) {
    const void *numbers = row;
    return field->itemsize == 4 ? (double)((const float *)numbers)[j] : ((const double *)numbers)[j];
}

/* The sample at (i, j): 0 more than a step beyond the field, never the level itself. */
static double sample(const Field *field, int64_t i, int64_t j) {
    if (i < -1 || i > field->height || j < -1 || j > field->width) return 0;
    double x = number_at(field, row_of(field, i), within(j, field->width));
    if (!(fabs(x - field->level) < NUDGE)) return x;
    return field->level + (x < field->level ? -NUDGE : NUDGE);
}

/* Which of 64 numbers are at least as large as one: they are counted first, since most are alike. */
#define WORD_OF(name, type) \
    static ALWAYS_INLINE uint64_t name(const type *x, type least) { \
        int32_t number = 0; \
        uint8_t bytes[64]; \
        for (int k = 0; k < 64; k++) number += x[k] >= least; \
        if (number == 0) return 0; \
        if (number == 64) return ~(uint64_t)0; \
        for (int k = 0; k < 64; k++) bytes[k] = x[k] >= least; \
        return packed_bytes(bytes); \
    }
WORD_OF(word_of_floats, float)
WORD_OF(word_of_doubles, double)

/* Which of 64 samples are inside, from column j on, all of them held. */
static ALWAYS_INLINE uint64_t word_from(const Field *field, const void *row, int64_t j) {
    if (field->itemsize == 4) return word_of_floats((const float *)row + j, (float)field->least);
    return word_of_doubles((const double *)row + j, field->least);
}

static inline uint64_t inside(const Field *field, const void *row, int64_t j) {
    return number_at(field, row, within(j, field->width)) >= field->least;
}

/* A padded row of a field that is narrower than a word. */
static void fill_narrow(const Field *field, const void *row, int64_t words, uint64_t *word) {
    memset(word, 0, (size_t)words * sizeof *word);
    for (int64_t q = 0; q < field->width + 2; q++) word[q / 64] |= inside(field, row, q - 1) << q % 64;
}

static ALWAYS_INLINE void fill_wide(const Field *field, const void *row, int64_t words, uint64_t *word) {
    uint64_t last = inside(field, row, field->width - 1);
    word[0] = word_from(field, row, 0) << 1 | inside(field, row, 0);
    for (int64_t j = 1; j < words; j++) {
        int64_t from = 64 * j - 1, left = field->width - from;
        if (left >= 64) word[j] = word_from(field, row, from);
        else if (left > 0) word[j] = word_from(field, row, field->width - 64) >> (64 - left) | last << left;
        else word[j] = left == 0 ? last : 0;
    }
}

static void fill_portably(const Field *field, const void *row, int64_t words, uint64_t *word) {
    fill_wide(field, row, words, word);
}

/* The same statements for registers twice as wide, where there are some. */
WIDE_VECTORS static void fill_fast(const Field *field, const void *row, int64_t words, uint64_t *word) {
    fill_wide(field, row, words, word);
}

/* Which samples of padded row p are inside; bit k of word j is padded column 64 j + k. */
static void fill_row(const Field *field, int64_t p, int64_t words, uint64_t *word) {
    const void *row = row_of(field, p - 1);
    if (p < 0 || p > field->height + 1) memset(word, 0, (size_t)words * sizeof *word);
    else if (field->width < 64) fill_narrow(field, row, words, word);
    else if (has_wide_vectors()) fill_fast(field, row, words, word);
    else fill_portably(field, row, words, word);
}

/* Add the edge at padded column q from the sample (i, j) to the next along an axis. */
static void add(const Field *field, Edges *edges, int64_t q, int high, int64_t i, int64_t j, int axis, int64_t *first) {
    double from = sample(field, i, j), to = sample(field, i + (axis == 0), j + (axis == 1));
    int64_t k = edges->number++, next = !(from >= to);
    int64_t row = within(axis == 0 ? i + next : i, field->height);
    int64_t column = within(axis == 1 ? j + next : j, field->width);
    if (row < first[0]) first[0] = row;
    if (column < first[1]) first[1] = column;
    edges->at[k] = (int32_t)(2 * q + high);
    edges->share[k] = (field->level - from) / (to - from);
}

/* The edges in the words j of two padded rows, p - 1 and p. */
static void add_words(
    const Field *field, int64_t p, int64_t j, uint64_t word, uint64_t across, uint64_t along,
    Edges *upright, Edges *level, int64_t *first
) {
    for (; across; across &= across - 1) {
        int bit = lowest_bit(across);
        add(field, upright, 64 * j + bit, (int)(word >> bit & 1), p - 2, 64 * j + bit - 1, 0, first);
    }
    for (; along; along &= along - 1) {
        int bit = lowest_bit(along);
        add(field, level, 64 * j + bit, (int)(word >> bit & 1), p - 1, 64 * j + bit - 2, 1, first);
    }
}

enum { BLOCK = 8 };

static inline uint64_t edges_across(const uint64_t *before, const uint64_t *here) { return *before ^ *here; }

/* The word before the first of a row is 0. */
static inline uint64_t edges_along(const uint64_t *here) { return *here ^ (*here << 1 | here[-1] >> 63); }

/* Whether there is an edge in some words: hardly ever. */
static inline int differ(const uint64_t *before, const uint64_t *here) {
    uint64_t some = 0;
    for (int k = 0; k < BLOCK; k++) some |= edges_across(before + k, here + k) | edges_along(here + k);
    return some != 0;
}

/* The crossed edges of lines `line` to last - 1 of the field's height + 3: of each the upright ones, and the level ones
   of the padded row behind it; how many there are of each kind, (lines, 2); and into `first`, (2,), the least row and
   column of a sample inside that is on one of them. words: zeros, two rows of whole blocks and one more each. Returns the
   line that is next: `last`, or one that may have more edges than room is left; there is room for width + 3 at least. */
API int64_t mk_crossed(
    const Field *field, int64_t line, int64_t last, uint64_t *words, Edges *upright, Edges *level, int64_t *counts,
    int64_t *first
) {
    int64_t wide = (field->width + 2) / 64 + 1, p = line;
    int64_t blocks = (wide + BLOCK - 1) / BLOCK;
    uint64_t *before = words + 1, *here = before + BLOCK * blocks + 1;
    upright->number = level->number = 0;
    first[0] = first[1] = INT64_MAX;
    fill_row(field, line - 1, wide, before);
    for (; p < last; p++) {
        int64_t had[2] = {upright->number, level->number};
        if (had[0] + field->width + 3 > upright->room || had[1] + field->width + 3 > level->room) break;
        fill_row(field, p, wide, here);
        for (int64_t block = 0; block < BLOCK * blocks; block += BLOCK) {
            if (!differ(before + block, here + block)) continue;
            for (int64_t j = block; j < block + BLOCK && j < wide; j++) {
                uint64_t across = edges_across(before + j, here + j), along = edges_along(here + j);
                if (across | along) add_words(field, p, j, here[j], across, along, upright, level, first);
            }
        }
        *counts++ = upright->number - had[0];
        *counts++ = level->number - had[1];
        uint64_t *swap = before;
        before = here;
        here = swap;
    }
    return p;
}

/* Edges in a row, and the place of the first of them among all. */
typedef struct {
    const int32_t *at, *end;
    int64_t place;
} Row;

/* The place of the edge at the head of a row if it is at column q, else -1; and which way it goes. */
static inline int64_t taken(Row *row, int64_t q, int *high) {
    if (row->at == row->end || *row->at >> 1 != q) return -1;
    *high = *row->at++ & 1;
    return row->place++;
}

static inline int64_t head(const Row *row, int64_t step) {
    return row->at == row->end ? INT64_MAX : (*row->at >> 1) + step;
}

static inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

/* Say of each edge of the cells in a line which comes after it. The contour keeps what is inside on its left in (x, y):
   it comes in by the left edge if that has its larger sample inside, and so on. In a cell of four it goes round each
   sample that is outside. */
static void link_line(Row top, Row bottom, Row left, int64_t *next) {
    Row right = left;
    for (;;) {
        int64_t q = lesser(lesser(head(&top, 0), head(&bottom, 0)), lesser(head(&left, 1), head(&right, 0)));
        if (q == INT64_MAX) return;
        int t = 0, b = 0, l = 0, r = 0;
        int64_t at_top = taken(&top, q, &t), at_bottom = taken(&bottom, q, &b);
        int64_t at_left = taken(&left, q - 1, &l), at_right = taken(&right, q, &r);
        if (at_top >= 0 && at_bottom >= 0 && at_left >= 0 && at_right >= 0) {
            next[t ? at_left : at_top] = t ? at_top : at_right;
            next[t ? at_right : at_bottom] = t ? at_bottom : at_left;
            continue;
        }
        int64_t in = at_bottom, out = at_bottom;
        if (at_left >= 0) *(l ? &in : &out) = at_left;
        if (at_right >= 0) *(r ? &out : &in) = at_right;
        if (at_top >= 0) *(t ? &out : &in) = at_top;
        if (in >= 0) next[in] = out;
    }
}

/* Where an edge is crossed; small numbers keep more of the share. */
static inline void place(int64_t i, int64_t j, int axis, double share, const int64_t *first, double *point) {
    double y = (double)(i - first[0] + 2), x = (double)(j - first[1] + 2);
    point[0] = (axis == 0 ? y + share : y) + (double)first[0] - 2;
    point[1] = (axis == 1 ? x + share : x) + (double)first[1] - 2;
}

/* Of all crossed edges, upright ones first and then level ones: which comes after each, and where each is crossed in
   (y, x) index units. counts: of each kind in each line; first: the least of all. */
API void mk_chain(
    int64_t lines, const int64_t *counts, const Edges *upright, const Edges *level, const int64_t *first, int64_t *next,
    double *point
) {
    Row up = {upright->at, upright->at, 0}, row = {level->at, level->at, upright->number};
    for (int64_t p = 0; p < lines; p++) {
        Row top = row;
        row.at = top.end;
        row.end = row.at + counts[2 * p + 1];
        row.place += top.end - top.at;
        up.place += up.end - up.at;
        up.at = up.end;
        up.end += counts[2 * p];
        link_line(top, row, up, next);
        for (const int32_t *at = up.at; at < up.end; at++) {
            int64_t k = at - upright->at;
            place(p - 2, (*at >> 1) - 1, 0, upright->share[k], first, point + 2 * k);
        }
        for (const int32_t *at = row.at; at < row.end; at++) {
            int64_t k = at - level->at;
            place(p - 1, (*at >> 1) - 2, 1, level->share[k], first, point + 2 * (upright->number + k));
        }
    }
}
