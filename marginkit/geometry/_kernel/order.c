/* What comes after what: sorting by a key, and following a chain. */
#include "kernel.h"

#include <string.h>

void sort_by_key(uint64_t *item, uint64_t *spare, int64_t n) {
    for (int shift = 32; shift < 64; shift += 8) {
        int64_t count[257] = {0};
        for (int64_t k = 0; k < n; k++) count[(item[k] >> shift & 255) + 1]++;
        if (count[(item[0] >> shift & 255) + 1] == n) continue;
        for (int d = 0; d < 256; d++) count[d + 1] += count[d];
        for (int64_t k = 0; k < n; k++) spare[count[item[k] >> shift & 255]++] = item[k];
        memcpy(item, spare, (size_t)n * sizeof *item);
    }
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
