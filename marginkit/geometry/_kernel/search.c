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

typedef struct {
    double low[AXES], high[AXES];
    int32_t group;  /* the group of all its points, -1 where they differ */
} Box;

/* The boxes of all children of a node, side by side for vector instructions; a missing child is infinitely far. */
typedef struct {
    double low[AXES][FAN], high[AXES][FAN];
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

/* Points that can be the nearest of some askers, copied side by side for vector instructions. */
typedef struct {
    int64_t number, room;
    double *at[AXES], *place, *lead;
} Few;

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
    double rival[AXES];    /* a point near the askers before: their neighbours beat most others with it */
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

static int make_few(Walk *walk, Few *few, int64_t number) {
    few->number = 0;
    if (number <= few->room) return 1;
    few->room = 0;
    double **column[] = {&few->at[0], &few->at[1], &few->at[2], &few->place, &few->lead};
    for (int k = 0; k < 5; k++) {
        free(*column[k]);
        *column[k] = malloc((size_t)(2 * number) * sizeof **column[k]);
        if (!*column[k]) walk->failed = 1;
    }
    if (!walk->failed) few->room = 2 * number;
    return !walk->failed;
}

static void free_few(Few *few) {
    for (int a = 0; a < AXES; a++) free(few->at[a]);
    free(few->place);
    free(few->lead);
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

/* Take for a rival the point nearest to the middle of a box, out of the candidates. */
static void choose_rival(Walk *walk, const Box *box, int64_t level, const int32_t *list, int64_t number) {
    const Tree *of = walk->of;
    double middle[AXES] = {0}, q = 0;
    for (int64_t a = 0; a < of->ndim; a++) {
        middle[a] = (box->low[a] + box->high[a]) / 2;
        q += (middle[a] - walk->rival[a]) * (middle[a] - walk->rival[a]);
    }
    Best best = {q, -1};
    for (int64_t i = 0; i < number; i++) {
        Box at = {{0}, {0}, 0};
        memcpy(at.low, middle, sizeof middle);
        memcpy(at.high, middle, sizeof middle);
        if (least_q(&at, of->box + of->level_at[level] + list[i], of->ndim) < best.q)
            descend(of, level, list[i], middle, &best);
    }
    for (int64_t a = 0; best.point >= 0 && a < of->ndim; a++) walk->rival[a] = of->at[a][best.point];
}

/* Keep those of the candidates that can hold the nearest of any asker in the box. Returns their number. */
static int64_t thin(const Walk *walk, const Box *box, int64_t level, int32_t *list, int64_t number) {
    const Box *nodes = walk->of->box + walk->of->level_at[level];
    int64_t kept = 0, ndim = walk->of->ndim;
    double limit = walk->limit, margin = slack(box, walk->rival, ndim);
    if (walk->best_of_group && box->group >= 0 && walk->best_of_group[box->group] < limit)
        limit = walk->best_of_group[box->group];
    for (int64_t i = 0; i < number; i++) {
        const Box *node = nodes + list[i];
        if (lead(box, walk->rival, node, ndim) < -margin) continue;
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

/* Keep those of a few points that can be the nearest of any asker in the box; into may be the same. */
static void thin_few(const Walk *walk, const Box *box, const Few *few, Few *into) {
    double margin = slack(box, walk->rival, walk->of->ndim);
    double *sum = few->lead;
    int64_t n = few->number, kept = 0;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t a = 0; a < walk->of->ndim; a++) {
        const double *at = few->at[a];
        double low = box->low[a], high = box->high[a], rival = walk->rival[a];
        double at_low = (low - rival) * (low - rival), at_high = (high - rival) * (high - rival);
        for (int64_t i = 0; i < n; i++) {
            double one = at_low - (low - at[i]) * (low - at[i]), other = at_high - (high - at[i]) * (high - at[i]);
            sum[i] += one > other ? one : other;
        }
    }
    for (int64_t i = 0; i < n; i++) { /* without a branch: which of them stay is hard to guess */
        for (int64_t a = 0; a < walk->of->ndim; a++) into->at[a][kept] = few->at[a][i];
        into->place[kept] = few->place[i];
        kept += sum[i] >= -margin;
    }
    into->number = kept;
}

/* Take for a rival the one of a few points that is nearest to the middle of a box. */
static void rival_of_few(Walk *walk, const Box *box, const Few *few) {
    double *q = few->lead, least = INFINITY;
    int64_t n = few->number, which = 0;
    memset(q, 0, (size_t)n * sizeof *q);
    for (int64_t a = 0; a < walk->of->ndim; a++) {
        const double *at = few->at[a];
        double middle = (box->low[a] + box->high[a]) / 2;
        for (int64_t i = 0; i < n; i++) q[i] += (middle - at[i]) * (middle - at[i]);
    }
    for (int64_t i = 0; i < n; i++)
        if (q[i] < least) least = q[i], which = i;
    for (int64_t a = 0; n && a < walk->of->ndim; a++) walk->rival[a] = few->at[a][which];
}

/* Answer the askers of one leaf out of a few points: a point at a time, for all of them at once. */
static void answer(Walk *walk, int64_t leaf, const Few *few) {
    const Tree *ask = walk->ask;
    double q[LEAF], place[LEAF];
    int64_t first = leaf * LEAF, number = ask->n - first < LEAF ? ask->n - first : LEAF;
    const double *x0 = ask->at[0] + first, *x1 = ask->at[1] + first, *x2 = ask->at[ask->ndim - 1] + first;
    for (int k = 0; k < LEAF; k++) q[k] = walk->limit, place[k] = INFINITY;
    for (int64_t k = 0; walk->best_of_group && k < number; k++) /* others do not matter */
        q[k] = walk->best_of_group[walk->group[ask->place[first + k]]];
    for (int64_t i = 0; i < few->number; i++) {
        double p0 = few->at[0][i], p1 = few->at[1][i], at = few->place[i], this[LEAF];
        for (int k = 0; k < LEAF; k++) { /* coordinates are padded to whole leaves */
            double d0 = x0[k] - p0, d1 = x1[k] - p1;
            this[k] = d0 * d0 + d1 * d1;
        }
        if (ask->ndim == 3) {
            double p2 = few->at[2][i];
            for (int k = 0; k < LEAF; k++) {
                double d2 = x2[k] - p2;
                this[k] += d2 * d2;
            }
        }
        for (int k = 0; k < LEAF; k++) {
            int better = (this[k] < q[k]) | ((this[k] == q[k]) & (at < place[k]));
            q[k] = better ? this[k] : q[k];
            place[k] = better ? at : place[k];
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

/* Answer a node of askers, of level 0 or 1, out of the leaves on the list. */
static void answer_node(Walk *walk, int64_t level, int64_t node, const int32_t *list, int64_t number) {
    const Tree *ask = walk->ask, *of = walk->of;
    const Box *box = ask->box + ask->level_at[level] + node;
    Few *few = &walk->near;
    if (!make_few(walk, few, number * LEAF) || !make_few(walk, &walk->nearer, number * LEAF)) return;
    for (int64_t i = 0; i < number; i++) {
        int64_t from = (int64_t)list[i] * LEAF, some = of->n - from < LEAF ? of->n - from : LEAF;
        for (int64_t a = 0; a < of->ndim; a++)
            memcpy(few->at[a] + few->number, of->at[a] + from, (size_t)some * sizeof(double));
        for (int64_t k = 0; k < some; k++) few->place[few->number + k] = of->place[from + k];
        few->number += some;
    }
    thin_few(walk, box, few, few);
    if (level == 0) return answer(walk, node, few);
    for (int64_t leaf = FAN * node; leaf < FAN * (node + 1) && leaf < ask->level_at[1]; leaf++) {
        rival_of_few(walk, ask->box + leaf, few);
        thin_few(walk, ask->box + leaf, few, &walk->nearer);
        answer(walk, leaf, &walk->nearer);
    }
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
    for (int64_t a = 0; a < of->ndim; a++) walk.rival[a] = of->at[a][0];
    return walk;
}

static void end_walk(Walk *walk) {
    free(walk->list);
    free_few(&walk->near);
    free_few(&walk->nearer);
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
