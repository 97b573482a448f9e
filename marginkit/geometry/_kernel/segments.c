/* The nearest of a set of straight segments in the plane, for many segments, exactly, with the pair of points.

   The set comes as parts of at most about a unit, each a part of one of its segments, so that boxes are tight. Parts are
   sorted along a Z-curve by their middles; LEAF consecutive ones make a leaf, FAN leaves a node, and so on to one root.
   Neighbours go down together: what the one before them found leaves few leaves that can hold the nearest of any. Each
   then looks into those whose chord, the line that a leaf lies along, leaves it possible. One whose neighbours are far
   goes down alone, the nearest boxes first.

   Exactness: what is measured is measured as the NumPy route does it, the same operations in the same order. Boxes,
   chords, and a quick distance to all parts of a leaf at once only say what need not be measured. They are rounded, and
   a foot may lie outside its box by some units in the last place; so a part is left out only when farther than the best
   by more than SLACK of the greatest coordinate. Of pairs equal to 1e-12 the first in array order is kept, and of one
   pair of points the segment that comes first. */
#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAF = 8, FAN = 4, LEVELS = 32 };

/* So many neighbours are asked together, of so many leaves. Measured. */
enum { GROUP = 32, MOST = 64 };

static const double TIE = 1e-12;   /* as in pairs.py */
static const double SLACK = 1e-14; /* about 45 units in the last place */
static const double TINY = 1e-280; /* squares that small are rounded to nothing */

/* In mm. */
typedef struct {
    double low[2], high[2];
} Box;

/* The parts of a leaf in mm, side by side for vector instructions; share: 1 / length^2, 0 of points. Behind the last part
   the first one of the leaf is repeated. */
typedef struct {
    double from[2][LEAF], to[2][LEAF], share[LEAF];
    int32_t parent[LEAF];
} Leaf;

/* A line in mm that all of a leaf lies near to, at most `radius` away. share: as in a leaf. */
typedef struct {
    double from[2], to[2], share, radius;
} Chord;

/* The boxes of the children of a node, alike; a missing child is infinitely far. */
typedef struct {
    double low[2][FAN], high[2][FAN];
} Children;

/* box: level 0 are the leaves; level_at: where each level starts. children: of the nodes of level 1 and above. */
typedef struct {
    int64_t levels, level_at[LEVELS + 1];
    const double *segment; /* (m, 2, 2) index units, the caller's */
    double mm[2], size;
    Leaf *leaf;
    Chord *chord; /* of each leaf */
    Box *box;
    Children *children;
} Segments;

/* ---- building ---- */

static Box box_of(const double *segment, const double *mm) {
    Box box;
    for (int a = 0; a < 2; a++) {
        double x = segment[a] * mm[a], y = segment[2 + a] * mm[a];
        box.low[a] = x < y ? x : y;
        box.high[a] = x < y ? y : x;
    }
    return box;
}

static void grow(Box *box, const Box *by) {
    for (int a = 0; a < 2; a++) {
        if (by->low[a] < box->low[a]) box->low[a] = by->low[a];
        if (by->high[a] > box->high[a]) box->high[a] = by->high[a];
    }
}

static double greatest(const Box *box) {
    double size = 0;
    for (int a = 0; a < 2; a++) {
        if (fabs(box->low[a]) > size) size = fabs(box->low[a]);
        if (fabs(box->high[a]) > size) size = fabs(box->high[a]);
    }
    return size;
}

static void fill_keys(const Segments *set, const double *part, int64_t n, uint64_t *item) {
    Box all = box_of(part, set->mm);
    for (int64_t k = 1; k < n; k++) {
        Box one = box_of(part + 4 * k, set->mm);
        grow(&all, &one);
    }
    double wide = all.high[0] - all.low[0], high = all.high[1] - all.low[1];
    double side = wide > high ? wide : high, factor = side > 0 ? 65535 / side : 0;
    if (!(factor < INFINITY)) factor = 0; /* all in one place */
    for (int64_t k = 0; k < n; k++) {
        Box one = box_of(part + 4 * k, set->mm);
        uint64_t key = 0;
        for (int a = 0; a < 2; a++) {
            double step = ((one.low[a] + one.high[a]) / 2 - all.low[a]) * factor;
            key |= spread_bits(step < 65535 ? (uint64_t)step : 65535, 2) << (1 - a);
        }
        item[k] = key << 32 | (uint64_t)k;
    }
}

static double share_of(const double *way) {
    double length = way[0] * way[0] + way[1] * way[1];
    return length > TINY ? 1 / length : 0;
}

/* Fill a leaf with its parts, up to LEAF, and its box. */
static void fill_leaf(Segments *set, int64_t k, const double *part, const int64_t *of, const uint64_t *item, int64_t n) {
    Leaf *leaf = set->leaf + k;
    for (int64_t i = 0; i < LEAF; i++) {
        int64_t place = (int64_t)(item[i < n ? i : 0] & 0xffffffffu);
        const double *one = part + 4 * place;
        double way[2];
        for (int a = 0; a < 2; a++) {
            leaf->from[a][i] = one[a] * set->mm[a];
            leaf->to[a][i] = one[2 + a] * set->mm[a];
            way[a] = leaf->to[a][i] - leaf->from[a][i];
        }
        leaf->share[i] = share_of(way);
        leaf->parent[i] = (int32_t)of[place];
        Box box = box_of(one, set->mm);
        if (i == 0) set->box[k] = box;
        else grow(&set->box[k], &box);
    }
}

/* The square of the distance of x to a segment that starts there and goes `way`. */
static ALWAYS_INLINE double q_to_foot(double x0, double x1, double way0, double way1, double share) {
    double t = (x0 * way0 + x1 * way1) * share;
    t = t > 0 ? t : 0;
    t = t < 1 ? t : 1;
    double d0 = x0 - t * way0, d1 = x1 - t * way1;
    return d0 * d0 + d1 * d1;
}

static ALWAYS_INLINE double lesser(double a, double b) { return a < b ? a : b; }
static ALWAYS_INLINE double larger(double a, double b) { return a > b ? a : b; }

/* Of the ends of a leaf's parts the one farthest from a point. */
static void find_farthest(const Leaf *leaf, const double *point, double *out) {
    double most = -1;
    for (int k = 0; k < 2 * LEAF; k++) {
        const double(*end)[LEAF] = k < LEAF ? leaf->from : leaf->to;
        double x0 = end[0][k % LEAF], x1 = end[1][k % LEAF];
        double q = (x0 - point[0]) * (x0 - point[0]) + (x1 - point[1]) * (x1 - point[1]);
        if (!(q > most)) continue;
        most = q;
        out[0] = x0;
        out[1] = x1;
    }
}

static void fill_chord(const Leaf *leaf, Chord *chord) {
    const double start[2] = {leaf->from[0][0], leaf->from[1][0]};
    find_farthest(leaf, start, chord->from);
    find_farthest(leaf, chord->from, chord->to);
    const double way[2] = {chord->to[0] - chord->from[0], chord->to[1] - chord->from[1]};
    double most = 0;
    chord->share = share_of(way);
    for (int k = 0; k < LEAF; k++) {
        const double *const end[2][2] = {{leaf->from[0] + k, leaf->from[1] + k}, {leaf->to[0] + k, leaf->to[1] + k}};
        for (int i = 0; i < 2; i++) {
            double x0 = *end[i][0] - chord->from[0], x1 = *end[i][1] - chord->from[1];
            most = larger(most, q_to_foot(x0, x1, way[0], way[1], chord->share));
        }
    }
    chord->radius = sqrt(most);
}

/* Fill the nodes above the leaves. */
static void fill_nodes(Segments *set) {
    for (int64_t level = 1; level < set->levels; level++) {
        int64_t wide = set->level_at[level] - set->level_at[level - 1];
        const Box *child = set->box + set->level_at[level - 1];
        Box *box = set->box + set->level_at[level];
        Children *all = set->children + set->level_at[level] - set->level_at[1];
        for (int64_t k = 0; k < (wide + FAN - 1) / FAN * FAN; k++) {
            for (int a = 0; a < 2; a++) {
                all[k / FAN].low[a][k % FAN] = k < wide ? child[k].low[a] : INFINITY;
                all[k / FAN].high[a][k % FAN] = k < wide ? child[k].high[a] : -INFINITY;
            }
            if (k % FAN == 0) box[k / FAN] = child[k];
            else if (k < wide) grow(&box[k / FAN], &child[k]);
        }
    }
}

API void mk_segments_free(Segments *set) {
    if (!set) return;
    free(set->leaf);
    free(set->chord);
    free(set->box);
    free(set->children);
    free(set);
}

/* A set of segments, (m, 2, 2), which must outlive it, in n > 0 parts: (n, 2, 2), and of which segment each is.
   NULL where memory is short. */
API Segments *mk_segments(const double *segment, const double *part, const int64_t *of, int64_t n, const double *mm) {
    Segments *set = calloc(1, sizeof *set);
    uint64_t *item = malloc((size_t)n * 2 * sizeof *item);
    if (!set || !item) return free(item), free(set), NULL;
    set->segment = segment;
    memcpy(set->mm, mm, sizeof set->mm);
    for (int64_t wide = (n + LEAF - 1) / LEAF, at = 0;; wide = (wide + FAN - 1) / FAN) {
        set->level_at[set->levels++] = at;
        set->level_at[set->levels] = at += wide;
        if (wide == 1) break;
    }
    int64_t leaves = set->level_at[1], nodes = set->level_at[set->levels] - leaves;
    set->leaf = malloc((size_t)leaves * sizeof *set->leaf);
    set->chord = malloc((size_t)leaves * sizeof *set->chord);
    set->box = malloc((size_t)(leaves + nodes) * sizeof *set->box);
    set->children = malloc((size_t)(nodes + 1) * sizeof *set->children);
    if (!set->leaf || !set->chord || !set->box || !set->children) return free(item), mk_segments_free(set), NULL;
    fill_keys(set, part, n, item);
    const uint64_t *sorted = sort_by_key(item, item + n, n);
    for (int64_t k = 0; k < leaves; k++)
        fill_leaf(set, k, part, of, sorted + LEAF * k, n - LEAF * k < LEAF ? n - LEAF * k : LEAF);
    free(item);
    for (int64_t k = 0; k < leaves; k++) fill_chord(set->leaf + k, set->chord + k);
    fill_nodes(set);
    set->size = greatest(set->box + set->level_at[set->levels - 1]);
    return set;
}

/* ---- one pair of segments: points_between of nearest_segments.py ---- */

typedef struct {
    double distance, point[4]; /* here, there */
    int32_t element;
} Pair;

/* The square of the distance of two points. */
static double q_apart(const double *a, const double *b, const double *mm) {
    double d0 = (a[0] - b[0]) * mm[0], d1 = (a[1] - b[1]) * mm[1];
    return d0 * d0 + d1 * d1;
}

/* The point of a segment nearest to p. */
static void foot(const double *p, const double *s, const double *mm, double *out) {
    double u0 = s[2] - s[0], u1 = s[3] - s[1];
    double w0 = u0 * mm[0], w1 = u1 * mm[1];
    double length = w0 * w0 + w1 * w1;
    double along = (p[0] - s[0]) * mm[0] * w0 + (p[1] - s[1]) * mm[1] * w1;
    double share = length > 0 ? along / length : 0;
    share = share < 0 ? 0 : share;
    share = share < 1 ? share : 1;
    out[0] = share == 1 ? s[2] : s[0] + share * u0;
    out[1] = share == 1 ? s[3] : s[1] + share * u1;
}

/* Whether pair a comes before b in array order: -1, or 1 where b does, 0 where they are one. */
static int order_of(const double *a, const double *b) {
    for (int k = 0; k < 4; k++)
        if (a[k] != b[k]) return a[k] < b[k] ? -1 : 1;
    return 0;
}

static void offer(Pair *best, const double *point, double distance) {
    if (!(distance <= best->distance * (1 + TIE))) return;
    if (!(distance < best->distance * (1 - TIE)) && order_of(point, best->point) >= 0) return;
    best->distance = distance;
    memcpy(best->point, point, sizeof best->point);
}

static int overlap(const double *a, const double *b) {
    for (int k = 0; k < 2; k++) {
        double low_a = a[k] < a[2 + k] ? a[k] : a[2 + k], high_a = a[k] < a[2 + k] ? a[2 + k] : a[k];
        double low_b = b[k] < b[2 + k] ? b[k] : b[2 + k], high_b = b[k] < b[2 + k] ? b[2 + k] : b[k];
        if (low_a > high_b || low_b > high_a) return 0;
    }
    return 1;
}

/* Where two segments cross inside both of them. Returns whether they do. */
static int cross(const double *first, const double *second, double *point) {
    if (!overlap(first, second)) return 0;
    double a0 = first[2] - first[0], a1 = first[3] - first[1], b0 = second[2] - second[0], b1 = second[3] - second[1];
    double gap0 = second[0] - first[0], gap1 = second[1] - first[1];
    double area = a0 * b1 - a1 * b0;
    if (area == 0) return 0;
    double s = (gap0 * b1 - gap1 * b0) / area, t = (gap0 * a1 - gap1 * a0) / area;
    if (!(s > 0 && s < 1 && t > 0 && t < 1)) return 0;
    point[0] = first[0] + s * a0;
    point[1] = first[1] + s * a1;
    return 1;
}

/* Each end with its foot on the other segment, and a crossing, are offered in this order. Of those that are clearly
   farther than the least the root is not taken: the first that is not takes their place whatever they are. */
static void between(const double *first, const double *second, const double *mm, Pair *best) {
    double point[4][4], q[4], least = INFINITY, at[4];
    for (int k = 0; k < 4; k++) {
        const double *end = (k < 2 ? first : second) + 2 * (k & 1);
        double *own = point[k] + (k < 2 ? 0 : 2), *other = point[k] + (k < 2 ? 2 : 0);
        memcpy(own, end, 2 * sizeof *end);
        foot(end, k < 2 ? second : first, mm, other);
        q[k] = q_apart(point[k], point[k] + 2, mm);
        if (q[k] < least) least = q[k];
    }
    best->distance = INFINITY;
    memcpy(best->point, point[0], sizeof best->point);
    for (int k = 0; k < 4; k++)
        if (q[k] <= least * (1 + 1e-9) + TINY) offer(best, point[k], sqrt(q[k]));
    if (!cross(first, second, at)) return;
    memcpy(at + 2, at, 2 * sizeof *at);
    offer(best, at, 0);
}

/* ---- asking ---- */

/* One who asks. list: what may turn out to be the answer, none of it both farther and later than another. */
typedef struct {
    const Segments *of;
    const double *asked;
    Box box;
    double from[2], to[2], way[2], share; /* in mm; share: 1 / length^2, 0 of a point */
    double normal[2], offset; /* its straight line: normal . x = offset, of unit normal; 0 where it has no length */
    double slack, least, enough;
    int32_t measured; /* the segment measured last */
    Pair *list;
    int64_t number, room;
} Ask;

/* At most the squares of the distances between the asker and anything in each of n boxes, side by side. */
static ALWAYS_INLINE void q_to_boxes(
    const Ask *ask, const double *low0, const double *low1, const double *high0, const double *high1, int n, double *q
) {
    for (int k = 0; k < n; k++) {
        const double low[2] = {low0[k], low1[k]}, high[2] = {high0[k], high1[k]};
        double all = 0, beside = -ask->offset, reach = 0;
        for (int a = 0; a < 2; a++) {
            double below = low[a] - ask->box.high[a], above = ask->box.low[a] - high[a];
            double gap = below > above ? below : above;
            gap = gap > 0 ? gap : 0;
            all += gap * gap;
            beside += ask->normal[a] * ((high[a] + low[a]) / 2);
            reach += fabs(ask->normal[a]) * ((high[a] - low[a]) / 2);
        }
        double gap = fabs(beside) - reach;
        gap = gap > 0 ? gap : 0;
        q[k] = gap * gap > all ? gap * gap : all;
    }
}

/* The squares of the distances between the asker and n parts, rounded; 0 where their boxes meet, for then they may
   cross. */
static ALWAYS_INLINE void q_to_parts(
    const Ask *ask, const double *from0, const double *from1, const double *to0, const double *to1, const double *shares,
    int n, double *q
) {
    const double a0 = ask->from[0], a1 = ask->from[1], b0 = ask->to[0], b1 = ask->to[1];
    const double u0 = ask->way[0], u1 = ask->way[1], own = ask->share;
    for (int k = 0; k < n; k++) {
        double x0 = from0[k], x1 = from1[k], y0 = to0[k], y1 = to1[k];
        double w0 = y0 - x0, w1 = y1 - x1, share = shares[k];
        double one = q_to_foot(a0 - x0, a1 - x1, w0, w1, share), two = q_to_foot(b0 - x0, b1 - x1, w0, w1, share);
        double three = q_to_foot(x0 - a0, x1 - a1, u0, u1, own), four = q_to_foot(y0 - a0, y1 - a1, u0, u1, own);
        double gap0 = larger(lesser(x0, y0) - ask->box.high[0], ask->box.low[0] - larger(x0, y0));
        double gap1 = larger(lesser(x1, y1) - ask->box.high[1], ask->box.low[1] - larger(x1, y1));
        double all = lesser(lesser(one, two), lesser(three, four));
        q[k] = larger(gap0, gap1) > 0 ? all : 0;
    }
}

/* Keep those on the list that a new pair, or the new least distance, leaves possible. */
static void thin(Ask *ask, const Pair *by) {
    int64_t kept = 0;
    for (int64_t k = 0; k < ask->number; k++) {
        const Pair *one = ask->list + k;
        if (one->distance > ask->least * (1 + TIE)) continue;
        int order = order_of(by->point, one->point);
        if (by->distance <= one->distance && (order < 0 || (order == 0 && by->element < one->element))) continue;
        ask->list[kept++] = *one;
    }
    ask->number = kept;
}

/* Measure a segment. Returns 0 where memory is short. */
static int measure(Ask *ask, int32_t element) {
    if (element == ask->measured) return 1;
    ask->measured = element;
    Pair pair = {0, {0}, element};
    between(ask->asked, ask->of->segment + 4 * (int64_t)element, ask->of->mm, &pair);
    if (pair.distance > ask->least * (1 + TIE)) return 1;
    for (int64_t k = 0; k < ask->number; k++) {
        const Pair *one = ask->list + k;
        int order = order_of(one->point, pair.point);
        if (one->distance <= pair.distance && (order < 0 || (order == 0 && one->element <= element))) return 1;
    }
    if (pair.distance < ask->least) {
        double enough = pair.distance * (1 + 1e-9) + ask->slack;
        ask->least = pair.distance;
        ask->enough = enough * enough + TINY;
    }
    thin(ask, &pair);
    if (ask->number == ask->room) {
        Pair *list = realloc(ask->list, (size_t)(2 * ask->room + 8) * sizeof *list);
        if (!list) return 0;
        ask->list = list;
        ask->room = 2 * ask->room + 8;
    }
    ask->list[ask->number++] = pair;
    return 1;
}

/* Measure what may be nearest in a leaf, the nearest first. */
static ALWAYS_INLINE int look(Ask *ask, const Leaf *leaf) {
    double q[LEAF];
    int first = 0;
    q_to_parts(ask, leaf->from[0], leaf->from[1], leaf->to[0], leaf->to[1], leaf->share, LEAF, q);
    for (int k = 1; k < LEAF; k++)
        if (q[k] < q[first]) first = k;
    if (q[first] > ask->enough) return 1;
    if (!measure(ask, leaf->parent[first])) return 0;
    for (int k = 0; k < LEAF; k++)
        if (k != first && q[k] <= ask->enough && !measure(ask, leaf->parent[k])) return 0;
    return 1;
}

/* Look in what may hold the nearest of a node and all below it, nearest boxes first. */
static int descend(Ask *ask, int64_t level, int64_t node) {
    const Segments *of = ask->of;
    if (level == 0) return look(ask, of->leaf + node);
    int64_t wide = of->level_at[level] - of->level_at[level - 1], first = FAN * node;
    int number = (int)(wide - first < FAN ? wide - first : FAN);
    double box[FAN], q[FAN];
    int order[FAN];
    const Children *some = of->children + of->level_at[level] - of->level_at[1] + node;
    q_to_boxes(ask, some->low[0], some->low[1], some->high[0], some->high[1], FAN, box);
    for (int k = 0; k < number; k++) {
        int at = k;
        for (; at > 0 && q[at - 1] > box[k]; at--) q[at] = q[at - 1], order[at] = order[at - 1];
        q[at] = box[k];
        order[at] = k;
    }
    for (int k = 0; k < number && q[k] <= ask->enough; k++)
        if (!descend(ask, level - 1, first + order[k])) return 0;
    return 1;
}

static void start(Ask *ask, const double *asked) {
    const double *mm = ask->of->mm;
    ask->asked = asked;
    ask->box = box_of(asked, mm);
    for (int a = 0; a < 2; a++) {
        ask->from[a] = asked[a] * mm[a];
        ask->to[a] = asked[2 + a] * mm[a];
        ask->way[a] = ask->to[a] - ask->from[a];
    }
    ask->share = share_of(ask->way);
    double turned = sqrt(ask->share);
    ask->normal[0] = -ask->way[1] * turned;
    ask->normal[1] = ask->way[0] * turned;
    ask->offset = ask->normal[0] * ask->from[0] + ask->normal[1] * ask->from[1];
    double size = greatest(&ask->box);
    ask->slack = SLACK * (size > ask->of->size ? size : ask->of->size);
    ask->least = ask->enough = INFINITY;
    ask->measured = -1;
    ask->number = 0;
}

/* Write down the first of the nearest pairs. Returns it. */
static const Pair *first_pair(const Ask *ask, double *distance, double *points, int64_t *element) {
    const Pair *best = ask->list;
    for (const Pair *one = best + 1; one < ask->list + ask->number; one++) {
        int order = order_of(one->point, best->point);
        if (order < 0 || (order == 0 && one->element < best->element)) best = one;
    }
    *distance = best->distance;
    memcpy(points, best->point, sizeof best->point);
    *element = best->element;
    return best;
}

/* Nodes of one level. */
typedef struct {
    int number;
    int32_t at[MOST];
} Nodes;

/* Leaves, and the chords of them side by side for vector instructions. */
typedef struct {
    Nodes leaves;
    double from[2][MOST], to[2][MOST], share[MOST], radius[MOST];
} Near;

/* Some who ask: the corners of the box around them, and how far from each, squared, anything must be to be of no use. */
typedef struct {
    double corner[4][2], reach[4];
} Group;

/* From a point of the set, in mm: what is farther than it from all corners is farther from everything in the box. For
   half of the plane is nearer to the one of two points, and a box lies in it if its corners do. */
static Group group_of(const Segments *of, const double *asked, int64_t n, const double *rival) {
    Group group;
    Box all = box_of(asked, of->mm);
    for (int64_t k = 1; k < n; k++) {
        Box one = box_of(asked + 4 * k, of->mm);
        grow(&all, &one);
    }
    double size = greatest(&all), slack = SLACK * (size > of->size ? size : of->size);
    for (int c = 0; c < 4; c++) {
        double x0 = group.corner[c][0] = c & 1 ? all.high[0] : all.low[0];
        double x1 = group.corner[c][1] = c & 2 ? all.high[1] : all.low[1];
        double reach = sqrt((x0 - rival[0]) * (x0 - rival[0]) + (x1 - rival[1]) * (x1 - rival[1])) * (1 + 1e-9) + slack;
        group.reach[c] = reach * reach + TINY;
    }
    return group;
}

/* Which children of a node can hold the nearest of any in a group; by how much one is nearer than its reach, at most. */
static ALWAYS_INLINE void room_to_boxes(const Group *group, const Children *some, double *room) {
    for (int k = 0; k < FAN; k++) room[k] = -1;
    for (int c = 0; c < 4; c++) {
        const double x0 = group->corner[c][0], x1 = group->corner[c][1], reach = group->reach[c];
        for (int k = 0; k < FAN; k++) {
            double gap0 = larger(larger(some->low[0][k] - x0, x0 - some->high[0][k]), 0);
            double gap1 = larger(larger(some->low[1][k] - x1, x1 - some->high[1][k]), 0);
            room[k] = larger(room[k], reach - (gap0 * gap0 + gap1 * gap1));
        }
    }
}

/* Put the children of some nodes that can hold the nearest of any in a group in their place; 0 if they are too many. */
static ALWAYS_INLINE int go_down(const Segments *of, int64_t level, const Group *group, Nodes *nodes) {
    int64_t wide = of->level_at[level] - of->level_at[level - 1];
    const Children *all = of->children + of->level_at[level] - of->level_at[1];
    const Nodes from = *nodes;
    nodes->number = 0;
    for (int k = 0; k < from.number; k++) {
        double room[FAN];
        int64_t child = FAN * (int64_t)from.at[k];
        room_to_boxes(group, all + from.at[k], room);
        for (int i = 0; i < FAN && child + i < wide; i++) {
            if (!(room[i] >= 0)) continue;
            if (nodes->number == MOST) return 0;
            nodes->at[nodes->number++] = (int32_t)(child + i);
        }
    }
    return 1;
}

/* Find the leaves that can hold the nearest of any in a group; 0 where they are too many. */
static ALWAYS_INLINE int gather(const Segments *of, const Group *group, Near *near) {
    near->leaves.number = 1;
    near->leaves.at[0] = 0;
    for (int64_t level = of->levels - 1; level > 0; level--)
        if (!go_down(of, level, group, &near->leaves)) return 0;
    int number = near->leaves.number, whole = (number + FAN - 1) / FAN * FAN;
    for (int k = 0; k < whole; k++) {
        const Chord *chord = of->chord + near->leaves.at[k < number ? k : 0];
        for (int a = 0; a < 2; a++) near->from[a][k] = chord->from[a], near->to[a][k] = chord->to[a];
        near->share[k] = chord->share;
        near->radius[k] = chord->radius;
    }
    return number > 0;
}

/* Look in those leaves that may hold the nearest, first in the one whose chord is. */
static ALWAYS_INLINE int look_near(Ask *ask, const Near *near) {
    double q[MOST];
    int number = near->leaves.number, whole = (number + FAN - 1) / FAN * FAN, first = 0;
    q_to_parts(ask, near->from[0], near->from[1], near->to[0], near->to[1], near->share, whole, q);
    for (int k = 1; k < number; k++)
        if (q[k] < q[first]) first = k;
    if (!look(ask, ask->of->leaf + near->leaves.at[first])) return 0;
    for (int k = 0; k < number; k++) {
        double reach = (sqrt(ask->enough) + near->radius[k]) * (1 + 1e-9) + ask->slack;
        if (k == first || q[k] > reach * reach) continue;
        if (!look(ask, ask->of->leaf + near->leaves.at[k])) return 0;
    }
    return 1;
}

static ALWAYS_INLINE int64_t find_nearest(
    const Segments *of, const double *asked, int64_t first, int64_t last,
    double *distance, double *points, int64_t *element
) {
    Ask ask = {.of = of};
    Near near;
    int ok = 1, together = 0; /* whether the next are asked so */
    int64_t size = 1, failed = 0; /* of a group; how often in a row there was none */
    int32_t before = of->leaf[0].parent[0];
    double rival[2] = {0, 0};
    for (int64_t k = first; ok && k < last;) {
        int64_t n = size < last - k ? size : last - k;
        if (together) {
            Group group = group_of(of, asked + 4 * k, n, rival);
            together = gather(of, &group, &near);
            failed = together ? 0 : failed + 1;
            size = together ? (2 * size < GROUP ? 2 * size : GROUP) : (size + 1) / 2;
        }
        if (!together) n = failed < last - k ? failed + 1 : last - k; /* those who lie apart waste no more time */
        for (int64_t end = k + n; ok && k < end; k++) {
            start(&ask, asked + 4 * k);
            ok = together ? look_near(&ask, &near) : measure(&ask, before) && descend(&ask, of->levels - 1, 0);
            if (!ok) break;
            const Pair *best = first_pair(&ask, distance + k, points + 4 * k, element + k);
            before = best->element;
            for (int a = 0; a < 2; a++) rival[a] = best->point[2 + a] * of->mm[a];
        }
        together = 1;
    }
    free(ask.list);
    return ok;
}

WIDE_VECTORS static int64_t find_fast(
    const Segments *of, const double *asked, int64_t first, int64_t last,
    double *distance, double *points, int64_t *element
) {
    return find_nearest(of, asked, first, last, distance, points, element);
}

/* The nearest segment of the set for each asked one, (n, 2, 2), from `first` to `last` - 1: (n,) distance and element,
   (n, 4) points here and there. Returns 0 where memory is short. */
API int64_t mk_segments_nearest(
    const Segments *of, const double *asked, int64_t first, int64_t last,
    double *distance, double *points, int64_t *element
) {
    if (has_wide_vectors()) return find_fast(of, asked, first, last, distance, points, element);
    return find_nearest(of, asked, first, last, distance, points, element);
}
