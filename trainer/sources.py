"""Pictures from a folder, a table, a known layout, the sample museum or our own database."""

import asyncio
import csv
import hashlib
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from core.db.embedded import open_database
from core.db.engine import create_engine
from core.db.tables import RANKS
from core.errors import UnreadableSource
from core.images import decode
from core.sample.drawing.picture import draw_picture
from core.sample.specimens import draw_specimens
from core.sample.statements import attributes, statement
from core.sample.taxonomy import Species
from core.settings import Settings
from core.storage import Store
from trainer import queries
from trainer.config_data import DataSettings
from trainer.data import Collection, Item, class_of, collect
from trainer.layouts import LAYOUTS
from trainer.words import Said

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".jp2", ".avif"}
_OWN = {"image", "class", "common_name", "specimen", "caption", *RANKS}
"""Columns of a table with a meaning; "class" is the rank of that name where ranks are given."""


def read(data: DataSettings, settings: Settings) -> Collection:
    """The collection of `data`; raises UnreadableSource or InvalidSetting."""
    readers: dict[str, Callable[[], Iterator[Item]]] = {
        "folder": lambda: _folder(Path(data.path), settings),
        "table": lambda: _table(Path(data.path), data.level, settings),
        "museum": lambda: _museum(data),
        "database": lambda: _database(data, settings),
        **dict.fromkeys(LAYOUTS, lambda: _layout(data, settings)),
    }
    return collect(list(readers[data.source]()), data.least)


def _folder(root: Path, settings: Settings) -> Iterator[Item]:
    """`root/<class>/**/<picture>`; a class "Genus epithet" or Genus_epithet tells its genus."""
    if not root.is_dir():
        raise UnreadableSource(f"there is no folder {root}")
    for path in sorted(root.rglob("*")):
        where = path.relative_to(root)
        if path.suffix.lower() not in _SUFFIXES or len(where.parts) < 2:
            continue
        name = where.parts[0].replace("_", " ")
        genus, _, epithet = name.partition(" ")
        taxa = {"genus": genus, "species": name} if epithet else {"genus": name}
        opener = partial(_open, path, settings)
        yield Item(where.as_posix(), name, taxa, opener, sha256=_digest(path))


def _table(path: Path, level: str, settings: Settings) -> Iterator[Item]:
    """Columns `image` (a path beside the table), ranks or `name`, `common_name`, `specimen`,
    `caption`, and any more.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSource(f"cannot read the table {path}: {error}") from error
    rows = csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in text[:4096] else ",")
    if "image" not in (rows.fieldnames or []):
        raise UnreadableSource(f"{path} has no column image: it has {rows.fieldnames}")
    for row in rows:
        taxa = {rank: row[rank].strip() for rank in RANKS if (row.get(rank) or "").strip()}
        name = (row.get("name") or "").strip() or class_of(taxa, level)
        file = path.parent / row["image"]
        if not name:
            continue
        if not file.is_file():
            raise UnreadableSource(f"{path} names {row['image']}, which is not there")
        rest = {k: v or "" for k, v in row.items() if k and k not in _OWN | {"name"}}
        words = (row.get("caption") or "").strip()
        yield Item(
            row["image"],
            name,
            taxa,
            partial(_open, file, settings),
            common_name=row.get("common_name") or "",
            specimen=row.get("specimen") or "",
            sha256=_digest(file),
            columns=rest,
            say=partial(_written, words) if words else None,
        )


def _layout(data: DataSettings, settings: Settings) -> Iterator[Item]:
    """Pictures of a data set as it was delivered; at another level than species, its taxa there."""
    for found in LAYOUTS[data.source](Path(data.path), Path(data.taxa) if data.taxa else None):
        finest = data.level == "species"
        name = found.class_name if finest else class_of(found.taxa, data.level)
        if not name:
            continue
        yield Item(
            found.id,
            name,
            found.taxa,
            partial(_open, found.path, settings),
            common_name=found.common_name if finest else "",
            sha256=_digest(found.path),
            columns=found.columns,
        )


def _written(text: str, _: random.Random) -> Said:
    """Nobody knows which other pictures it is true of."""
    return Said(text, None)


def _museum(data: DataSettings) -> Iterator[Item]:
    """Drawings of invented specimens; one of a species is never one of another."""
    for specimen in draw_specimens(data.museum_seed, data.specimens, data.even, data.breadth):
        species = specimen.species
        taxa = {
            **{rank: getattr(species, rank) for rank in RANKS if rank not in ("class", "species")},
            "class": species.class_,
            "species": species.name,
        }
        for view in specimen.views:
            yield Item(
                f"{specimen.number:06d}-{view}",
                class_of(taxa, data.level),
                taxa,
                partial(draw_picture, specimen, view, data.reduce),
                common_name=species.common_name if data.level == "species" else "",
                specimen=str(specimen.number),
                columns=attributes(species, view),
                say=partial(_said, species, view),
            )
        if data.labels and specimen.number % data.labels == 0:
            yield Item(
                f"{specimen.number:06d}-label",
                "label",
                {},
                partial(draw_picture, specimen, "label", data.reduce),
                columns=attributes(species, "label"),
                say=partial(_said, species, "label"),
            )


def _said(species: Species, view: str, rng: random.Random) -> Said:
    return Said(*statement(rng, species, view))


def _database(data: DataSettings, settings: Settings) -> Iterator[Item]:
    """Images that are stored, of records that are not withdrawn; nothing is written."""
    store = Store(settings.home)
    for row in asyncio.run(_rows(data, settings)):
        taxa = {rank: row[rank] for rank in RANKS if row[rank]}
        yield Item(
            str(row["id"]),
            class_of(taxa, data.level),
            taxa,
            partial(_open, store.path(row["sha256"]), settings),
            common_name=(row["vernacular_name"] or "") if data.level == "species" else "",
            specimen=str(row["record_id"]),
            sha256=row["sha256"],
            phash=row["phash"],
            columns={"view": row["view"] or "", "sex": row["sex"] or ""},
        )


async def _rows(data: DataSettings, settings: Settings) -> list[queries.Row]:
    with open_database(settings) as url:
        engine = create_engine(url, read_only=True)
        try:
            return await queries.pictures(engine, data)
        finally:
            await engine.dispose()


def _open(path: Path, settings: Settings) -> Image.Image:
    return decode(
        path.read_bytes(),
        max_pixels=settings.max_image_pixels,
        max_bytes=settings.max_image_bytes,
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
