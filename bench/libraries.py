"""What others offer in process: faiss (flat, IVF, HNSW) and hnswlib, with a filter as a bitmap."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss as _library
import hnswlib
import numpy as np
from numpy.typing import NDArray

from bench.geometry import Floats, Rows, unit

faiss: Any = _library  # its stubs are those of the C++ interface, not of the Python one

NAMES = ("flat", "ivf", "hnsw", "hnswlib")
PART = 50_000
"""Vectors in single precision at a time."""
WIDTHS = (50, 100, 200, 400, 1000)
SHARES = (0.01, 0.03, 0.1, 0.3, 1)
"""Of the lists of IVF."""
Mask = NDArray[np.bool_] | None
Search = Callable[[Floats, int, Mask, int], NDArray[np.int64]]
"""Query, k, who passes, effort -> row numbers."""


class Library:
    """An index of one library, and the efforts worth trying, least first."""

    def __init__(self, name: str, efforts: Sequence[int], search: Search) -> None:
        self.name, self.efforts, self.search = name, efforts, search


def build(name: str, rows: Rows, path: Path) -> None:
    """Build the library `name` over unit `rows` [n, dim], and write it there."""
    count, dim = rows.shape
    lists = max(16, min(4000, count // 250))
    if name == "hnswlib":
        graph = hnswlib.Index("ip", dim)
        graph.init_index(count, M=16, ef_construction=200)
        for start in range(0, count, PART):
            graph.add_items(_part(rows, start))
        graph.save_index(str(path))
        return
    if name == "flat":
        index = faiss.IndexFlatIP(dim)
    elif name == "ivf":
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
        drawn = np.random.default_rng(0).permutation(count)[: lists * 40]
        index.train(unit(rows[np.sort(drawn)].astype(np.float32)))
    else:
        index = faiss.IndexHNSWFlat(dim, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 200
    for start in range(0, count, PART):
        index.add(_part(rows, start))
    faiss.write_index(index, str(path))


def load(name: str, dim: int, path: Path) -> Library:
    """The library as it was written there."""
    if name == "hnswlib":
        graph = hnswlib.Index("ip", dim)
        graph.load_index(str(path))
        return Library("hnswlib", WIDTHS, _hnswlib(graph))
    index = faiss.read_index(str(path))
    if name == "flat":
        return Library("faiss flat", [0], _faiss(index, faiss.SearchParameters, ""))
    if name == "ivf":
        shares = sorted({max(1, round(index.nlist * share)) for share in SHARES})
        return Library("faiss ivf", shares, _faiss(index, faiss.SearchParametersIVF, "nprobe"))
    return Library("faiss hnsw", WIDTHS, _faiss(index, faiss.SearchParametersHNSW, "efSearch"))


def _part(rows: Rows, start: int) -> Floats:
    return unit(rows[start : start + PART].astype(np.float32))


def _faiss(index: Any, parameters: Any, effort_is: str) -> Search:
    def search(query: Floats, k: int, mask: Mask, effort: int) -> NDArray[np.int64]:
        chosen: dict[str, Any] = {effort_is: effort} if effort_is else {}
        if mask is not None:
            chosen["sel"] = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        found: NDArray[np.int64] = index.search(query[None], k, params=parameters(**chosen))[1][0]
        return found[found >= 0]

    return search


def _hnswlib(graph: Any) -> Search:
    def search(query: Floats, k: int, mask: Mask, effort: int) -> NDArray[np.int64]:
        graph.set_ef(max(effort, k))
        chosen = {} if mask is None else {"filter": lambda at: bool(mask[at])}
        try:
            found: NDArray[np.uint64] = graph.knn_query(query, k, num_threads=1, **chosen)[0][0]
            return found.astype(np.int64)
        except RuntimeError:  # it found fewer than k
            return np.empty(0, np.int64)

    return search
