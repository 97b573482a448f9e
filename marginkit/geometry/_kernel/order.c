/* What comes after what: sorting by a key, and following a chain. */
#include "kernel.h"

#include <string.h>

uint64_t *sort_by_key(uint64_t *item, uint64_t *spare, int64_t n) {
    enum { DIGITS = 1 << 11 };
    for (int shift = 32; shift < 64; shift += 11) {
        int64_t count[DIGITS + 1] = {0};
        for (int64_t k = 0; k < n; k++) count[(item[k] >> shift & (DIGITS - 1)) + 1]++;
        if (count[(item[0] >> shift & (DIGITS - 1)) + 1] == n) continue;
        for (int d = 0; d < DIGITS; d++) count[d + 1] += count[d];
        for (int64_t k = 0; k < n; k++) spare[count[item[k] >> shift & (DIGITS - 1)]++] = item[k];
        uint64_t *sorted = spare;
        spare = item;
        item = sorted;
    }
    return item;
}

/* The rings of a chain that says which of n members, 0 to n - 1, follows each: members ring by ring, each ring from its
   least member not yet met; and where each ring ends in them, (n,) room. seen: (n,) zeros. Returns the number of rings. */
API int64_t mk_followed(const int64_t *chain, int64_t n, uint8_t *seen, int64_t *member, int64_t *ends) {
    int64_t rings = 0, at = 0;
    for (int64_t first = 0; first < n; first++) {
        if (seen[first]) continue;
        for (int64_t k = first; !seen[k]; k = chain[k]) {
            seen[k] = 1;
            member[at++] = k;
        }
        ends[rings++] = at;
    }
    return rings;
}
