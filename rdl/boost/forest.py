"""XGBoost's trees laid out for the prediction of very many rows: the same bits as XGBoost's own, for a tenth of the time.

XGBoost walks each row down each tree. Here every value is first told by how many of the trees' thresholds it reaches, which fits a
byte. All nodes of a tree are then asked about many rows at once, and a row's answers are its leaf. Leaves are added in the order of
the trees, as XGBoost adds them; where a margin begins and what becomes of it at the end is asked of XGBoost itself.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xgboost

Float32 = NDArray[np.float32]

DEEPEST = 6
"""Levels of a tree all of whose nodes are asked; deeper ones are walked down by XGBoost."""
MOST = 253
"""Thresholds, or the largest category, that a column may have."""


class UnfitError(Exception):
    """Trees that have no such layout; XGBoost predicts by them itself."""


@dataclass(frozen=True)
class Layout:
    """Trees of several boosters as arrays. A tree of depth d has 2**d - 1 nodes and 2**d leaves, from the root down.

    Attributes:
        columns: int64 [c] the columns that trees read.
        edges: float32 [c, e] each column's thresholds in order, NaN after the last; a category is its own number.
        category: bool [c].
        depth, node, leaf, slot: int64 [t] of each tree: its depth, its first node and leaf, and the margin that it adds to.
        column: int32 [nodes] of `columns`.
        least: uint8 [nodes], a row goes right whose number, plus `shift`, reaches it.
        shift: uint8 [nodes] 1 where null goes left: null is 255, which becomes 0.
        sets: bool [s, 256] which numbers go right, where a node splits categories.
        by_set: int32 [nodes] of `sets`, or -1.
        value: float32 [leaves].
    """

    columns: NDArray[np.int64]
    edges: Float32
    category: NDArray[np.bool_]
    depth: NDArray[np.int64]
    node: NDArray[np.int64]
    leaf: NDArray[np.int64]
    slot: NDArray[np.int64]
    column: NDArray[np.int32]
    least: NDArray[np.uint8]
    shift: NDArray[np.uint8]
    sets: NDArray[np.bool_]
    by_set: NDArray[np.int32]
    value: Float32


@dataclass(frozen=True)
class Forest:
    """Boosters that predict many rows.

    Attributes:
        layout: their trees.
        bare: the boosters without their trees: where margins begin, and what they become.
        groups: margins of one booster.
    """

    layout: Layout
    bare: "tuple[xgboost.Booster, ...]"
    groups: int

    def predict(self, values: Float32, threads: int) -> "list[NDArray[np.float32]]":
        """Of each booster, [n] or [n, groups] as XGBoost predicts the rows [n, m] of a `Matrix`."""
        import xgboost

        from rdl.boost import trees

        one = xgboost.DMatrix(np.zeros((1, 1), dtype=np.float32))
        begin = [np.asarray(b.predict(one, output_margin=True), dtype=np.float32).reshape(-1) for b in self.bare]
        margins = np.tile(np.concatenate(begin), (len(values), 1))  # [n, boosters * groups]
        layout = self.layout
        bounds = np.linspace(0, len(values), threads + 1).astype(np.int64)
        with ThreadPoolExecutor(threads) as pool:
            slices = [slice(a, b) for a, b in pairwise(bounds)]
            for done in [pool.submit(trees.add_leaves, values[s], margins[s], *_fields(layout)) for s in slices]:
                done.result()
        return [self._told(booster, margins[:, i * self.groups : (i + 1) * self.groups]) for i, booster in enumerate(self.bare)]

    def _told(self, bare: "xgboost.Booster", margin: Float32) -> "NDArray[np.float32]":
        import xgboost

        rows = xgboost.DMatrix(np.zeros((len(margin), 1), dtype=np.float32), base_margin=np.ascontiguousarray(margin))
        return np.asarray(bare.predict(rows), dtype=np.float32)


def lay_out(boosters: "Sequence[xgboost.Booster]") -> Forest:
    """The layout of boosters of the same columns.

    Raises:
        UnfitError: a tree is too deep, or a column is cut in too many places.
    """
    trees: list[tuple[_Tree, int]] = []
    bare: list[xgboost.Booster] = []
    groups = 1
    for booster in boosters:
        facts = json.loads(bytes(booster.save_raw("json")))
        model = _model(facts)
        groups = max(int(facts["learner"]["learner_model_param"]["num_class"]), 1)
        if int(facts["learner"]["learner_model_param"].get("num_target", "1")) > 1:
            raise UnfitError("leaves of several numbers")
        grown = zip(model["trees"], model["tree_info"], strict=True)
        trees += [(_Tree(tree), len(bare) * groups + slot) for tree, slot in grown]
        bare.append(_bare(facts))
    return Forest(_Build(trees).layout(), tuple(bare), groups)


def _fields(layout: Layout) -> tuple[Any, ...]:
    return tuple(vars(layout).values())


def _model(facts: Mapping[str, Any]) -> Any:
    booster = facts["learner"]["gradient_booster"]
    if booster["name"] != "gbtree":
        raise UnfitError(f"another shape: {booster['name']}")
    return booster["model"]


def _bare(facts: Any) -> "xgboost.Booster":
    """The booster without its trees; takes them from the facts."""
    import xgboost

    learner, model = facts["learner"], _model(facts)
    learner["learner_model_param"]["num_feature"], learner["feature_names"], learner["feature_types"] = "1", [], []
    model["trees"], model["tree_info"], model["iteration_indptr"] = [], [], [0]
    model["gbtree_model_param"]["num_trees"] = "0"
    bare = xgboost.Booster()
    bare.load_model(bytearray(json.dumps(facts).encode()))
    return bare


def _numbers(values: Any) -> Float32:
    """XGBoost writes arrays of numbers as text."""
    return np.array(json.loads(values) if isinstance(values, str) else values, dtype=np.float32)


class _Tree:
    """One tree as XGBoost tells it."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.left, self.right = tree["left_children"], tree["right_children"]
        self.column, self.number, self.null_left = tree["split_indices"], _numbers(tree["split_conditions"]), tree["default_left"]
        starts, sizes = tree["categories_segments"], tree["categories_sizes"]
        self.sets = {
            node: tree["categories"][start : start + size]
            for node, start, size in zip(tree["categories_nodes"], starts, sizes, strict=True)
        }
        self.depth = self._depth(0)

    def _depth(self, node: int) -> int:
        if self.left[node] < 0:
            return 0
        return 1 + max(self._depth(self.left[node]), self._depth(self.right[node]))

    def below(self, node: int) -> tuple[int, int]:
        """The node's children; a leaf stands for its own."""
        return (node, node) if self.left[node] < 0 else (self.left[node], self.right[node])

    @property
    def splits(self) -> list[int]:
        """The nodes that have children."""
        return [node for node, left in enumerate(self.left) if left >= 0]


class _Build:
    """Trees on their way into arrays."""

    def __init__(self, trees: Sequence[tuple[_Tree, int]]) -> None:
        self._trees = trees
        self._edges, largest = _edges([tree for tree, _ in trees])
        if self._edges.keys() & largest or max(map(len, self._edges.values()), default=0) > MOST:
            raise UnfitError("too many thresholds")
        if max((tree.depth for tree, _ in trees), default=0) > DEEPEST or max(largest.values(), default=0) > MOST:
            raise UnfitError("too many levels or categories")
        self._categories = set(largest)
        self._places = {column: i for i, column in enumerate(sorted({*self._edges, *largest}))}
        self._sets: list[NDArray[np.bool_]] = []

    def layout(self) -> Layout:
        """The arrays."""
        nodes, leaves, firsts = list[tuple[int, int, int, int]](), list[np.float32](), list[tuple[int, int, int, int]]()
        for tree, slot in self._trees:
            firsts.append((tree.depth, len(nodes), len(leaves), slot))
            level = [0]
            for _ in range(tree.depth):
                nodes += [self._node(tree, node) for node in level]
                level = [below for node in level for below in tree.below(node)]
            leaves += [tree.number[node] for node in level]
        first, told = np.array(firsts, dtype=np.int64).reshape(-1, 4), np.array(nodes, dtype=np.int64).reshape(-1, 4)
        return Layout(
            np.array(list(self._places), dtype=np.int64),
            self._table(),
            np.array([column in self._categories for column in self._places], dtype=np.bool_),
            first[:, 0].copy(),
            first[:, 1].copy(),
            first[:, 2].copy(),
            first[:, 3].copy(),
            told[:, 0].astype(np.int32),
            told[:, 1].astype(np.uint8),
            told[:, 2].astype(np.uint8),
            np.stack(self._sets) if self._sets else np.zeros((0, 256), dtype=np.bool_),
            told[:, 3].astype(np.int32),
            np.array(leaves, dtype=np.float32),
        )

    def _node(self, tree: _Tree, node: int) -> tuple[int, int, int, int]:
        """Column, least, shift and set; a leaf that stands where others have nodes has the same leaf on both sides."""
        if tree.left[node] < 0:
            return 0, 0, 0, -1
        column = tree.column[node]
        if node in tree.sets:
            right = np.zeros(256, dtype=np.bool_)
            right[tree.sets[node]] = True
            right[255] = not tree.null_left[node]
            self._sets.append(right)
            return self._places[column], 0, 0, len(self._sets) - 1
        shift = int(tree.null_left[node])
        return self._places[column], int(np.searchsorted(self._edges[column], tree.number[node])) + 1 + shift, shift, -1

    def _table(self) -> Float32:
        """The thresholds, with a power of two less one to a column, so that halving finds a value's place."""
        width = max(map(len, self._edges.values()), default=0)
        table = np.full((len(self._places), 2 ** int(width).bit_length() - 1), np.nan, dtype=np.float32)
        for column, found in self._edges.items():
            table[self._places[column], : len(found)] = found
        return table


def _edges(trees: Sequence[_Tree]) -> tuple[dict[int, Float32], dict[int, int]]:
    """Each numeric column's thresholds, and each categorical one's largest category."""
    cuts: dict[int, set[np.float32]] = {}
    largest: dict[int, int] = {}
    for tree in trees:
        for node in tree.splits:
            column = tree.column[node]
            if node in tree.sets:
                largest[column] = max(largest.get(column, 0), *tree.sets[node])
            else:
                cuts.setdefault(column, set()).add(tree.number[node])
    return {column: np.array(sorted(found), dtype=np.float32) for column, found in cuts.items()}, largest
