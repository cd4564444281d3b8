"""The statements that find the nearest vectors of one version; its partition is called `e`."""

from collections.abc import Mapping
from typing import Any

from core.db.partitions import indexed, partition_name

SPARE = 64
"""Neighbours asked of an index beyond k, as some may be of images that are no longer shown."""


def exact(
    version_id: int,
    k: int,
    where: str = "true",
    spare: int | None = SPARE,
    going_on: bool = False,
) -> str:
    """Compare with every vector that passes `where`; the `+ 0` keeps an index out of it.

    Which images can be shown is asked of the best `k + spare` only (None: of all), as a join with
    every image would cost more than the comparisons do. `going_on` leaves out what is nearer than
    `:floor` and the images `:seen`.
    """
    past = (
        " WHERE distance >= :floor AND image_id <> ALL(CAST(:seen AS uuid[]))" if going_on else ""
    )
    limit = "" if spare is None else f" ORDER BY distance LIMIT {int(k) + spare}"
    return (
        "WITH scored AS MATERIALIZED ("
        " SELECT image_id, (vector <=> CAST(:query AS halfvec)) + 0 AS distance"
        f" FROM {partition_name(version_id)} e WHERE {where}),"
        f" best AS (SELECT image_id, distance FROM scored{past}{limit})"
        " SELECT best.image_id, best.distance, (SELECT count(*) FROM scored) AS candidates"
        " FROM best JOIN image i ON i.id = best.image_id WHERE i.state = 'ok' AND i.same_as IS NULL"
        f" ORDER BY best.distance, best.image_id LIMIT {int(k)}"
    )


def by_index(version_id: int, dim: int, k: int, where: str = "true", slot: int = 0) -> str:
    """Ask the index in `slot` for a few more than `k` that pass, then leave out what cannot be
    shown.

    Literal limits: with a bound one a cached plan would pass over the index.
    """
    vector_type = f"halfvec({int(dim)})"
    return (
        "WITH hit AS MATERIALIZED ("
        f" SELECT image_id, {indexed(dim, slot)} <=> CAST(:query AS {vector_type}) AS distance"
        f" FROM {partition_name(version_id)} e WHERE {where}"
        f" ORDER BY distance LIMIT {int(k) + SPARE})"
        " SELECT hit.image_id, hit.distance FROM hit JOIN image i ON i.id = hit.image_id"
        " WHERE i.state = 'ok' AND i.same_as IS NULL"
        f" ORDER BY hit.distance + 0, hit.image_id LIMIT {int(k)}"
    )


def passing(version_id: int, dim: int, depth: int, k: int, where: str, slot: int = 0) -> str:
    """Ask the index for the `depth` nearest of all; of these the first `k` that pass and are shown.

    The condition is no part of the scan, so that no filter can turn PostgreSQL away from the index.
    """
    vector_type = f"halfvec({int(dim)})"
    return (
        "WITH hit AS MATERIALIZED ("
        f" SELECT image_id, {indexed(dim, slot)} <=> CAST(:query AS {vector_type}) AS distance,"
        f" ({where}) IS TRUE AS passes FROM {partition_name(version_id)} e"
        f" ORDER BY distance LIMIT {int(depth)})"
        " SELECT hit.image_id, hit.distance FROM hit JOIN image i ON i.id = hit.image_id"
        " WHERE hit.passes AND i.state = 'ok' AND i.same_as IS NULL"
        f" ORDER BY hit.distance + 0, hit.image_id LIMIT {int(k)}"
    )


def count(version_id: int, where: str, most: int) -> str:
    """Count what passes `where`, up to `most`."""
    return (
        f"SELECT count(*) FROM (SELECT FROM {partition_name(version_id)} e"
        f" WHERE {where} LIMIT {int(most)}) AS passing"
    )


STAMP = (
    "SELECT ARRAY[relid::bigint, n_tup_ins, n_tup_upd, n_tup_del] FROM pg_stat_user_tables"
    " WHERE relid = to_regclass(:name)"
)
"""Changes when rows of a table have come, changed or gone, about a second after."""


def among(version_id: int, k: int, where: str) -> str:
    """The `k` nearest of those of the images `:ids` that pass `where` and can be shown."""
    return (
        "SELECT e.image_id, (e.vector <=> CAST(:query AS halfvec)) + 0 AS distance"
        f" FROM {partition_name(version_id)} e JOIN image i ON i.id = e.image_id"
        f" WHERE e.image_id = ANY(CAST(:ids AS uuid[])) AND i.state = 'ok'"
        f" AND i.same_as IS NULL AND {where}"
        f" ORDER BY distance, image_id LIMIT {int(k)}"
    )


def ids(version_id: int, where: str, *, beside: bool = False) -> str:
    """The ids of images that pass, 16 bytes each, in one value: many rows would take ten times.

    Where all that decides stands `beside` the vectors, it is read from the facts of all images, a
    table a tenth as large: then images without a vector in the version are among them.
    """
    table = "image_fact" if beside else partition_name(version_id)
    return f"SELECT string_agg(uuid_send(e.image_id), '') FROM {table} e WHERE {where}"


def vectors(version_id: int) -> str:
    """Ids and vectors of the images `:ids` in one value, as PostgreSQL's binary format has them."""
    return (
        "SELECT string_agg(uuid_send(image_id) || halfvec_send(vector), '')"
        f" FROM {partition_name(version_id)} WHERE image_id = ANY(:ids)"
    )


def settings(kind: str, params: Mapping[str, Any], effort: int) -> dict[str, str]:
    """Settings that make an index try so hard (probes or ef_search), going on until it has enough.

    Plans are made for the very values: a filter that keeps little must not share a plan with one
    that keeps much.
    """
    chosen = {"plan_cache_mode": "force_custom_plan"}
    if kind == "ivfflat":
        return chosen | {
            "ivfflat.probes": str(int(effort)),
            "ivfflat.iterative_scan": "relaxed_order",
            "ivfflat.max_probes": str(int(params["lists"])),
        }
    return chosen | {
        "hnsw.ef_search": str(int(effort)),
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.max_scan_tuples": "40000",
        "hnsw.scan_mem_multiplier": "4",
    }
