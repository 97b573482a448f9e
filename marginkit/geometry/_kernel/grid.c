/* The nearest of points on a square grid, row by row, for askers that are so many that a row of them pays a scan.

   Of each column only the next point above the row and the next below can be nearest; along the row each is a parabola,
   and the lowest of them is found from left to right (the lower envelope of Felzenszwalb and Huttenlocher). All numbers
   are whole, so that lengths are exact and ties are seen. */
#include "kernel.h"

#include <stdlib.h>

typedef struct {
    int64_t x, f, point; /* (x, f) is its lowest place */
    int64_t num, den;    /* from num / (2 den) on it is at most as high as the one before it */
} Parabola;

typedef struct {
    int64_t n, columns;
    int64_t *x, *y;          /* of each point, from the first column and row with a point */
    int64_t *after;          /* of each point the next one of its column, -1: none */
    int64_t *above, *below;  /* of each column the points next to the row; above may lie in it */
    Parabola *envelope;
} Scan;

static void end_scan(Scan *scan) {
    free(scan->x);
    free(scan->y);
    free(scan->after);
    free(scan->above);
    free(scan->below);
    free(scan->envelope);
}

static int start_scan(Scan *scan, const double *point, const double *low) {
    size_t n = (size_t)scan->n, columns = (size_t)scan->columns;
    scan->x = malloc(n * sizeof *scan->x);
    scan->y = malloc(n * sizeof *scan->y);
    scan->after = malloc(n * sizeof *scan->after);
    scan->above = malloc(columns * sizeof *scan->above);
    scan->below = malloc(columns * sizeof *scan->below);
    scan->envelope = malloc(columns * sizeof *scan->envelope);
    if (!scan->x || !scan->y || !scan->after || !scan->above || !scan->below || !scan->envelope) return 0;
    for (int64_t c = 0; c < scan->columns; c++) scan->above[c] = scan->below[c] = -1;
    for (int64_t k = scan->n - 1; k >= 0; k--) {
        scan->y[k] = (int64_t)(point[2 * k] - low[0]);
        int64_t x = scan->x[k] = (int64_t)(point[2 * k + 1] - low[1]);
        scan->after[k] = scan->below[x];
        scan->below[x] = k;
    }
    return 1;
}

/* The parabolas that are lowest somewhere in row y, from left to right; those that only touch are kept: they tie. */
static int64_t find_envelope(const Scan *scan, int64_t y) {
    Parabola *top = scan->envelope - 1;
    for (int64_t x = 0; x < scan->columns; x++) {
        int64_t up = scan->above[x], down = scan->below[x];
        if (up < 0 && down < 0) continue;
        int64_t f_up = up < 0 ? INT64_MAX : (y - scan->y[up]) * (y - scan->y[up]);
        int64_t f_down = down < 0 ? INT64_MAX : (scan->y[down] - y) * (scan->y[down] - y);
        Parabola new = {x, f_up <= f_down ? f_up : f_down, f_up <= f_down ? up : down, 0, 1};
        for (; top >= scan->envelope; top--) {
            new.num = (x - top->x) * (x + top->x) + new.f - top->f;
            new.den = x - top->x;
            if (top == scan->envelope || top->num * new.den <= new.num * top->den) break;
        }
        *++top = new;
    }
    return top + 1 - scan->envelope;
}

static inline int64_t height(const Parabola *one, int64_t x) { return (x - one->x) * (x - one->x) + one->f; }

/* For askers first to last - 1 the place of their nearest point, the first of equal ones. point: (n, 2), ask: (m, 2),
   both in row-major order and whole steps from low, which is the least row and column of the points; columns: of the
   points. All steps are below 2^20. Returns 0 where memory is short. */
API int64_t mk_grid_nearest(
    const double *point, int64_t n, const double *low, int64_t columns, const double *ask, int64_t first, int64_t last,
    int64_t *answer
) {
    Scan scan = {n, columns, NULL, NULL, NULL, NULL, NULL, NULL};
    if (!start_scan(&scan, point, low)) return end_scan(&scan), 0;
    for (int64_t k = first, next = 0; k < last;) {
        double row = ask[2 * k];
        int64_t y = (int64_t)(row - low[0]);
        for (; next < n && scan.y[next] <= y; next++) {
            scan.above[scan.x[next]] = next;
            scan.below[scan.x[next]] = scan.after[next];
        }
        const Parabola *one = scan.envelope, *end = one + find_envelope(&scan, y);
        for (; k < last && ask[2 * k] == row; k++) {
            int64_t x = (int64_t)(ask[2 * k + 1] - low[1]), least = height(one, x), found = one->point;
            for (; one + 1 < end; one++) {
                int64_t other = height(one + 1, x);
                if (other > least) break;
                if (other < least || one[1].point < found) found = one[1].point;
                least = other;
            }
            answer[k] = found;
        }
    }
    end_scan(&scan);
    return 1;
}

/* Whether rows first to last - 1 of a table of points (n, 2) are whole steps from start, fewer than `most`, and each is
   behind the one before it in row-major order. */
API int64_t mk_on_grid(const double *point, int64_t first, int64_t last, const double *start, double most) {
    for (int64_t k = first; k < last; k++) {
        const double *here = point + 2 * k;
        double row = here[0] - start[0], column = here[1] - start[1];
        if (!(row < most && row > -most && column < most && column > -most)) return 0;
        if (row != (double)(int64_t)row || column != (double)(int64_t)column) return 0;
        if (k && !(here[0] > here[-2] || (here[0] == here[-2] && here[1] > here[-1]))) return 0;
    }
    return 1;
}
