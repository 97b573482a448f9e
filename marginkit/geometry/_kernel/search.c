/* The nearest of a set of points, for many points at once, exactly.

   Points are sorted along a Z-curve; LEAF consecutive ones make a leaf with its tight box, FAN leaves a node, and so on
   up to one root. The points that ask get such a tree too. Both are walked down together: a node of askers keeps a
   list of the nodes that can hold the nearest of any of them, and hands it to its children, which thin it out.
   What thins it is one good point, the rival: all that lies farther than it from every asker of the node goes. A
   bisector is a plane, so that this tells far more apart than least and greatest distances do.

   Exactness: lengths are sums of squares in array order, q = (d0 * d0 + d1 * d1) + d2 * d2, as the NumPy route has it.
   Points go only where they are farther than the rival by more than rounding can make up for. Of points equally near,
   bit by bit, the first in the caller's order is found. */
#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAF = 8, FAN = 4, AXES = 3, LEVELS = 32 };

/* Askers of nodes of level ALONE are answered point by point; above it the points' nodes are this far ahead. Measured. */
enum { ALONE = 1, AHEAD = 2 };

/* A look into a leaf costs about so much as passing so many boxes or points. Measured. */
enum { LOOK = 4 };

typedef struct {
    double low[AXES], high[AXES];
    int32_t group;  /* the group of all its points, -1 where they differ */
} Box;

/* The boxes of all children of a node, side by side for vector instructions; a missing child is infinitely far. */
typedef struct {
    double low[AXES][FAN], high[AXES][FAN];
} Children;

/* boxes of level 0 are the leaves; level_at: where each level starts. at[axis]: coordinates in sorted order, padded to
   whole leaves with infinity. children: of the nodes of level 1 and above, in the order of their boxes. */
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
    if (by->group != box->group) box->group = -1;
}

static void fill_boxes(Tree *tree, const int32_t *group) {
    for (int64_t k = 0; k < tree->n; k++) {
        Box one = {{0}, {0}, group ? group[tree->place[k]] : 0};
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
    for (int64_t a = 0; a < ndim; a++) ok &= (tree->at[a] = malloc((size_t)padded * sizeof(double))) != NULL;
    int64_t nodes = tree->level_at[tree->levels] - tree->level_at[1];
    tree->children = malloc((size_t)(nodes + 1) * sizeof *tree->children);
    if (!ok || !tree->place || !tree->box || !tree->children) return free(item), mk_tree_free(tree), NULL;
    fill_keys(tree, point, scale, item);
    uint64_t *sorted = sort_by_key(item, item + n, n);
    for (int64_t k = 0; k < n; k++) {
        tree->place[k] = (int32_t)(sorted[k] & 0xffffffffu);
        for (int64_t a = 0; a < ndim; a++) tree->at[a][k] = point[ndim * tree->place[k] + a] * scale[a];
    }
    for (int64_t k = n; k < padded; k++)
        for (int64_t a = 0; a < ndim; a++) tree->at[a][k] = INFINITY;
    free(item);
    fill_boxes(tree, group);
    fill_children(tree);
    return tree;
}

/* ---- asking ---- */

/* Leaves that can hold the nearest of some askers, their boxes side by side for vector instructions. */
typedef struct {
    int64_t number, room;
    double *low[AXES], *high[AXES], *q;
    int32_t *leaf;
} Few;

/* Points that can be the nearest of some askers, side by side alike. */
typedef struct {
    int64_t number, room;
    double *at[AXES], *place, *lead;
    int32_t *sorted;
} Crowd;

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
    Few near, nearer;      /* of the askers of a node, of those of a leaf */
    Crowd all, some;       /* alike */
    int64_t rival;         /* a point near the askers before, in sorted order: it beats most others for those here */
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

static void free_few(Few *few) {
    for (int a = 0; a < AXES; a++) free(few->low[a]), free(few->high[a]);
    free(few->q);
    free(few->leaf);
    memset(few, 0, sizeof *few);
}

static int make_few(Walk *walk, Few *few, int64_t number) {
    if (number > few->room) {
        int ok = 1;
        free_few(few);
        for (int64_t a = 0; a < walk->of->ndim; a++) {
            ok &= (few->low[a] = malloc((size_t)(2 * number) * sizeof(double))) != NULL;
            ok &= (few->high[a] = malloc((size_t)(2 * number) * sizeof(double))) != NULL;
        }
        ok &= (few->q = malloc((size_t)(2 * number) * sizeof(double))) != NULL;
        ok &= (few->leaf = malloc((size_t)(2 * number) * sizeof(int32_t))) != NULL;
        if (!ok) return walk->failed = 1, 0;
        few->room = 2 * number;
    }
    few->number = 0;
    return 1;
}

static void free_crowd(Crowd *crowd) {
    for (int a = 0; a < AXES; a++) free(crowd->at[a]);
    free(crowd->place);
    free(crowd->lead);
    free(crowd->sorted);
    memset(crowd, 0, sizeof *crowd);
}

static int make_crowd(Walk *walk, Crowd *crowd, int64_t number) {
    if (number > crowd->room) {
        double **column[] = {&crowd->place, &crowd->lead, &crowd->at[0], &crowd->at[1], &crowd->at[2]};
        free_crowd(crowd);
        for (int k = 0; k < 2 + walk->of->ndim; k++)
            if (!(*column[k] = malloc((size_t)(2 * number) * sizeof(double)))) return walk->failed = 1, 0;
        if (!(crowd->sorted = malloc((size_t)(2 * number) * sizeof(int32_t)))) return walk->failed = 1, 0;
        crowd->room = 2 * number;
    }
    crowd->number = 0;
    return 1;
}

typedef struct {
    double q;
    int64_t point; /* in sorted order; -1: none */
} Best;

/* Look for a nearer point in a node and all below it. */
static void descend(const Tree *of, int64_t level, int64_t node, const double *x, Best *best) {
    if (level == 0) {
        int64_t end = (node + 1) * LEAF < of->n ? (node + 1) * LEAF : of->n;
        for (int64_t k = node * LEAF; k < end; k++) {
            double q = 0;
            for (int64_t a = 0; a < of->ndim; a++) q += (x[a] - of->at[a][k]) * (x[a] - of->at[a][k]);
            if (q < best->q) *best = (Best){q, k};
        }
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
    for (int turn = 0; turn < FAN; turn++) { /* nearest first */
        int k = 0;
        for (int i = 1; i < FAN; i++)
            if (least[i] < least[k]) k = i;
        if (!(least[k] < best->q)) return;
        descend(of, level - 1, FAN * node + k, x, best);
        least[k] = INFINITY;
    }
}

static double least_q(const Box *a, const Box *b, int64_t ndim) {
    double q = 0;
    for (int64_t i = 0; i < ndim; i++) {
        double below = a->low[i] - b->high[i], above = b->low[i] - a->high[i];
        double gap = below > above ? below : above;
        gap = gap > 0 ? gap : 0;
        q += gap * gap;
    }
    return q;
}

/* What rounding can take from a lead over a rival: far more than it can. */
static double slack(const Box *box, const double *rival, int64_t ndim) {
    double far = 0;
    for (int64_t a = 0; a < ndim; a++) {
        double one = rival[a] - box->low[a], other = box->high[a] - rival[a];
        double reach = one > other ? one : other;
        far += reach * reach;
    }
    return 1e-12 * far;
}

/* The most by which q to the rival exceeds q to a box, of all askers in another box. Along each axis the excess is a
   convex function of the asker, so that it is greatest at an end. */
static inline double lead(const Box *ask, const double *rival, const Box *box, int64_t ndim) {
    double sum = 0;
    for (int64_t a = 0; a < ndim; a++) {
        double most = -INFINITY;
        for (int side = 0; side < 2; side++) {
            double x = side ? ask->high[a] : ask->low[a];
            double below = box->low[a] - x, above = x - box->high[a], way = x - rival[a];
            double gap = below > above ? below : above;
            gap = gap > 0 ? gap : 0;
            double excess = way * way - gap * gap;
            most = excess > most ? excess : most;
        }
        sum += most;
    }
    return sum;
}

static void coordinates(const Tree *tree, int64_t point, double *x) {
    for (int64_t a = 0; a < tree->ndim; a++) x[a] = tree->at[a][point];
}

static double q_between(const Tree *of, int64_t point, const double *x) {
    double q = 0;
    for (int64_t a = 0; a < of->ndim; a++) q += (x[a] - of->at[a][point]) * (x[a] - of->at[a][point]);
    return q;
}

/* Take for a rival the point nearest to the middle of a box, out of the candidates. */
static void choose_rival(Walk *walk, const Box *box, int64_t level, const int32_t *list, int64_t number) {
    const Tree *of = walk->of;
    Box at = {{0}, {0}, 0};
    for (int64_t a = 0; a < of->ndim; a++) at.low[a] = at.high[a] = (box->low[a] + box->high[a]) / 2;
    Best best = {q_between(of, walk->rival, at.low), -1};
    for (int64_t i = 0; i < number; i++)
        if (least_q(&at, of->box + of->level_at[level] + list[i], of->ndim) < best.q)
            descend(of, level, list[i], at.low, &best);
    if (best.point >= 0) walk->rival = best.point;
}

/* Keep those of the candidates that can hold the nearest of any asker in the box. Returns their number. */
static int64_t thin(const Walk *walk, const Box *box, int64_t level, int32_t *list, int64_t number) {
    const Box *nodes = walk->of->box + walk->of->level_at[level];
    int64_t kept = 0, ndim = walk->of->ndim;
    double rival[AXES];
    coordinates(walk->of, walk->rival, rival);
    double limit = walk->limit, margin = slack(box, rival, ndim);
    if (walk->best_of_group && box->group >= 0 && walk->best_of_group[box->group] < limit)
        limit = walk->best_of_group[box->group];
    for (int64_t i = 0; i < number; i++) {
        const Box *node = nodes + list[i];
        if (lead(box, rival, node, ndim) < -margin) continue;
        if (limit < INFINITY && least_q(box, node, ndim) > limit) continue;
        list[kept++] = list[i];
    }
    return kept;
}

/* The children of the candidates in their stead. Returns their number. */
static int64_t expand(Walk *walk, int64_t from, int64_t number, int64_t level) {
    int64_t wide = walk->of->level_at[level] - walk->of->level_at[level - 1], grown = 0;
    if (!make_room(walk, from + (FAN + 1) * number)) return 0;
    int32_t *list = walk->list + from;
    for (int64_t i = 0; i < number; i++)
        for (int64_t c = FAN * (int64_t)list[i]; c < FAN * ((int64_t)list[i] + 1) && c < wide; c++)
            list[number + grown++] = (int32_t)c;
    memmove(list, list + number, (size_t)grown * sizeof *list);
    return grown;
}

/* Keep those of a few leaves that can hold the nearest of any asker in the box. */
static void thin_few(const Walk *walk, const Box *box, const Few *few, Few *into) {
    double rival[AXES], *sum = few->q;
    coordinates(walk->of, walk->rival, rival);
    double margin = slack(box, rival, walk->of->ndim);
    int64_t n = few->number, kept = 0;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t a = 0; a < walk->of->ndim; a++) {
        const double *low = few->low[a], *high = few->high[a];
        double x0 = box->low[a], x1 = box->high[a];
        double way0 = (x0 - rival[a]) * (x0 - rival[a]), way1 = (x1 - rival[a]) * (x1 - rival[a]);
        for (int64_t i = 0; i < n; i++) {
            double below0 = low[i] - x0, above0 = x0 - high[i], below1 = low[i] - x1, above1 = x1 - high[i];
            double gap0 = below0 > above0 ? below0 : above0, gap1 = below1 > above1 ? below1 : above1;
            gap0 = gap0 > 0 ? gap0 : 0;
            gap1 = gap1 > 0 ? gap1 : 0;
            double one = way0 - gap0 * gap0, other = way1 - gap1 * gap1;
            sum[i] += one > other ? one : other;
        }
    }
    for (int64_t i = 0; i < n; i++) { /* without a branch: which of them stay is hard to guess */
        for (int64_t a = 0; a < walk->of->ndim; a++) {
            into->low[a][kept] = few->low[a][i];
            into->high[a][kept] = few->high[a][i];
        }
        into->leaf[kept] = few->leaf[i];
        kept += sum[i] >= -margin;
    }
    into->number = kept;
}

/* Take a point of a leaf that is nearer than the best, or as near and earlier in the caller's order. */
static inline void look_into(const Tree *of, int64_t leaf, const double *x, Best *best) {
    const double *p0 = of->at[0] + leaf * LEAF, *p1 = of->at[1] + leaf * LEAF, *p2 = of->at[of->ndim - 1] + leaf * LEAF;
    double q[LEAF], least = INFINITY;
    for (int k = 0; k < LEAF; k++) { /* coordinates are padded to whole leaves, infinitely far */
        double d0 = x[0] - p0[k], d1 = x[1] - p1[k];
        q[k] = d0 * d0 + d1 * d1;
    }
    if (of->ndim == 3)
        for (int k = 0; k < LEAF; k++) {
            double d2 = x[2] - p2[k];
            q[k] += d2 * d2;
        }
    for (int k = 0; k < LEAF; k++) least = q[k] < least ? q[k] : least;
    if (least > best->q) return;
    for (int k = 0; k < LEAF; k++) {
        int64_t point = leaf * LEAF + k;
        if (q[k] < best->q || (q[k] == best->q && point < of->n && (best->point < 0 || of->place[point] < of->place[best->point])))
            *best = (Best){q[k], point};
    }
}

/* The nearest of the points in a few leaves to x, if it is at most as far as the best so far. Returns how many of the
   leaves had to be looked into. */
static inline int look_among(const Tree *of, const Few *few, const double *x, Best *best) {
    double *least = few->q;
    int64_t n = few->number;
    for (int64_t a = 0; a < of->ndim; a++) {
        const double *low = few->low[a], *high = few->high[a];
        for (int64_t i = 0; i < n; i++) {
            double below = low[i] - x[a], above = x[a] - high[i];
            double gap = below > above ? below : above;
            gap = gap > 0 ? gap : 0;
            least[i] = a ? least[i] + gap * gap : gap * gap;
        }
    }
    int looks = 0;
    for (int64_t i = 0; i < n; i++)
        if (least[i] <= best->q) look_into(of, few->leaf[i], x, best), looks++;
    return looks;
}

/* Answer one asker out of a few leaves of points. Returns how many of them it had to look into. */
static int answer_one(Walk *walk, int64_t k, const Few *few) {
    const Tree *ask = walk->ask, *of = walk->of;
    int32_t asker = ask->place[k];
    double x[AXES];
    coordinates(ask, k, x);
    double limit = walk->best_of_group ? walk->best_of_group[walk->group[asker]] : walk->limit;
    double q = q_between(of, walk->rival, x);
    Best best = {limit, -1};
    if (q <= limit) best = (Best){q, walk->rival};
    int looks = look_among(of, few, x, &best);
    walk->answer[asker] = best.point < 0 ? -1 : of->place[best.point];
    if (best.point < 0) return looks;
    walk->rival = best.point;
    if (walk->q_of) walk->q_of[asker] = best.q;
    if (walk->best_of_group && best.q < limit) walk->best_of_group[walk->group[asker]] = best.q;
    return looks;
}

/* The points of a few leaves as a crowd. */
static int gather(Walk *walk, const Few *few, Crowd *crowd) {
    const Tree *of = walk->of;
    if (!make_crowd(walk, crowd, few->number * LEAF) || !make_crowd(walk, &walk->some, few->number * LEAF)) return 0;
    for (int64_t i = 0; i < few->number; i++) {
        int64_t from = (int64_t)few->leaf[i] * LEAF, some = of->n - from < LEAF ? of->n - from : LEAF;
        for (int64_t a = 0; a < of->ndim; a++)
            memcpy(crowd->at[a] + crowd->number, of->at[a] + from, (size_t)some * sizeof(double));
        for (int64_t k = 0; k < some; k++) {
            crowd->place[crowd->number + k] = of->place[from + k];
            crowd->sorted[crowd->number + k] = (int32_t)(from + k);
        }
        crowd->number += some;
    }
    return 1;
}

/* Keep those of a crowd that can be the nearest of any asker in the box; into may be the same. */
static void thin_crowd(const Walk *walk, const Box *box, const Crowd *crowd, Crowd *into) {
    double at_rival[AXES];
    coordinates(walk->of, walk->rival, at_rival);
    double margin = slack(box, at_rival, walk->of->ndim);
    double *sum = crowd->lead;
    int64_t n = crowd->number, kept = 0;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t a = 0; a < walk->of->ndim; a++) {
        const double *at = crowd->at[a];
        double low = box->low[a], high = box->high[a], rival = at_rival[a];
        double at_low = (low - rival) * (low - rival), at_high = (high - rival) * (high - rival);
        for (int64_t i = 0; i < n; i++) {
            double one = at_low - (low - at[i]) * (low - at[i]), other = at_high - (high - at[i]) * (high - at[i]);
            sum[i] += one > other ? one : other;
        }
    }
    for (int64_t i = 0; i < n; i++) { /* without a branch: which of them stay is hard to guess */
        for (int64_t a = 0; a < walk->of->ndim; a++) into->at[a][kept] = crowd->at[a][i];
        into->place[kept] = crowd->place[i];
        into->sorted[kept] = crowd->sorted[i];
        kept += sum[i] >= -margin;
    }
    into->number = kept;
}

/* Take for a rival the one of a crowd that is nearest to the middle of a box. */
static void rival_of_crowd(Walk *walk, const Box *box, const Crowd *crowd) {
    double *q = crowd->lead, least = INFINITY;
    int64_t n = crowd->number, which = 0;
    memset(q, 0, (size_t)n * sizeof *q);
    for (int64_t a = 0; a < walk->of->ndim; a++) {
        const double *at = crowd->at[a];
        double middle = (box->low[a] + box->high[a]) / 2;
        for (int64_t i = 0; i < n; i++) q[i] += (middle - at[i]) * (middle - at[i]);
    }
    for (int64_t i = 0; i < n; i++)
        if (q[i] < least) least = q[i], which = i;
    if (n) walk->rival = crowd->sorted[which];
}

/* Answer the askers of one leaf out of a crowd: a point at a time, for all of them at once. */
static void answer_together(Walk *walk, int64_t leaf, const Crowd *crowd) {
    const Tree *ask = walk->ask;
    double q[LEAF], place[LEAF];
    int64_t first = leaf * LEAF, number = ask->n - first < LEAF ? ask->n - first : LEAF;
    const double *x0 = ask->at[0] + first, *x1 = ask->at[1] + first, *x2 = ask->at[ask->ndim - 1] + first;
    for (int k = 0; k < LEAF; k++) q[k] = walk->limit, place[k] = INFINITY;
    for (int64_t k = 0; walk->best_of_group && k < number; k++) /* others do not matter */
        q[k] = walk->best_of_group[walk->group[ask->place[first + k]]];
    for (int64_t i = 0; i < crowd->number; i++) {
        double p0 = crowd->at[0][i], p1 = crowd->at[1][i], at = crowd->place[i], this[LEAF];
        for (int k = 0; k < LEAF; k++) { /* coordinates are padded to whole leaves */
            double d0 = x0[k] - p0, d1 = x1[k] - p1;
            this[k] = d0 * d0 + d1 * d1;
        }
        if (ask->ndim == 3) {
            double p2 = crowd->at[2][i];
            for (int k = 0; k < LEAF; k++) {
                double d2 = x2[k] - p2;
                this[k] += d2 * d2;
            }
        }
        for (int k = 0; k < LEAF; k++) { /* as min and select: without a branch */
            double earlier = at < place[k] ? at : place[k];
            double tied = this[k] == q[k] ? earlier : place[k];
            place[k] = this[k] < q[k] ? at : tied;
            q[k] = this[k] < q[k] ? this[k] : q[k];
        }
    }
    for (int64_t k = 0; k < number; k++) {
        int32_t asker = ask->place[first + k];
        walk->answer[asker] = place[k] < INFINITY ? (int64_t)place[k] : -1;
        if (!(place[k] < INFINITY)) continue;
        if (walk->q_of) walk->q_of[asker] = q[k];
        if (walk->best_of_group && q[k] < walk->best_of_group[walk->group[asker]])
            walk->best_of_group[walk->group[asker]] = q[k];
    }
}

/* Answer askers first to last - 1, all in a box, one after the other, out of a few leaves of points. Returns the looks
   that the last of them took. */
static int answer_each(Walk *walk, const Box *box, int64_t first, int64_t last, const Few *few) {
    double middle[AXES];
    for (int64_t a = 0; a < walk->of->ndim; a++) middle[a] = (box->low[a] + box->high[a]) / 2;
    Best best = {q_between(walk->of, walk->rival, middle), walk->rival};
    look_among(walk->of, few, middle, &best);
    walk->rival = best.point;
    thin_few(walk, box, few, &walk->nearer);
    int looks = 0;
    for (int64_t k = first; k < last; k++) looks = answer_one(walk, k, &walk->nearer);
    return looks;
}

/* Whether the askers of a leaf are better answered together, out of all points that can be nearest of any of them: where
   one of them has to look into many leaves, but few points are left. One of them is answered to find out. */
static int together(Walk *walk, const Box *box, int64_t leaf, const Few *few) {
    int64_t looks = answer_each(walk, walk->ask->box + leaf, leaf * LEAF, leaf * LEAF + 1, few);
    int64_t apart = LEAF * (walk->nearer.number + LOOK * looks);
    if (few->number * LEAF > apart || !gather(walk, few, &walk->all)) return 0;
    thin_crowd(walk, box, &walk->all, &walk->all);
    return 2 * walk->all.number < apart;
}

/* Answer leaves first to last - 1 of askers, all in a box, out of a few leaves of points. */
static void answer_leaves(Walk *walk, const Box *box, int64_t first, int64_t last, const Few *few) {
    const Tree *ask = walk->ask;
    int as_one = together(walk, box, first, few);
    for (int64_t leaf = first; !walk->failed && leaf < last; leaf++) {
        int64_t end = ask->n < (leaf + 1) * LEAF ? ask->n : (leaf + 1) * LEAF;
        if (!as_one) answer_each(walk, ask->box + leaf, leaf * LEAF, end, few);
        else {
            rival_of_crowd(walk, ask->box + leaf, &walk->all);
            thin_crowd(walk, ask->box + leaf, &walk->all, &walk->some);
            answer_together(walk, leaf, &walk->some);
        }
    }
}

/* Answer a node of askers, of level 0 or 1, out of the leaves on the list. */
static void answer_node(Walk *walk, int64_t level, int64_t node, const int32_t *list, int64_t number) {
    const Tree *ask = walk->ask, *of = walk->of;
    Few *few = &walk->near;
    if (!make_few(walk, few, number) || !make_few(walk, &walk->nearer, number)) return;
    for (few->number = 0; few->number < number; few->number++) {
        const Box *box = of->box + list[few->number];
        few->leaf[few->number] = list[few->number];
        for (int64_t a = 0; a < of->ndim; a++) {
            few->low[a][few->number] = box->low[a];
            few->high[a][few->number] = box->high[a];
        }
    }
    int64_t leaves = ask->level_at[1], last = level ? FAN * (node + 1) : node + 1;
    answer_leaves(walk, ask->box + ask->level_at[level] + node, level ? FAN * node : node, last < leaves ? last : leaves, few);
}

/* Walk down node `node` of level `level` of the askers. The candidates, `number` nodes of level `of_level` of the other
   tree, lie in the list from `from` on; those below it belong to the nodes above. */
static void walk_down(Walk *walk, int64_t level, int64_t node, int64_t from, int64_t number, int64_t of_level) {
    const Tree *ask = walk->ask;
    const Box *box = ask->box + ask->level_at[level] + node;
    if (walk->failed || !make_room(walk, from + 2 * number)) return;
    memcpy(walk->list + from + number, walk->list + from, (size_t)number * sizeof *walk->list);
    from += number;
    choose_rival(walk, box, of_level, walk->list + from, number);
    number = thin(walk, box, of_level, walk->list + from, number);
    while (of_level > 0 && (level <= ALONE || of_level >= level + AHEAD)) {
        number = expand(walk, from, number, of_level--);
        number = thin(walk, box, of_level, walk->list + from, number);
    }
    if (!number) return; /* beyond the limit, or its group has a nearer one elsewhere */
    if (level <= ALONE) return answer_node(walk, level, node, walk->list + from, number);
    int64_t wide = ask->level_at[level] - ask->level_at[level - 1];
    for (int64_t c = FAN * node; c < FAN * (node + 1) && c < wide; c++)
        walk_down(walk, level - 1, c, from, number, of_level);
}

static int start_walk(Walk *walk, int64_t level, int64_t node) {
    const Tree *of = walk->of;
    if (!make_room(walk, 4096)) return 0;
    walk->list[0] = 0; /* the root */
    walk_down(walk, level, node, 0, 1, of->levels - 1);
    return !walk->failed;
}

static Walk new_walk(const Tree *ask, const Tree *of, double limit, int64_t *answer_) {
    Walk walk = {0};
    walk.ask = ask;
    walk.of = of;
    walk.limit = limit;
    walk.answer = answer_;
    return walk;
}

static void end_walk(Walk *walk) {
    free(walk->list);
    free_few(&walk->near);
    free_few(&walk->nearer);
    free_crowd(&walk->all);
    free_crowd(&walk->some);
}

/* How many parts the askers of a tree can be shared out in. */
API int64_t mk_parts(const Tree *ask) {
    int64_t level = ask->levels > 4 ? ask->levels - 4 : 0;
    return ask->level_at[level + 1] - ask->level_at[level];
}

/* For each asker in parts first to last - 1 the place of its nearest point; -1 where q is above the limit.
   answer_ holds -1 before. Returns 0 where memory is short. */
API int64_t mk_nearest(const Tree *ask, const Tree *of, double limit, int64_t first, int64_t last, int64_t *answer_) {
    int64_t level = ask->levels > 4 ? ask->levels - 4 : 0, ok = 1;
    Walk walk = new_walk(ask, of, limit, answer_);
    for (int64_t part = first; ok && part < last; part++) ok = start_walk(&walk, level, part);
    end_walk(&walk);
    return ok;
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
    Walk walk = new_walk(ask, of, INFINITY, answer_);
    walk.q_of = q;
    walk.group = group;
    walk.best_of_group = best;
    int64_t ok = 1, leaves = ask->level_at[1];
    /* one leaf in 16 first: most of the others are then too far */
    for (int64_t leaf = 0; ok && ask->levels > 2 && leaf < leaves; leaf += FAN * FAN) ok = start_walk(&walk, 0, leaf);
    ok = ok && start_walk(&walk, ask->levels - 1, 0);
    for (int64_t k = 0; ok && k < ask->n; k++)
        if (q[k] <= best[group[k]] && q[k] < INFINITY && who[group[k]] < 0) who[group[k]] = k, what[group[k]] = answer_[k];
    end_walk(&walk);
    free(best);
    return ok;
}

/* Distances of n points a from points b, (n, ndim); which: of b each is measured to, or NULL: row by row. */
API void mk_distances(
    const double *a, const double *b, const int64_t *which, int64_t n, int64_t ndim, const double *spacing, double *out
) {
    for (int64_t k = 0; k < n; k++) {
        const double *x = a + ndim * k, *y = b + ndim * (which ? which[k] : k);
        double q = 0;
        for (int64_t i = 0; i < ndim; i++) {
            double way = (x[i] - y[i]) * spacing[i];
            q += way * way;
        }
        out[k] = sqrt(q);
    }
}

/* The position of each of (n, ndim) vertices: line[axis] holds that of each line of the lattice. */
API void mk_positions(const int64_t *vertex, int64_t n, int64_t ndim, const double *const *line, double *out) {
    for (int64_t k = 0; k < n; k++)
        for (int64_t a = 0; a < ndim; a++) out[ndim * k + a] = line[a][vertex[ndim * k + a]];
}
