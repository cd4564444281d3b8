"""What others offer in process: faiss (flat, IVF, HNSW) and hnswlib, with a filter as a bitmap."""

from collections.abc import Callable, Sequence
from typing import Any

import faiss as _library
import hnswlib
import numpy as np
from numpy.typing import NDArray

faiss: Any = _library  # its stubs are those of the C++ interface, not of the Python one

Mask = NDArray[np.bool_] | None
Search = Callable[[NDArray[np.float32], int, Mask, int], NDArray[np.int64]]
"""Query, k, who passes, effort -> row numbers."""


class Library:
    """An index of one library, and the efforts worth trying, least first."""

    def __init__(self, name: str, efforts: Sequence[int], search: Search) -> None:
        self.name, self.efforts, self.search = name, efforts, search


def build(rows: NDArray[np.float32]) -> list[Library]:
    """Every library over unit `rows` [n, dim]."""
    faiss.omp_set_num_threads(1)
    count, dim = rows.shape
    flat = faiss.IndexFlatIP(dim)
    lists = max(16, min(4000, count // 250))
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
    ivf.train(rows[: lists * 50])
    hnsw = faiss.IndexHNSWFlat(dim, 16, faiss.METRIC_INNER_PRODUCT)
    hnsw.hnsw.efConstruction = 200
    for index in (flat, ivf, hnsw):
        index.add(rows)
    graph = hnswlib.Index("ip", dim)
    graph.init_index(count, M=16, ef_construction=200)
    graph.add_items(rows)
    shares = sorted({max(1, round(lists * share)) for share in (0.01, 0.03, 0.1, 0.3, 1)})
    widths = [50, 100, 200, 400, 1000]
    ivf_params = lambda effort: {"nprobe": effort}  # noqa: E731
    hnsw_params = lambda effort: {"efSearch": effort}  # noqa: E731
    return [
        Library("faiss flat", [0], _faiss(flat, faiss.SearchParameters, lambda _: {})),
        Library("faiss ivf", shares, _faiss(ivf, faiss.SearchParametersIVF, ivf_params)),
        Library("faiss hnsw", widths, _faiss(hnsw, faiss.SearchParametersHNSW, hnsw_params)),
        Library("hnswlib", widths, _hnswlib(graph)),
    ]


def _faiss(index: Any, parameters: Any, effort_of: Callable[[int], dict[str, int]]) -> Search:
    def search(query: Any, k: int, mask: Mask, effort: int) -> NDArray[np.int64]:
        chosen = {}
        if mask is not None:
            chosen["sel"] = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        params = parameters(**effort_of(effort), **chosen)
        found: NDArray[np.int64] = index.search(query[None], k, params=params)[1][0]
        return found[found >= 0]

    return search


def _hnswlib(graph: Any) -> Search:
    def search(query: Any, k: int, mask: Mask, effort: int) -> NDArray[np.int64]:
        graph.set_ef(max(effort, k))
        chosen = {} if mask is None else {"filter": lambda at: bool(mask[at])}
        try:
            found: NDArray[np.uint64] = graph.knn_query(query, k, num_threads=1, **chosen)[0][0]
            return found.astype(np.int64)
        except RuntimeError:  # it found fewer than k
            return np.empty(0, np.int64)

    return search
