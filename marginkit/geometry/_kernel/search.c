/* The nearest of a set of points, for many points at once, exactly.

   Points are sorted along a Z-curve; LEAF consecutive ones make a leaf with its tight box, FAN leaves a node, and so on
   up to one root. The points that ask get such a tree too. Both are walked down together: a node of askers keeps a
   list of the nodes that can hold the nearest of any of them, and hands it to its children, which thin it out.

   Exactness: lengths are sums of squares in array order, q = (d0 * d0 + d1 * d1) + d2 * d2, as the NumPy route has it.
   Rounding never reverses an order, so the q of two boxes bounds the q of any two points in them, without a
   tolerance. Of points equally near, bit by bit, the first in the caller's order is found. */
#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAF = 8, FAN = 4, AXES = 3, LEVELS = 32 };

/* Where the common walk ends and each asker goes on alone: levels of the askers and of the points, measured. */
enum { STOP_ASK = 1, STOP_OF = 2, AHEAD = 2 };

typedef struct {
    double low[AXES], high[AXES];
    int32_t first;  /* least place, in the caller's order, of the points in it */
    int32_t group;  /* the group of all its points, -1 where they differ */
} Box;

/* The boxes of all children of a node, side by side for vector instructions; a missing child is infinitely far. */
typedef struct {
    double low[AXES][FAN], high[AXES][FAN];
    int32_t first[FAN];
} Children;

/* boxes of level 0 are the leaves; level_at: where each level starts. at[axis]: coordinates in sorted order, padded to
   whole leaves. children: of the nodes of level 1 and above, in the order of their boxes. */
typedef struct {
    int64_t n, ndim, levels, level_at[LEVELS + 1];
    double *at[AXES];
    int32_t *place;
    Box *box;
    Children *children;
} Tree;

/* ---- building ---- */

static void fill_keys(const Tree *tree, const double *point, const double *scale, uint64_t *item) {
    double low[AXES], high[AXES], side = 0;
    int64_t n = tree->n, ndim = tree->ndim, steps = ndim == 2 ? 65535 : 1023;
    for (int64_t a = 0; a < ndim; a++) {
        low[a] = high[a] = point[a] * scale[a];
        for (int64_t k = 1; k < n; k++) {
            double x = point[ndim * k + a] * scale[a];
            if (x < low[a]) low[a] = x;
            if (x > high[a]) high[a] = x;
        }
        if (high[a] - low[a] > side) side = high[a] - low[a];
    }
    double factor = side > 0 ? (double)steps / side : 0;
    if (factor > 1) factor = 1; /* finer than a pixel helps nothing, and whole numbers sort in fewer turns */
    for (int64_t k = 0; k < n; k++) {
        uint64_t key = 0;
        for (int64_t a = 0; a < ndim; a++) {
            double step = (point[ndim * k + a] * scale[a] - low[a]) * factor;
            int64_t cell = step < (double)steps ? (int64_t)step : steps;
            key |= spread_bits((uint64_t)cell, ndim) << (ndim - 1 - a);
        }
        item[k] = key << 32 | (uint64_t)k;
    }
}

static void grow(Box *box, const Box *by, int64_t ndim) {
    for (int64_t a = 0; a < ndim; a++) {
        if (by->low[a] < box->low[a]) box->low[a] = by->low[a];
        if (by->high[a] > box->high[a]) box->high[a] = by->high[a];
    }
    if (by->first < box->first) box->first = by->first;
    if (by->group != box->group) box->group = -1;
}

static void fill_boxes(Tree *tree, const int32_t *group) {
    for (int64_t k = 0; k < tree->n; k++) {
        Box one = {{0}, {0}, tree->place[k], group ? group[tree->place[k]] : 0};
        for (int64_t a = 0; a < tree->ndim; a++) one.low[a] = one.high[a] = tree->at[a][k];
        if (k % LEAF == 0) tree->box[k / LEAF] = one;
        else grow(&tree->box[k / LEAF], &one, tree->ndim);
    }
    for (int64_t level = 1; level < tree->levels; level++) {
        const Box *child = tree->box + tree->level_at[level - 1];
        Box *box = tree->box + tree->level_at[level];
        for (int64_t k = 0; k < tree->level_at[level] - tree->level_at[level - 1]; k++) {
            if (k % FAN == 0) box[k / FAN] = child[k];
            else grow(&box[k / FAN], &child[k], tree->ndim);
        }
    }
}

static void fill_children(Tree *tree) {
    for (int64_t level = 1; level < tree->levels; level++) {
        int64_t wide = tree->level_at[level] - tree->level_at[level - 1];
        const Box *child = tree->box + tree->level_at[level - 1];
        Children *all = tree->children + tree->level_at[level] - tree->level_at[1];
        for (int64_t k = 0; k < (wide + FAN - 1) / FAN * FAN; k++) {
            Children *some = all + k / FAN;
            for (int a = 0; a < AXES; a++) {
                some->low[a][k % FAN] = k >= wide ? INFINITY : a < tree->ndim ? child[k].low[a] : 0;
                some->high[a][k % FAN] = k >= wide ? -INFINITY : a < tree->ndim ? child[k].high[a] : 0;
            }
            some->first[k % FAN] = k < wide ? child[k].first : INT32_MAX;
        }
    }
}

API void mk_tree_free(Tree *tree) {
    if (!tree) return;
    for (int a = 0; a < AXES; a++) free(tree->at[a]);
    free(tree->place);
    free(tree->box);
    free(tree->children);
    free(tree);
}

/* A tree of n > 0 points, (n, ndim), each times scale. group: of each point, or NULL. NULL where memory is short. */
API Tree *mk_tree(const double *point, int64_t n, int64_t ndim, const double *scale, const int32_t *group) {
    Tree *tree = calloc(1, sizeof *tree);
    uint64_t *item = malloc((size_t)n * 2 * sizeof *item);
    if (!tree || !item) return free(item), free(tree), NULL;
    tree->n = n;
    tree->ndim = ndim;
    for (int64_t wide = (n + LEAF - 1) / LEAF, at = 0;; wide = (wide + FAN - 1) / FAN) {
        tree->level_at[tree->levels++] = at;
        tree->level_at[tree->levels] = at += wide;
        if (wide == 1) break;
    }
    int ok = 1;
    tree->place = malloc((size_t)n * sizeof *tree->place);
    tree->box = malloc((size_t)tree->level_at[tree->levels] * sizeof *tree->box);
    int64_t padded = (n + LEAF - 1) / LEAF * LEAF;
    for (int64_t a = 0; a < ndim; a++) ok &= (tree->at[a] = calloc((size_t)padded, sizeof(double))) != NULL;
    int64_t nodes = tree->level_at[tree->levels] - tree->level_at[1];
    tree->children = malloc((size_t)(nodes + 1) * sizeof *tree->children);
    if (!ok || !tree->place || !tree->box || !tree->children) return free(item), mk_tree_free(tree), NULL;
    fill_keys(tree, point, scale, item);
    sort_by_key(item, item + n, n);
    for (int64_t k = 0; k < n; k++) {
        tree->place[k] = (int32_t)(item[k] & 0xffffffffu);
        for (int64_t a = 0; a < ndim; a++) tree->at[a][k] = point[ndim * tree->place[k] + a] * scale[a];
    }
    free(item);
    fill_boxes(tree, group);
    fill_children(tree);
    return tree;
}

/* ---- asking ---- */

/* Least and greatest q between points of two boxes. */
static inline void bounds(const Box *a, const Box *b, int64_t ndim, double *least, double *greatest) {
    double near = 0, far = 0;
    for (int64_t i = 0; i < ndim; i++) {
        double below = a->low[i] - b->high[i], above = b->low[i] - a->high[i];
        double gap = below > above ? below : above;
        double one = a->high[i] - b->low[i], other = b->high[i] - a->low[i];
        double reach = one > other ? one : other;
        gap = gap > 0 ? gap : 0;
        near += gap * gap;
        far += reach * reach;
    }
    *least = near;
    *greatest = far;
}

typedef struct {
    double q;
    int32_t place, leaf;
} Best;

/* One walk. list: room for candidates; best_of_group: NULL, or the least q of each group so far. */
typedef struct {
    const Tree *ask, *of;
    double limit;
    int32_t *list;
    int64_t room;
    int64_t *answer;       /* of each asker, in the caller's order */
    double *q_of;          /* alike; or NULL */
    const int32_t *group;  /* alike; or NULL */
    double *best_of_group;
    int32_t leaf;          /* where the asker before, a neighbour, found its nearest */
    int failed;
} Walk;

/* Make sure that there is room for so many candidates. */
static int make_room(Walk *walk, int64_t number) {
    if (number <= walk->room) return 1;
    int32_t *list = realloc(walk->list, (size_t)(2 * number) * sizeof *list);
    if (!list) return walk->failed = 1, 0;
    walk->list = list;
    walk->room = 2 * number;
    return 1;
}

/* Scan a leaf for a point nearer than the best, or as near and earlier. */
static inline void scan(const Tree *of, int32_t leaf, const double *x, Best *best) {
    double q[LEAF];
    int64_t from = (int64_t)leaf * LEAF, number = of->n - from < LEAF ? of->n - from : LEAF;
    const double *p0 = of->at[0] + from, *p1 = of->at[1] + from;
    for (int64_t k = 0; k < LEAF; k++) { /* coordinates are padded to whole leaves */
        double d0 = x[0] - p0[k], d1 = x[1] - p1[k];
        q[k] = d0 * d0 + d1 * d1;
    }
    if (of->ndim == 3) {
        const double *p2 = of->at[2] + from;
        for (int64_t k = 0; k < LEAF; k++) {
            double d2 = x[2] - p2[k];
            q[k] += d2 * d2;
        }
    }
    for (int64_t k = 0; k < number; k++)
        if (q[k] <= best->q && (q[k] < best->q || of->place[from + k] < best->place))
            *best = (Best){q[k], of->place[from + k], leaf};
}

static inline double q_to_box(const Box *box, const double *x, int64_t ndim) {
    double q = 0;
    for (int64_t a = 0; a < ndim; a++) {
        double below = box->low[a] - x[a], above = x[a] - box->high[a];
        double gap = below > above ? below : above;
        gap = gap > 0 ? gap : 0;
        q += gap * gap;
    }
    return q;
}

/* Look for something better in a node and all below it. */
static void descend(const Tree *of, int64_t level, int64_t node, const double *x, Best *best) {
    if (level == 0) {
        scan(of, (int32_t)node, x, best);
        return;
    }
    const Children *some = of->children + of->level_at[level] - of->level_at[1] + node;
    double least[FAN] = {0};
    for (int64_t a = 0; a < of->ndim; a++)
        for (int k = 0; k < FAN; k++) {
            double below = some->low[a][k] - x[a], above = x[a] - some->high[a][k];
            double gap = below > above ? below : above;
            gap = gap > 0 ? gap : 0;
            least[k] += gap * gap;
        }
    for (int k = 0; k < FAN; k++)
        if (least[k] < best->q || (least[k] == best->q && some->first[k] < best->place))
            descend(of, level - 1, FAN * node + k, x, best);
}

/* Answer the askers from `first` to `end` out of the nodes, of one level, on the list. */
static void answer(Walk *walk, int64_t first, int64_t end, const int32_t *list, int64_t number, int64_t level) {
    const Tree *ask = walk->ask, *of = walk->of;
    const Box *box = of->box + of->level_at[level];
    for (int64_t k = first; k < end; k++) {
        double x[AXES] = {ask->at[0][k], ask->at[1][k], of->ndim == 3 ? ask->at[2][k] : 0};
        int32_t place = ask->place[k];
        Best best = {walk->limit, INT32_MAX, -1};
        if (walk->best_of_group) best.q = walk->best_of_group[walk->group[place]]; /* others do not matter */
        scan(of, walk->leaf, x, &best);
        for (int64_t i = 0; i < number; i++) {
            double least = q_to_box(box + list[i], x, of->ndim);
            if (least > best.q || (least == best.q && box[list[i]].first >= best.place)) continue;
            descend(of, level, list[i], x, &best);
        }
        walk->answer[place] = best.leaf < 0 ? -1 : best.place;
        if (best.leaf < 0) continue;
        walk->leaf = best.leaf;
        if (walk->q_of) walk->q_of[place] = best.q;
        if (walk->best_of_group) walk->best_of_group[walk->group[place]] = best.q;
    }
}

/* Keep those of the candidates that can hold the nearest of any asker in the box. Returns their number. */
static int64_t thin(const Walk *walk, const Box *box, int64_t level, int32_t *list, int64_t number, double *nearest) {
    const Box *nodes = walk->of->box + walk->of->level_at[level];
    double least, greatest, enough;
    bounds(box, walk->of->box + walk->leaf, walk->of->ndim, &least, &enough);
    if (walk->limit < enough) enough = walk->limit;
    *nearest = INFINITY;
    for (int64_t i = 0; i < number; i++) {
        bounds(box, nodes + list[i], walk->of->ndim, &least, &greatest);
        if (greatest < enough) enough = greatest;
        if (least < *nearest) *nearest = least;
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < number; i++) {
        bounds(box, nodes + list[i], walk->of->ndim, &least, &greatest);
        if (least <= enough) list[kept++] = list[i];
    }
    return kept;
}

/* Walk down node `node` of level `level` of the askers. The candidates, `number` nodes of level `of_level` of the other
   tree, lie in the list from `from` on; those below it belong to the nodes above. */
static void walk_down(Walk *walk, int64_t level, int64_t node, int64_t from, int64_t number, int64_t of_level) {
    const Tree *ask = walk->ask, *of = walk->of;
    const Box *box = ask->box + ask->level_at[level] + node;
    double nearest;
    if (!make_room(walk, from + 2 * number)) return;
    memcpy(walk->list + from + number, walk->list + from, (size_t)number * sizeof *walk->list);
    from += number;
    number = thin(walk, box, of_level, walk->list + from, number, &nearest);
    while (of_level > STOP_OF && of_level >= level + AHEAD) {
        int64_t wide = of->level_at[of_level] - of->level_at[of_level - 1], grown = 0;
        if (!make_room(walk, from + (FAN + 1) * number)) return;
        int32_t *list = walk->list + from;
        for (int64_t i = 0; i < number; i++)
            for (int64_t c = FAN * (int64_t)list[i]; c < FAN * ((int64_t)list[i] + 1) && c < wide; c++)
                list[number + grown++] = (int32_t)c;
        memmove(list, list + number, (size_t)grown * sizeof *list);
        number = thin(walk, box, --of_level, list, grown, &nearest);
    }
    if (walk->best_of_group && box->group >= 0 && nearest > walk->best_of_group[box->group])
        return; /* its group has a nearer one elsewhere */
    if (level > STOP_ASK) {
        int64_t wide = ask->level_at[level] - ask->level_at[level - 1];
        for (int64_t c = FAN * node; c < FAN * (node + 1) && c < wide; c++)
            walk_down(walk, level - 1, c, from, number, of_level);
        return;
    }
    int64_t each = LEAF;
    for (int64_t k = 0; k < level; k++) each *= FAN;
    int64_t end = (node + 1) * each < ask->n ? (node + 1) * each : ask->n;
    answer(walk, node * each, end, walk->list + from, number, of_level);
}

static int start_walk(Walk *walk, int64_t level, int64_t node) {
    const Tree *of = walk->of;
    walk->room = 4096;
    walk->list = malloc((size_t)walk->room * sizeof *walk->list);
    if (!walk->list) return 0;
    walk->list[0] = 0; /* the root */
    walk_down(walk, level, node, 0, 1, of->levels - 1);
    free(walk->list);
    return !walk->failed;
}

/* How many parts the askers of a tree can be shared out in. */
API int64_t mk_parts(const Tree *ask) {
    int64_t level = ask->levels > 4 ? ask->levels - 4 : 0;
    return ask->level_at[level + 1] - ask->level_at[level];
}

/* For each asker in parts first to last - 1 the place of its nearest point; -1 where q is above the limit.
   Returns 0 where memory is short. */
API int64_t mk_nearest(const Tree *ask, const Tree *of, double limit, int64_t first, int64_t last, int64_t *answer_) {
    int64_t level = ask->levels > 4 ? ask->levels - 4 : 0;
    Walk walk = {ask, of, limit, NULL, 0, answer_, NULL, NULL, NULL, 0, 0};
    for (int64_t part = first; part < last; part++)
        if (!start_walk(&walk, level, part)) return 0;
    return 1;
}

/* For each of `groups` groups of askers its nearest pair: who asks (-1: nobody) and what it finds. The first asker,
   then the first point, of equal ones. answer_, q: (askers,) room. Returns 0 where memory is short. */
API int64_t mk_least(
    const Tree *ask, const Tree *of, const int32_t *group, int64_t groups, int64_t *answer_, double *q,
    int64_t *who, int64_t *what
) {
    double *best = malloc((size_t)groups * sizeof *best);
    if (!best) return 0;
    for (int64_t g = 0; g < groups; g++) best[g] = INFINITY, who[g] = what[g] = -1;
    for (int64_t k = 0; k < ask->n; k++) q[k] = INFINITY;
    Walk walk = {ask, of, INFINITY, NULL, 0, answer_, q, group, best, 0, 0};
    int64_t level = ask->levels > 2 ? 2 : 0; /* one leaf in 16 first: most of the others are then too far */
    int64_t leaves = ask->level_at[1];
    int ok = 1;
    for (int64_t leaf = 0; ok && level && leaf < leaves; leaf += FAN * FAN) ok = start_walk(&walk, 0, leaf);
    ok = ok && start_walk(&walk, ask->levels - 1, 0);
    for (int64_t k = 0; ok && k < ask->n; k++)
        if (q[k] <= best[group[k]] && q[k] < INFINITY && who[group[k]] < 0) who[group[k]] = k, what[group[k]] = answer_[k];
    free(best);
    return ok;
}

/* q of each pair of rows of two (n, ndim) tables. */
API void mk_distances(
    const double *a, const double *b, int64_t n, int64_t ndim, const double *spacing, double *out
) {
    for (int64_t k = 0; k < n; k++) {
        double q = 0;
        for (int64_t i = 0; i < ndim; i++) {
            double way = (a[ndim * k + i] - b[ndim * k + i]) * spacing[i];
            q += way * way;
        }
        out[k] = sqrt(q);
    }
}
