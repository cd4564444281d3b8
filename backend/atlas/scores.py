"""How like a query every point of a map is: by the share of points that are nearer.

Cosines bunch in a narrow band that differs from model to model; a share says the same of any.
"""

import asyncio

import numpy as np
from numpy.typing import NDArray

from backend.atlas import service
from backend.atlas.schemas import ScoreLevel, Scores
from backend.deps import Services
from backend.search import asking, parts
from backend.search.schemas import SearchRequest
from backend.timing import Timing
from core.atlas.chart import Chart
from core.db import atlas
from core.errors import BadRequest

SHARES = (0.01, 0.05, 0.2, 0.5, 1.0)
"""Up to which share of the points, the nearest first, each level goes."""


async def scores(services: Services, asked: SearchRequest, timing: Timing) -> Scores:
    """The level of every point of the map of the version that `asked` names."""
    if not parts.is_asked(asked, None):
        raise BadRequest("Say what to colour by: words (q), a picture (image), like or like_record")
    (made,) = await asking.made(services, asked, None, timing)
    async with services.reading() as conn:
        version, chart = await service.drawn(services, conn, asked.embed_version)
        query = made.asked(asked).query
        numbers, cosines = await atlas.cosines(conn, version.id, query.values)
    return await asyncio.to_thread(_levels, chart, numbers, cosines)


def _levels(chart: Chart, numbers: NDArray[np.int32], cosines: NDArray[np.float32]) -> Scores:
    known = numbers < chart.size
    known[known] = chart.shown[numbers[known]]
    numbers, cosines = numbers[known], cosines[known]
    order = np.argsort(-cosines, kind="stable")
    ends = [int(np.ceil(share * len(order))) for share in SHARES]
    codes = np.full(chart.size, len(SHARES) + 1, np.uint8)
    levels, start = [], 0
    for code, (share, end) in enumerate(zip(SHARES, ends, strict=True)):
        own = order[start:end]
        codes[numbers[own]] = code
        least = float(cosines[own[-1]]) if len(own) else None
        levels.append(ScoreLevel(share=share, least=least, count=len(own)))
        start = max(start, end)
    return Scores(
        revision=service.revision(chart), levels=levels, codes=service.packed(codes.tobytes())
    )
