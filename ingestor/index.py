"""Build or drop the approximate index of an embed version.

Figures behind the choices: ivfflat finds more of what text queries mean than HNSW does for the
same time, and costs a third to build; HNSW is faster for pictures and for steady inserts.
"""

import math
from typing import Literal, get_args

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core import versions
from core.db.partitions import build_index as build_partition_index
from core.db.partitions import drop_index, partition_name
from core.errors import InvalidSetting, VersionNotReady
from core.vectors import EXACT_ROWS
from core.versions import Version

Kind = Literal["auto", "exact", "ivfflat", "hnsw"]

HNSW = {"m": 16, "ef_construction": 200}
HNSW_EF_SEARCH = 400
ROWS_PER_LIST = 250
SAMPLES_PER_LIST = 50  # vectors that pgvector's k-means looks at, for each list


async def build_index(engine: AsyncEngine, name: str | None, kind: Kind = "auto") -> Version:
    """Give the version called `name` (None: the default) the index `kind`; return it as it is now.

    `auto` is exact below 20,000 vectors and ivfflat above. Building twice replaces the first.
    Searches go on meanwhile; inserts into that version wait. Raises UnknownVersion,
    VersionNotReady, InvalidSetting for another kind.
    """
    if kind not in get_args(Kind):
        raise InvalidSetting(f"{kind!r} is not an index; use one of {', '.join(get_args(Kind))}")
    async with engine.begin() as conn:
        version = await versions.get(conn, name)
        if version.state == "retired":
            raise VersionNotReady(f"Embed version {version.embed_version!r} is retired")
        rows = await conn.scalar(text(f"SELECT count(*) FROM {partition_name(version.id)}")) or 0
        chosen = choose_kind(rows) if kind == "auto" else kind
        if chosen == "exact":
            await drop_index(conn, version.id)
            return await versions.set_index(conn, version, "exact", {})
        storage, search = index_params(chosen, rows)
        await conn.execute(
            text("SELECT set_config('maintenance_work_mem', :size, true)"),
            {"size": f"{build_megabytes(chosen, rows, version.dim)}MB"},
        )
        await build_partition_index(conn, version.id, version.dim, chosen, storage)
        return await versions.set_index(conn, version, chosen, storage | search)


def choose_kind(rows: int) -> Literal["exact", "ivfflat"]:
    """The index that suits `rows` vectors."""
    return "exact" if rows < EXACT_ROWS else "ivfflat"


def index_params(kind: str, rows: int) -> tuple[dict[str, int], dict[str, int]]:
    """Storage parameters of an index over `rows` vectors, and how hard to search it.

    Probes are what text queries need (5 % of the lists, at least 20): they lie away from the
    pictures, and an index tuned on picture queries loses most of their hits.
    """
    if kind == "hnsw":
        return HNSW, {"ef_search": HNSW_EF_SEARCH}
    lists = min(4000, max(100, rows // ROWS_PER_LIST))
    return {"lists": lists}, {"probes": min(lists, max(20, math.ceil(lists * 0.05)))}


def build_megabytes(kind: str, rows: int, dim: int) -> int:
    """Memory a build needs: too little is an error for ivfflat, and slow for HNSW."""
    if kind == "hnsw":
        needed = rows * (2 * dim + 800)
    else:
        lists = index_params(kind, rows)[0]["lists"]
        samples = min(rows, lists * SAMPLES_PER_LIST)
        # Elkan's k-means: samples, centres twice, a bound for each sample and centre, and each pair
        needed = samples * (2 * dim + 16 + 4 * lists) + lists * (8 * dim + 4 * lists)
    return max(64, min(16_000, math.ceil(needed * 1.2 / 2**20)))
