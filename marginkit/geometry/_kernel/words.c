/* Masks as bits: packing, boundary vertices, faces and runs.

   What is found is counted first and written then, so that the caller allocates once and threads write side by side. */
#include "kernel.h"

#include <stddef.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
/* 64 bytes of 0 or 1 to a word. SSE2 is part of every x86-64; it is twice as fast as the multiplication below. */
uint64_t packed_bytes(const uint8_t *bytes) {
    uint64_t word = 0;
    for (int k = 0; k < 4; k++) {
        __m128i some = _mm_slli_epi16(_mm_loadu_si128((const __m128i *)(bytes + 16 * k)), 7);
        word |= (uint64_t)(uint32_t)_mm_movemask_epi8(some) << (16 * k);
    }
    return word;
}
#else
/* The multiplication brings the lowest bits of eight bytes, lowest byte first, into the top byte. */
uint64_t packed_bytes(const uint8_t *bytes) {
    uint64_t word = 0;
    for (int k = 0; k < 8; k++) {
        uint64_t eight = 0;
        for (int i = 0; i < 8; i++) eight |= (uint64_t)bytes[8 * k + i] << (8 * i);
        word |= ((eight * 0x0102040810204080u) >> 56) << (8 * k);
    }
    return word;
}
#endif

/* Pack rows first to last - 1 of bytes that are 0 or 1. Words that stay zero are not written: the caller's are zero,
   and memory that was never written costs nothing. */
API void mk_pack(const uint8_t *bytes, int64_t width, int64_t words_a_row, uint64_t *words, int64_t first, int64_t last) {
    uint8_t rest[64];
    int64_t whole = width / 64, left = width % 64;
    for (int64_t r = first; r < last; r++) {
        const uint8_t *row = bytes + r * width;
        uint64_t *out = words + r * words_a_row;
        for (int64_t j = 0; j < whole; j++) {
            uint64_t word = packed_bytes(row + 64 * j);
            if (word) out[j] = word;
        }
        if (left) {
            memset(rest, 0, sizeof rest);
            memcpy(rest, row + 64 * whole, (size_t)left);
            uint64_t word = packed_bytes(rest);
            if (word) out[whole] = word;
        }
    }
}

/* Number of pixels of a mask in words first to last - 1 that another lacks. */
API int64_t mk_count_without(const uint64_t *mask, const uint64_t *other, int64_t first, int64_t last) {
    int64_t found = 0;
    for (int64_t j = first; j < last; j++) {
        uint64_t word = mask[j] & ~other[j];
        if (word) found += bits_set(word);
    }
    return found;
}

/* Row number r of a table whose axes have n entries each, as an index an axis; in 2-D and 3-D. */
static void unravel(int64_t r, const int64_t *n, int64_t axes, int64_t *index) {
    for (int64_t a = axes - 1; a > 0; a--) {
        index[a] = r % n[a];
        r /= n[a];
    }
    index[0] = r;
}

static const uint64_t *row_or_null(const Mask *mask, int64_t z, int64_t y) {
    int64_t rows = mask->shape[mask->ndim - 2], slices = mask->ndim == 3 ? mask->shape[0] : 1;
    if (y < 0 || y >= rows || z < 0 || z >= slices) return NULL;
    return mask->words + (z * rows + y) * mask->words_a_row;
}

/* Rows of pixels around a row of vertices: number of them, and whether none is outside the mask. */
typedef struct {
    const uint64_t *row[4];
    int number, whole;
} Around;

/* The rows of pixels that touch row `row` of vertices, those outside the mask left out. */
static Around rows_around(const Mask *mask, int64_t row) {
    int64_t lattice = mask->shape[mask->ndim - 2] + 1;
    int64_t z = mask->ndim == 3 ? row / lattice : 0, y = mask->ndim == 3 ? row % lattice : row;
    Around around = {{NULL, NULL, NULL, NULL}, 0, 0};
    for (int64_t dz = mask->ndim == 3 ? -1 : 0; dz <= 0; dz++)
        for (int64_t dy = -1; dy <= 0; dy++) {
            const uint64_t *one = row_or_null(mask, z + dz, y + dy);
            if (one) around.row[around.number++] = one;
        }
    around.whole = around.number == 2 * (mask->ndim - 1);
    return around;
}

/* Words of a row taken at a time: few enough that most hold nothing or are full. */
enum { BLOCK = 8 };

/* Boundary vertices in n <= BLOCK words of some rows from word j on. last: of the word before them its top bits, of
   pixels that any row has and of those that all have; of these words behind the call. Returns whether there are any. */
static inline int find_edge(const Around *around, int64_t j, int64_t n, uint64_t last[2], uint64_t *edge) {
    uint64_t some[BLOCK], every[BLOCK], least = ~(uint64_t)0, most = 0;
    for (int64_t k = 0; k < n; k++) some[k] = every[k] = around->row[0][j + k];
    for (int r = 1; r < around->number; r++)
        for (int64_t k = 0; k < n; k++) {
            some[k] |= around->row[r][j + k];
            every[k] &= around->row[r][j + k];
        }
    for (int64_t k = 0; k < n; k++) {
        most |= some[k];
        least &= every[k];
    }
    if (!most && !last[0]) return last[1] = 0;
    if (!~least && around->whole && last[1]) return 0;
    for (int64_t k = 0; k < n; k++) {
        uint64_t all = around->whole ? every[k] : 0;
        edge[k] = (some[k] | some[k] << 1 | last[0]) & ~(all & (all << 1 | last[1]));
        last[0] = some[k] >> 63;
        last[1] = all >> 63;
    }
    return 1;
}

/* Boundary vertices in rows first to last - 1 of the lattice, row-major: those whose pixels are not all alike.
   Counts them all; writes the coordinates of the first `room` of them. */
API int64_t mk_vertices(const Mask *mask, int64_t first, int64_t last, int64_t room, int64_t *out) {
    int64_t found = 0, ndim = mask->ndim, lattice = mask->shape[ndim - 2] + 1, words = mask->words_a_row;
    for (int64_t r = first; r < last; r++) {
        uint64_t edge[BLOCK], before[2] = {0, 0};
        Around around = rows_around(mask, r);
        for (int64_t j = 0; j < words; j += BLOCK) {
            int64_t n = words - j < BLOCK ? words - j : BLOCK;
            /* twice, so that the compiler knows n in most cases */
            if (!(n == BLOCK ? find_edge(&around, j, BLOCK, before, edge) : find_edge(&around, j, n, before, edge)))
                continue;
            for (int64_t k = 0; k < n; k++)
                for (uint64_t rest = edge[k]; rest; rest &= rest - 1, found++) {
                    if (found >= room) {
                        found += bits_set(rest);
                        break;
                    }
                    int64_t *vertex = out + ndim * found;
                    if (ndim == 3) vertex[0] = r / lattice;
                    vertex[ndim - 2] = ndim == 3 ? r % lattice : r;
                    vertex[ndim - 1] = 64 * (j + k) + lowest_bit(rest);
                }
        }
    }
    return found;
}

/* Whether n words are alike in all bits: 0 or 1, or -1 where not; counted as differences between two rows, or where
   other is NULL as they are. */
static inline int alike(const uint64_t *words, const uint64_t *other, int64_t n) {
    uint64_t some = 0, every = ~(uint64_t)0;
    for (int64_t k = 0; k < n; k++) {
        uint64_t word = other ? words[k] ^ other[k] : words[k];
        some |= word;
        every &= word;
    }
    return !some ? 0 : !~every ? 1 : -1;
}

/* Faces across an axis that is not the last, in rows first to last - 1 of those faces, row-major. Counts them all;
   writes the first `room` of them. vertex: their corners of smallest indices; behind: whether the mask's pixel is the
   one behind the face. */
API int64_t mk_faces(
    const Mask *mask, int64_t axis, int64_t first, int64_t last, int64_t room, int64_t *vertex, uint8_t *behind
) {
    int64_t found = 0, ndim = mask->ndim, words = mask->words_a_row;
    int64_t table[2] = {mask->shape[0], ndim == 3 ? mask->shape[1] : 1};
    table[axis] += 1;
    for (int64_t r = first; r < last; r++) {
        int64_t index[2] = {0, 0};
        unravel(r, table, ndim - 1, index);
        int64_t y = ndim == 3 ? index[1] : index[0], z = ndim == 3 ? index[0] : 0;
        const uint64_t *after = row_or_null(mask, z, y);
        const uint64_t *before = ndim == 3 && axis == 0 ? row_or_null(mask, z - 1, y) : row_or_null(mask, z, y - 1);
        const uint64_t *one = after ? after : before, *other = after ? before : NULL;
        if (!one) continue;
        for (int64_t j = 0; j < words; j += BLOCK) {
            int64_t n = words - j < BLOCK ? words - j : BLOCK;
            if (!alike(one + j, other ? other + j : NULL, n)) continue;
            for (int64_t k = j; k < j + n; k++)
                for (uint64_t edge = one[k] ^ (other ? other[k] : 0); edge; edge &= edge - 1, found++) {
                    int bit = lowest_bit(edge);
                    if (found >= room) continue;
                    for (int64_t a = 0; a < ndim - 1; a++) vertex[ndim * found + a] = index[a];
                    vertex[ndim * found + ndim - 1] = 64 * k + bit;
                    behind[found] = after ? (uint8_t)(after[k] >> bit & 1) : 0;
                }
        }
    }
    return found;
}

/* Runs of rows first to last - 1: unbroken rows of pixels from start to stop - 1. Counts them all; writes the first
   `room` of them. */
API int64_t mk_runs(
    const Mask *mask, int64_t first, int64_t last, int64_t room, int64_t *row, int64_t *start, int64_t *stop
) {
    int64_t ends = 0, words = mask->words_a_row;
    for (int64_t r = first; r < last; r++) {
        const uint64_t *line = mask->words + r * words;
        uint64_t before = 0;
        for (int64_t j = 0; j < words; j += BLOCK) {
            int64_t n = words - j < BLOCK ? words - j : BLOCK;
            if (alike(line + j, NULL, n) == (int)before) continue; /* 0 after 0, 1 after 1 */
            for (int64_t k = j; k < j + n; k++) {
                uint64_t change = line[k] ^ (line[k] << 1 | before);
                before = line[k] >> 63;
                for (; change; change &= change - 1, ends++) { /* starts and stops take turns */
                    int64_t at = 64 * k + lowest_bit(change), place = ends / 2;
                    if (place >= room) continue;
                    if (ends & 1) stop[place] = at;
                    else row[place] = r, start[place] = at;
                }
            }
        }
    }
    return ends / 2;
}

/* For each of n vertices the first pixel of the mask that has it as a corner, in array order; -1 where none has. */
API void mk_beside(const Mask *mask, const int64_t *vertex, int64_t n, int64_t *pixel) {
    int64_t ndim = mask->ndim;
    for (int64_t i = 0; i < n; i++) {
        const int64_t *at = vertex + ndim * i;
        int64_t *out = pixel + ndim * i;
        for (int64_t a = 0; a < ndim; a++) out[a] = -1;
        for (int step = (1 << ndim) - 1; step >= 0; step--) { /* its bits: whether a step back along each axis */
            int64_t here[3] = {0, 0, 0};
            for (int64_t a = 0; a < ndim; a++) here[a] = at[a] - (step >> (ndim - 1 - a) & 1);
            const uint64_t *row = row_or_null(mask, ndim == 3 ? here[0] : 0, here[ndim - 2]);
            int64_t x = here[ndim - 1];
            if (!row || x < 0 || x >= mask->shape[ndim - 1] || !(row[x / 64] >> (x % 64) & 1)) continue;
            for (int64_t a = 0; a < ndim; a++) out[a] = here[a];
            break;
        }
    }
}
