/* Rows of an image as PNG keeps them: a byte that says how the row was predicted, then what is left of each pixel. */
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

enum { PASSED = 32 }; /* pixels at a time where nothing is left of them: in a mask that is nearly everywhere */

static int nothing(const uint8_t *left) {
    uint64_t some[PASSED / 8], any = 0;
    memcpy(some, left, PASSED);
    for (int k = 0; k < PASSED / 8; k++) any |= some[k];
    return !any;
}

/* The sum of what is left, from the first pixel on. */
static void sum(const uint8_t *left, uint8_t *out, int64_t width) {
    uint8_t last = 0;
    for (int64_t k = 0; k < width;) {
        int64_t stop = k + PASSED < width ? k + PASSED : width;
        if (stop == k + PASSED && nothing(left + k)) memset(out + k, last, PASSED);
        else
            for (int64_t i = k; i < stop; i++) out[i] = last = (uint8_t)(last + left[i]);
        k = stop;
    }
}

/* Of the pixels before, above and above the one before, that which is nearest to before + above - the third. */
static int nearest(int before, int above, int third) {
    int to_before = abs(above - third), to_above = abs(before - third), to_third = abs(before + above - 2 * third);
    if (to_before <= to_above && to_before <= to_third) return before;
    return to_above <= to_third ? above : third;
}

/* Rows of bytes, each of 1 + width of them, to pixels in the same place, without a gap: a row is written before where
   the next is read. Returns whether every row was predicted in one of the five ways that there are. */
API int64_t mk_unfilter(uint8_t *rows, int64_t height, int64_t width) {
    for (int64_t y = 0; y < height; y++) {
        uint8_t way = rows[y * (width + 1)], *out = rows + y * width;
        const uint8_t *left = rows + y * (width + 1) + 1, *above = out - width;
        if (way > 4) return 0;
        if (way == 0 || (way == 2 && !y)) memmove(out, left, (size_t)width);
        else if (way == 1 || (way == 4 && !y)) sum(left, out, width);
        else if (way == 2)
            for (int64_t k = 0; k < width; k++) out[k] = (uint8_t)(left[k] + above[k]);
        else if (way == 3)
            for (int64_t k = 0; k < width; k++)
                out[k] = (uint8_t)(left[k] + ((k ? out[k - 1] : 0) + (y ? above[k] : 0)) / 2);
        else
            for (int64_t k = 0; k < width; k++)
                out[k] = (uint8_t)(left[k] + nearest(k ? out[k - 1] : 0, above[k], k ? above[k - 1] : 0));
    }
    return 1;
}
