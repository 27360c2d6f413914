"""Near copies and their groups, against brute force and another library."""

import networkx as nx
import numpy as np
import numpy.typing as npt

from tasks.vectors.groups import folds_of, groups_of, near_copies


def drawn(rows: int, width: int, seed: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def test_near_copies_are_all_pairs_of_that_cosine() -> None:
    rows = drawn(40, 8, 1)
    rows[7], rows[31] = 3 * rows[2], rows[2] + 0.01
    found = near_copies(rows, 0.9)
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    wanted = [(a, b) for a in range(40) for b in range(a + 1, 40) if directions[a] @ directions[b] >= 0.9]
    assert [(a, b) for a, b, _ in found] == wanted
    assert {(2, 7), (2, 31), (7, 31)} <= set(wanted)


def test_groups_are_the_connected_parts_and_no_group_is_divided() -> None:
    pairs = [(0, 1, 1.0), (1, 2, 1.0), (5, 9, 1.0)]
    groups = groups_of(12, pairs)
    graph = nx.Graph([(a, b) for a, b, _ in pairs])
    graph.add_nodes_from(range(12))
    wanted = {frozenset(part) for part in nx.connected_components(graph)}
    assert {frozenset(np.flatnonzero(groups == g).tolist()) for g in np.unique(groups)} == wanted
    for seed in range(20):
        folds = folds_of(groups, 3, seed)
        assert set(folds.tolist()) == {0, 1, 2}
        assert all(len({int(folds[row]) for row in part}) == 1 for part in wanted)
