"""Groups of pictures that look alike to the starting model: labels where nobody has named any."""

import torch
from torch import Tensor

from core.errors import InvalidSetting

_ROWS = 8192


def spherical_k_means(vectors: Tensor, count: int, iterations: int, seed: int) -> Tensor:
    """Assign unit rows float32 [n, D] to `count` clusters by cosine; returns int64 [n].

    Lloyd's iterations on the sphere (Dhillon & Modha 2001), begun at rows drawn far apart with
    k-means++ (Arthur & Vassilvitskii 2007). A cluster that loses all its rows starts again at the
    row that fits its own worst. Raises InvalidSetting with fewer rows than clusters.
    """
    if not 2 <= count <= len(vectors):
        raise InvalidSetting(f"{len(vectors)} pictures cannot make {count} clusters")
    centres = _spread(vectors, count, torch.Generator().manual_seed(seed))
    for _ in range(iterations):
        labels, fit = _nearest(vectors, centres)
        sums = torch.zeros_like(centres).index_add_(0, labels, vectors)
        empty = torch.bincount(labels, minlength=count) == 0
        sums[empty] = vectors[fit.topk(int(empty.sum()), largest=False).indices]
        moved = torch.nn.functional.normalize(sums, dim=1)
        if torch.equal(moved, centres):
            break
        centres = moved
    return _nearest(vectors, centres)[0]


def _spread(vectors: Tensor, count: int, source: torch.Generator) -> Tensor:
    chosen = [int(torch.randint(len(vectors), (1,), generator=source))]
    far = 1 - vectors @ vectors[chosen[0]]
    while len(chosen) < count:
        odds = far.clamp(min=0).cpu() + 1e-12  # all may coincide
        chosen.append(int(torch.multinomial(odds, 1, generator=source)))
        far = torch.minimum(far, 1 - vectors @ vectors[chosen[-1]])
    return vectors[chosen].clone()


def _nearest(vectors: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    found = [(part @ centres.T).max(1) for part in torch.split(vectors, _ROWS)]
    return torch.cat([f.indices for f in found]), torch.cat([f.values for f in found])
