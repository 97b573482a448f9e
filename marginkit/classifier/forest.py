"""A forest of trees that ask six questions each: fitted by scikit-learn, gone through on whole planes.

The questions of a tree are the most telling splits of one tree of a random forest; the answers are six bits, and each
of their 64 combinations has a weight, fitted by penalised logistic regression over all trees at once. So a tree costs
six comparisons of a plane and one table, all on 8 bits, and is as good as the forest that it came from.

The surprising thing: weights are whole numbers, so that sums do not depend on the order or on the tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginkit.classifier.features import Plane
from marginkit.errors import ModelError

DEPTH, LEAVES = 6, 64
TOTAL = 30_000  # the largest sum of weights: within 16 bits
TREES, WIDEST = 200, 64
ROWS = 128  # gone through at once, so that planes stay in the cache


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees over 8-bit planes.

    plane, threshold : (tree, 6) the number of a plane and a value; the answer is whether the plane is above it.
    weight : (score, tree, 64) int16 by the six answers, the first the lowest bit. One score for two classes.
    log_odds_step : what a weight of 1 is worth in log odds. bias : (score,) log odds.
    """

    plane: NDArray[np.int16]
    threshold: NDArray[np.uint8]
    weight: NDArray[np.int16]
    log_odds_step: float
    bias: NDArray[np.float64]

    def __post_init__(self) -> None:
        trees = len(self.plane)
        right = {
            "trees": 1 <= trees <= TREES and self.plane.shape == self.threshold.shape == (trees, DEPTH),
            "planes": self.plane.size > 0 and int(self.plane.min()) >= 0 and int(self.plane.max()) < WIDEST,
            "weights": self.weight.shape == (len(self.bias), trees, LEAVES) and 1 <= len(self.bias) <= 16,
            "types": [str(one.dtype) for one in (self.plane, self.threshold, self.weight)]
            == ["int16", "uint8", "int16"],
            "numbers": bool(np.isfinite(self.bias).all()) and 0 < self.log_odds_step < 1e3,
            "sums": bool(np.abs(self.weight.astype(np.int64)).max(axis=2).sum(axis=1).max() <= TOTAL + trees),
        }
        for what, fine in right.items():
            if not fine:
                raise ModelError("E-MOD-01", "the forest cannot be used", cause=f"its {what} are not possible")

    def scores(self, planes: Sequence[Plane]) -> NDArray[np.int16]:
        """Sums of weights, (score, y, x), without bias."""
        out = np.zeros((len(self.weight), *planes[0].shape), np.int16)
        for first in range(0, planes[0].shape[0], ROWS):
            rows = slice(first, first + ROWS)
            self._add([one[rows] for one in planes], out[:, rows])
        return out

    def _add(self, planes: list[Plane], out: NDArray[np.int16]) -> None:
        import cv2

        for tree in range(len(self.plane)):
            code: Any = None
            for bit in range(DEPTH):
                at = int(self.threshold[tree, bit])
                _, answer = cv2.threshold(planes[self.plane[tree, bit]], at, 1 << bit, cv2.THRESH_BINARY)
                code = answer if code is None else cv2.bitwise_or(code, answer, dst=code)
            for score, table in enumerate(self._tables[tree]):
                cv2.add(out[score], cv2.LUT(code, table).reshape(out[score].shape), dst=out[score])

    @property
    def _tables(self) -> list[list[NDArray[np.int16]]]:
        """Weights by tree and score, padded to the 256 values of a byte."""
        wide = np.zeros((*self.weight.shape[:2], 256), np.int16)
        wide[..., :LEAVES] = self.weight
        return [[wide[score, tree] for score in range(len(wide))] for tree in range(wide.shape[1])]

    def chance(self, scores: NDArray[np.int16], of: int) -> NDArray[np.float32]:
        """Probability of one class, (y, x), from ``scores``."""
        odds = scores.astype(np.float32) * np.float32(self.log_odds_step) + self.bias.astype(np.float32)[:, None, None]
        if len(odds) == 1:
            return np.asarray(1 / (1 + np.exp(-odds[0] if of == 1 else odds[0])), np.float32)
        parts = np.exp(odds - odds.max(axis=0))
        return np.asarray(parts[of] / parts.sum(axis=0), np.float32)


def fit(values: NDArray[np.uint8], labels: NDArray[Any], *, trees: int = 40, keep: int = 32, seed: int = 0) -> Any:
    """(forest, numbers of the features kept), from (pixel, feature) values and labels 0, 1, … of at least two classes.

    Classes weigh the same, however much of each was drawn. Source: Breiman 2001, doi:10.1023/A:1010933404324, for the
    splits; Ren et al. 2015, doi:10.1109/CVPR.2015.7298672, for weights refitted over all leaves.
    """
    from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    few = {"n_jobs": 2, "random_state": seed, "min_samples_leaf": 20, "class_weight": "balanced"}
    first = RandomForestClassifier(50, max_depth=10, **few).fit(values, labels)
    kept = np.sort(np.argsort(-first.feature_importances_, kind="stable")[:keep])
    grown = RandomForestClassifier(trees, max_depth=8, **few).fit(values[:, kept], labels)
    tests = np.array([_telling(one.tree_) for one in grown.estimators_])
    leaves = _leaves(values[:, kept], tests)
    linear = LogisticRegression(C=9 / len(labels), max_iter=1000, class_weight="balanced").fit(leaves, labels)
    weight = linear.coef_.reshape(len(linear.coef_), trees, LEAVES)
    log_odds_step = max(float(np.abs(weight).max(axis=2).sum(axis=1).max()) / TOTAL, 1e-12)
    whole = np.round(weight / log_odds_step).astype(np.int16)
    bias = np.asarray(linear.intercept_, np.float64)
    return Forest(tests[..., 0].astype(np.int16), tests[..., 1].astype(np.uint8), whole, log_odds_step, bias), kept


def _telling(tree: Any) -> list[tuple[int, int]]:
    """The six different splits of a fitted tree that lower its impurity most; fewer are filled up with none."""
    inner = np.flatnonzero(tree.children_left >= 0)
    left, right = tree.children_left[inner], tree.children_right[inner]
    mass = tree.weighted_n_node_samples * tree.impurity
    best = inner[np.argsort(-(mass[inner] - mass[left] - mass[right]), kind="stable")]
    found = dict.fromkeys((int(tree.feature[i]), int(np.floor(tree.threshold[i]))) for i in best)
    return ([*found] + [(0, 255)] * DEPTH)[:DEPTH]


def _leaves(values: NDArray[np.uint8], tests: NDArray[np.int64]) -> Any:
    """Which leaf of each tree a pixel falls into, as a sparse matrix of ones, (pixel, tree * 64)."""
    from scipy import sparse

    codes = np.zeros((len(values), len(tests)), np.int64)
    for bit in range(DEPTH):
        codes |= (values[:, tests[:, bit, 0]] > tests[:, bit, 1]).astype(np.int64) << bit
    columns = codes + LEAVES * np.arange(len(tests))
    ends = np.arange(0, codes.size + 1, len(tests))
    return sparse.csr_matrix((np.ones(codes.size), columns.ravel(), ends), (len(values), LEAVES * len(tests)))
