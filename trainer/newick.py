"""Trees: a Newick reader and the distances of a Brownian process, ultrametric or not.

Format: Olsen's 1990 grammar with quoted labels, comments, internal labels and branch lengths.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import UnreadableSource

_TOKEN = re.compile(r"\s*(?:\[[^\]]*\]\s*)*(?:('(?:[^']|'')*')|([(),:;])|([^\s()\[\],:;']+))")
_TAIL = re.compile(r"\s*(?:\[[^\]]*\]\s*)*")


@dataclass(frozen=True)
class Tree:
    """Nodes in preorder: `parent` (-1 at the root), `length` of the branch above, `label`."""

    parent: NDArray[np.int64]
    length: NDArray[np.float64]
    label: tuple[str, ...]

    @property
    def tips(self) -> NDArray[np.int64]:
        """Node numbers of the leaves, in preorder."""
        inner = np.zeros(len(self.parent), dtype=bool)
        inner[self.parent[1:]] = True
        return np.flatnonzero(~inner)

    @property
    def depth(self) -> NDArray[np.float64]:
        """Sum of branch lengths from the root to each node; the root's own branch is left out."""
        depth = np.zeros(len(self.parent))
        for node in range(1, len(depth)):
            depth[node] = depth[self.parent[node]] + self.length[node]
        return depth


def read_newick(text: str) -> Tree:
    """Read one tree. Unquoted underscores are spaces; a missing branch length is 0.

    Raises UnreadableSource on unbalanced brackets, a bad or negative length, or trailing text.
    """
    parent, length, label = [-1], [0.0], [""]
    node, at, end = 0, 0, False
    fresh = True
    while not end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise UnreadableSource(f"the Newick tree breaks off at character {at}: no closing ';'?")
        quoted, mark, plain = found.groups()
        if mark == "(" and not fresh:
            raise UnreadableSource(f"the Newick tree has a '(' out of place at character {at}")
        if mark in ("(", ","):
            above = node if mark == "(" else int(parent[node])
            if above < 0:
                raise UnreadableSource(f"the Newick tree has a ',' outside brackets at {at}")
            parent.append(above)
            length.append(0.0)
            label.append("")
            node, fresh = len(parent) - 1, True
        elif mark == ")":
            node, fresh = parent[node], False
            if node < 0:
                raise UnreadableSource(f"the Newick tree has one ')' too many at character {at}")
        elif mark == ":":
            found, length[node] = _length(text, found.end())
        elif mark == ";":
            end = True
        else:
            label[node] = quoted[1:-1].replace("''", "'") if quoted else plain.replace("_", " ")
            fresh = False
        at = found.end()
    if parent[node] != -1 or _TAIL.fullmatch(text, at) is None:
        raise UnreadableSource("the Newick tree has unbalanced brackets or text after its ';'")
    return Tree(np.array(parent), np.array(length), tuple(label))


def covariance(tree: Tree, names: Sequence[str]) -> NDArray[np.float64]:
    """float64 [C, C]: depth of the most recent common ancestor of each two of `names`.

    That is the covariance of Brownian motion along the tree; the diagonal is tip depth. Names match
    tips without regard to case and underscores. Raises UnreadableSource naming what is missing.
    """
    tips = tree.tips
    at = {key(tree.label[tip]): i for i, tip in enumerate(tips)}
    missing = [name for name in names if key(name) not in at]
    if missing:
        raise UnreadableSource(
            f"{len(missing)} of {len(names)} classes are not in the tree, such as {missing[0]!r}: "
            "graft them, rename them, or leave them out"
        )
    if len(at) < len(tips):
        raise UnreadableSource("the tree has two tips of one name")
    depth = tree.depth
    # In preorder the node after a tip hangs from the common ancestor of that tip and the next.
    between = depth[tree.parent[tips[:-1] + 1]]
    full = np.empty((len(tips), len(tips)))
    for i in range(len(tips)):
        full[i, i] = depth[tips[i]]
        full[i, i + 1 :] = full[i + 1 :, i] = np.minimum.accumulate(between[i:])
    order = [at[key(name)] for name in names]
    return full[np.ix_(order, order)]


def tip_names(tree: Tree) -> frozenset[str]:
    """The tips by their `key`."""
    return frozenset(key(tree.label[tip]) for tip in tree.tips)


def patristic(shared: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [C, C] path length between tips, from their `covariance`."""
    depth = np.diagonal(shared)
    return np.asarray(depth[:, None] + depth[None, :] - 2 * shared)


def depth_spread(shared: NDArray[np.float64]) -> float:
    """(deepest - shallowest tip) / deepest: 0 for an ultrametric tree."""
    depth = np.diagonal(shared)
    return float((depth.max() - depth.min()) / depth.max())


def _length(text: str, at: int) -> tuple[re.Match[str], float]:
    found = _TOKEN.match(text, at)
    try:
        value = float(found.group(3)) if found else float("nan")
    except (TypeError, ValueError):
        value = float("nan")
    if found is None or not 0 <= value < float("inf"):
        raise UnreadableSource(f"the Newick tree has a bad branch length at character {at}")
    return found, value


def key(name: str) -> str:
    """What tells tips apart: neither case nor underscores."""
    return " ".join(name.replace("_", " ").lower().split())
