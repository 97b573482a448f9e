/* Connected components of runs by union-find, and look-ups in sorted tables. */
#include "kernel.h"

/* The earliest run joined with this one; paths are halved on the way. */
static int64_t root(int64_t *parent, int64_t run) {
    while (parent[run] != run) {
        parent[run] = parent[parent[run]];
        run = parent[run];
    }
    return run;
}

static void join(int64_t *parent, int64_t a, int64_t b) {
    a = root(parent, a);
    b = root(parent, b);
    if (a < b) parent[b] = a;
    else parent[a] = b;
}

/* Join runs a.. of one row with runs b.. of another that overlap; reach 1: or whose ends meet at a corner. */
static void join_rows(
    const int64_t *start, const int64_t *stop, int64_t a, int64_t a_end, int64_t b, int64_t b_end, int64_t reach,
    int64_t *parent
) {
    while (a < a_end && b < b_end) {
        if (start[a] < stop[b] + reach && start[b] < stop[a] + reach) join(parent, a, b);
        if (stop[a] < stop[b]) a++;
        else b++;
    }
}

/* Components of n runs in array order. first: rows + 1 places of the first run of each row. shape: of the mask.
   label: (n,) out, from 0 by first appearance. Returns their number. */
API int64_t mk_components(
    const int64_t *start, const int64_t *stop, int64_t n, const int64_t *first, const int64_t *shape, int64_t ndim,
    int64_t corners, int64_t *label
) {
    int64_t slices = ndim == 3 ? shape[0] : 1, rows = shape[ndim - 2], count = 0;
    for (int64_t k = 0; k < n; k++) label[k] = k;
    for (int64_t z = 0; z < slices; z++)
        for (int64_t y = 0; y < rows; y++)
            for (int64_t dz = ndim == 3 ? -1 : 0; dz <= 0; dz++)
                for (int64_t dy = -1; dy <= 1; dy++) {
                    int64_t here = z * rows + y, there = (z + dz) * rows + y + dy;
                    int earlier = dz < 0 || dy < 0;
                    if (!earlier || (!corners && dz && dy)) continue;
                    if (z + dz < 0 || y + dy < 0 || y + dy >= rows) continue;
                    join_rows(start, stop, first[here], first[here + 1], first[there], first[there + 1], corners, label);
                }
    for (int64_t k = 0; k < n; k++) label[k] = label[k] == k ? k : root(label, k);
    for (int64_t k = 0; k < n; k++) { /* roots come before what hangs on them, so they have their label by then */
        if (label[k] == k) label[k] = -1 - count++;
        else label[k] = label[label[k]];
    }
    for (int64_t k = 0; k < n; k++) label[k] = -1 - label[k];
    return count;
}

/* For each query how many of the sorted keys are at most as large. Steps are doubled from the answer before:
   queries that are sorted, or nearly, cost next to nothing. */
API void mk_count_upto(const int64_t *keys, int64_t n, const int64_t *query, int64_t m, int64_t *out) {
    int64_t at = 0; /* keys before it are at most the last query */
    for (int64_t k = 0; k < m; k++) {
        int64_t low, high, step = 1;
        if (at < n && keys[at] <= query[k]) { /* the answer is in (at, high] */
            low = at + 1;
            for (high = low; high < n && keys[high] <= query[k]; step *= 2) low = high + 1, high = low + step;
            if (high > n) high = n;
        } else { /* in [low, at] */
            high = at;
            for (low = high; low > 0 && keys[low - 1] > query[k]; step *= 2) high = low - 1, low = high - step;
            if (low < 0) low = 0;
        }
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            if (keys[middle] <= query[k]) low = middle + 1;
            else high = middle;
        }
        out[k] = at = low;
    }
}
