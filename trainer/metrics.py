"""Retrieval metrics of single queries, all derived from the ranks of their relevant items.

Ties are broken against the model: among equal scores the irrelevant come first, so embeddings that
cannot tell items apart earn nothing by the order of the gallery.
Sources: AP normalised by min(P, k) and nDCG@k as in INQUIRE (Vendrow et al. 2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import InvalidSetting


@dataclass(frozen=True)
class PositiveRanks:
    """1-based ranks [q, P] of each query's relevant items, ascending, 0 where there is no more."""

    ranks: Tensor
    counts: Tensor
    """int64 [q]: how many items are relevant, 0 for a query that cannot be judged."""


def positive_ranks(
    scores: Tensor, relevant: Tensor, excluded: Tensor | None = None
) -> PositiveRanks:
    """Ranks of the `relevant` (bool [q, g]) items by `scores` [q, g], higher is better.

    `excluded` (bool [q, g]) items, such as the query itself, are out of the gallery. Sorts values
    only: no index matrix. Raises InvalidSetting on a score that is not a number.
    """
    if not bool(scores.isfinite().all()):
        raise InvalidSetting("a similarity is not a finite number: check the embeddings for NaN")
    if excluded is not None:
        relevant = relevant & ~excluded
    out = relevant if excluded is None else relevant | excluded
    counts = relevant.sum(1)
    most = int(counts.max()) if len(counts) else 0
    low = -torch.inf
    wanted = scores.masked_fill(~relevant, low).sort(1, descending=True)[0][:, :most].contiguous()
    others = scores.masked_fill(out, low).sort(1)[0]
    ahead = scores.shape[1] - torch.searchsorted(others, wanted)
    place = torch.arange(1, most + 1, device=scores.device)
    ranks = torch.where(place <= counts[:, None], place + ahead, 0)
    return PositiveRanks(ranks, counts)


def average_precision(found: PositiveRanks, k: int | None = None) -> Tensor:
    """float64 [q] of (1 / min(P, k)) sum over relevant ranks r <= k of precision at r; 0 if P = 0.

    `k` None is the whole gallery.
    """
    place = torch.arange(1, found.ranks.shape[1] + 1, device=found.ranks.device).double()
    inside = _within(found, k)
    precision = torch.where(inside, place / found.ranks.clamp(min=1), 0.0)
    norm = found.counts if k is None else found.counts.clamp(max=k)
    return precision.sum(1) / norm.clamp(min=1)


def hit(found: PositiveRanks, k: int) -> Tensor:
    """float64 [q]: 1 if any relevant item is among the first k (image recall@k; accuracy at 1)."""
    return _within(found, k).any(1).double()


def recall(found: PositiveRanks, k: int) -> Tensor:
    """float64 [q]: share of the relevant items among the first k, out of min(P, k)."""
    return _within(found, k).sum(1).double() / found.counts.clamp(min=1, max=k)


def reciprocal_rank(found: PositiveRanks) -> Tensor:
    """float64 [q] of 1 / rank of the first relevant item, 0 if there is none."""
    if found.ranks.shape[1] == 0:
        return torch.zeros(len(found.counts), dtype=torch.float64, device=found.counts.device)
    first = found.ranks[:, 0].double()
    return torch.where(first > 0, 1 / first.clamp(min=1), 0.0)


def ndcg(found: PositiveRanks, k: int) -> Tensor:
    """float64 [q] of DCG@k with gain 1 and discount 1 / log2(1 + rank), over the best possible."""
    gain = torch.where(_within(found, k), 1 / (1 + found.ranks.double()).log2(), 0.0).sum(1)
    ideal = 1 / (1 + torch.arange(1, k + 1, device=gain.device).double()).log2()
    best = torch.cat([ideal.new_zeros(1), ideal.cumsum(0)])[found.counts.clamp(max=k)]
    return torch.where(best > 0, gain / best.clamp(min=1e-12), 0.0)


def graded_ndcg(scores: Tensor, gains: Tensor, k: int) -> Tensor:
    """float64 [q] of nDCG@k with `gains` [q, g] >= 0, such as taxonomic targets; ties worst first.

    A query whose gains are all 0 has 0.
    """
    k = min(k, scores.shape[1])
    worst_first = gains.argsort(dim=1, stable=True)
    order = scores.gather(1, worst_first).argsort(dim=1, descending=True, stable=True)[:, :k]
    got = gains.gather(1, worst_first.gather(1, order)).double()
    best = gains.double().topk(k, 1)[0]
    discount = 1 / torch.arange(2, k + 2, device=scores.device).double().log2()
    ideal = (best * discount).sum(1)
    return torch.where(ideal > 0, (got * discount).sum(1) / ideal.clamp(min=1e-300), 0.0)


@dataclass(frozen=True)
class Judged:
    """One number per judged query under each metric's name, with the queries' positions."""

    queries: Tensor
    values: dict[str, Tensor]
    skipped: int
    """Queries without any relevant item, which no metric can judge."""


def judge(
    queries: Tensor,
    gallery: Tensor,
    query_classes: Tensor,
    gallery_classes: Tensor,
    *,
    own: Tensor | None = None,
    at: Sequence[int] = (1, 5, 10),
    ap_at: int = 50,
    chunk: int = 512,
) -> Judged:
    """Retrieve same-class items of `gallery` [g, D] for each of `queries` [q, D], unit rows.

    `own` int64 [q] is each query's own position in the gallery, -1 for none, and is left out.
    Exact, float32, `chunk` queries at a time: memory is O(chunk * g). Values are float64.
    """
    names: dict[str, list[Tensor]] = {}
    kept, position = [], torch.arange(len(gallery), device=gallery.device)
    for start in range(0, len(queries), chunk):
        part = slice(start, start + chunk)
        scores = queries[part].float() @ gallery.float().T
        same = query_classes[part, None] == gallery_classes[None, :]
        out = None if own is None else own[part, None] == position[None, :]
        found = positive_ranks(scores, same, out)
        able = found.counts > 0
        kept.append(torch.nonzero(able)[:, 0] + start)
        for name, value in _all_metrics(found, at, ap_at).items():
            names.setdefault(name, []).append(value[able])
    index = torch.cat(kept) if kept else torch.zeros(0, dtype=torch.int64)
    values = {name: torch.cat(parts) for name, parts in names.items()}
    return Judged(index, values, len(queries) - len(index))


def _all_metrics(found: PositiveRanks, at: Sequence[int], ap_at: int) -> dict[str, Tensor]:
    out = {
        "ap": average_precision(found),
        f"ap@{ap_at}": average_precision(found, ap_at),
        "mrr": reciprocal_rank(found),
    }
    for k in at:
        out |= {f"hit@{k}": hit(found, k), f"recall@{k}": recall(found, k)}
        out[f"ndcg@{k}"] = ndcg(found, k)
    return out


def _within(found: PositiveRanks, k: int | None) -> Tensor:
    inside = found.ranks > 0
    return inside if k is None else inside & (found.ranks <= k)
