"""Puts the images of a version on its atlas: at first all of them, then those that are new."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import versions
from core.atlas import labels, layout
from core.atlas.curve import along
from core.atlas.layout import Parameters
from core.db import atlas
from core.db.atlas import Atlas, Floats, Ids
from core.db.engine import translate_errors
from core.errors import Conflict, VersionNotReady
from core.versions import Version

Progress = Callable[[str, float], None]
"""Told what is being done, and the share of all that is done."""
READ = 4096
"""Vectors read at a time."""
OUTGROWN = 0.25
"""A map to which more than this share would be added is made anew."""


def _silent(_what: str, _share: float) -> None:
    return


@dataclass(frozen=True)
class ProjectReport:
    """What a run did."""

    embed_version: str
    method: str
    fitted: int
    """Images that the map was made of; 0 where it was kept."""
    placed: int
    """Images put among them by this run."""
    images: int
    """Images on the map."""


async def project(
    engine: AsyncEngine,
    name: str | None = None,
    *,
    parameters: Parameters | None = None,
    fresh: bool = False,
    progress: Progress = _silent,
) -> ProjectReport:
    """Make the atlas of a version (default: the default one), or add what is new to it.

    It is made anew with `fresh`, with other `parameters`, or when it has been outgrown. Raises
    UnknownVersion, VersionNotReady, and Conflict where nothing is embedded.
    """
    with translate_errors():
        async with engine.connect() as conn:
            version = await versions.get(conn, name)
            if version.state == "retired":
                raise VersionNotReady(f"Embed version {version.embed_version!r} is retired")
            known = await atlas.get(conn, version.id)
            new = await atlas.unplaced(conn, version.id)
        there = 0 if known is None else known.fitted + known.placed
        same = known is not None and parameters in (None, _stored(known.params))
        if known is None or fresh or not same or len(new) > OUTGROWN * there:
            chosen = parameters or (_stored(known.params) if known else Parameters())
            return await _anew(engine, version, chosen, progress)
        return await _more(engine, version, known, new, progress)


def _stored(params: dict[str, Any]) -> Parameters:
    names = Parameters.__dataclass_fields__
    return Parameters(**{key: value for key, value in params.items() if key in names})


async def _anew(
    engine: AsyncEngine, version: Version, parameters: Parameters, progress: Progress
) -> ProjectReport:
    async with engine.connect() as conn:
        ids = await atlas.unplaced(conn, version.id, all_=True)
    if not len(ids):
        raise Conflict(
            f"Nothing is embedded in {version.embed_version!r} yet; run bin/ingest_embed first"
        )
    fitted = layout.sample(len(ids), parameters.most_fitted, parameters.seed)
    where, explained = await _arranged(engine, version, ids, fitted, parameters, progress)
    placed = len(ids) - len(fitted)
    made = {
        "method": parameters.method,
        "params": _params(parameters, len(fitted), explained),
        "fitted": len(fitted),
        "placed": placed,
        "fitted_at": func.now(),
    }
    progress("Writing it down", 0.95)
    async with engine.begin() as conn:
        await atlas.lock(conn)
        await atlas.forget(conn, version.id)
        order = along(where)
        await atlas.store(conn, version.id, ids[order], where[order])
        await _describe(conn, version, made)
    progress("Done", 1.0)
    return ProjectReport(version.embed_version, parameters.method, len(fitted), placed, len(ids))


async def _arranged(
    engine: AsyncEngine,
    version: Version,
    ids: Ids,
    fitted: NDArray[np.int64],
    parameters: Parameters,
    progress: Progress,
) -> tuple[Floats, float]:
    """Positions [n, 2] of `ids`, made of those at `fitted`; the variance the components explain."""
    vectors = await _read(engine, version, ids[fitted])
    components, arranged = await asyncio.to_thread(
        layout.arrange, vectors, parameters, lambda what, done: progress(what, 0.8 * done)
    )
    where = np.empty((len(ids), 2), np.float32)
    where[fitted] = arranged
    others = np.setdiff1d(np.arange(len(ids)), fitted)
    reduced = components.apply(vectors)
    for start in range(0, len(others), READ):
        part = others[start : start + READ]
        read = components.apply(await _read(engine, version, ids[part]))
        where[part] = await asyncio.to_thread(layout.add, reduced, arranged, read, parameters)
        progress("Placing the others", 0.8 + 0.15 * (start + len(part)) / len(others))
    return where, components.explained


def _params(parameters: Parameters, fitted: int, explained: float) -> dict[str, Any]:
    return parameters.as_json() | {
        "epochs": layout.epochs_for(fitted),
        "explained": round(explained, 4),
        "numpy": np.__version__,
    }


async def _more(
    engine: AsyncEngine, version: Version, known: Atlas, new: Ids, progress: Progress
) -> ProjectReport:
    """Put `new` images among those that are there, which stay where they are."""
    parameters = _stored(known.params)
    async with engine.connect() as conn:
        _, there, positions = await atlas.positions(conn, version.id)
    if len(new):
        kept = layout.sample(len(there), parameters.most_fitted, parameters.seed)
        among = await _read(engine, version, there[kept])
        where = np.empty((len(new), 2), np.float32)
        for start in range(0, len(new), READ):
            read = await _read(engine, version, new[start : start + READ])
            where[start : start + READ] = await asyncio.to_thread(
                layout.add, among, positions[kept], read, parameters
            )
            progress("Placing new images", 0.95 * (start + len(read)) / len(new))
        async with engine.begin() as conn:
            await atlas.lock(conn)
            order = along(where)
            await atlas.store(conn, version.id, new[order], where[order])
            made = {"method": known.method, "params": known.params, "fitted": known.fitted}
            await _describe(conn, version, made | {"placed": known.placed + len(new)})
    progress("Done", 1.0)
    return ProjectReport(version.embed_version, known.method, 0, len(new), len(there) + len(new))


async def _describe(conn: AsyncConnection, version: Version, made: dict[str, Any]) -> None:
    """Store how the map was made, its bounds and its names, from the positions just written."""
    _, _, positions = await atlas.positions(conn, version.id)
    taxa = await atlas.taxa(conn, version.id)
    found = await asyncio.to_thread(labels.levels, positions, taxa)
    corners = np.concatenate([positions.min(axis=0), positions.max(axis=0)]).tolist()
    named = [[each.as_json() for each in level] for level in found]
    await atlas.save(conn, version.id, made | {"bounds": corners, "labels": named})


async def _read(engine: AsyncEngine, version: Version, ids: Ids) -> Floats:
    """Vectors float32 [n, dim] of `ids`, in their order."""
    parts = []
    async with engine.connect() as conn:
        for start in range(0, len(ids), READ):
            part = ids[start : start + READ]
            parts.append(await atlas.vectors(conn, version.id, version.dim, part))
    return np.concatenate(parts)
