"""The sample museum: specimens, their records, their media, and the faults among them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from core.sample.files import SUFFIX, File
from core.sample.places import COLLECTION_OF
from core.sample.records import Row, occurrence_id, record_row
from core.sample.specimens import Specimen, draw_specimens

DEMO_SEED = 5
SIZES = {"tiny": 60, "demo": 400}
LICENCES = (
    ("http://creativecommons.org/publicdomain/zero/1.0/", 38),
    ("https://creativecommons.org/licenses/by/4.0/", 24),
    ("http://creativecommons.org/licenses/by-nc/4.0/legalcode", 16),
    (
        '<a rel="license" href="http://creativecommons.org/licenses/by-nc-sa/3.0/us/">'
        "CC BY-NC-SA 3.0 US</a>",
        8,
    ),
    ("All rights reserved", 7),
    ("", 7),
)
PHOTOGRAPHERS = ("Imaging lab", "R. Solberg", "Inés Quiroga", "volunteer 12", "")
# fault or encoding -> one specimen in so many
FAULTS = {
    "no media": 70,
    "dead link": 80,
    "audio": 100,
    "html": 100,
    "truncated": 100,
    "duplicate sheet": 100,
    "shared image": 100,
    "png-rgba": 100,
    "png-grey16": 100,
    "jpeg-cmyk": 100,
    "jpeg-exif": 66,
}


@dataclass(frozen=True)
class Media:
    """One row of the multimedia table; `file` is a name under images/, which may be missing."""

    record: str
    file: str
    type: str
    format: str
    licence: str
    rights_holder: str
    creator: str
    title: str
    orientation: str


@dataclass(frozen=True)
class Museum:
    """Everything one seed gives: records and media rows as published, and the files behind them."""

    seed: int
    specimens: list[Specimen] = field(repr=False)
    records: list[Row] = field(repr=False)
    media: list[Media] = field(repr=False)
    files: dict[str, File] = field(repr=False)
    faults: dict[str, list[int]] = field(repr=False)

    def specimen_of(self, record: str) -> Specimen:
        """The specimen behind an occurrenceID. Raises KeyError."""
        return self._by_record[record]

    @property
    def _by_record(self) -> dict[str, Specimen]:
        return {occurrence_id(self.seed, s.number): s for s in self.specimens}

    def shown(self) -> Iterator[tuple[Specimen, str, str]]:
        """(specimen, view, file name) of every file that really is a picture of a specimen."""
        for name, file in self.files.items():
            if file.encoding not in ("html", "truncated", "audio"):
                yield file.specimen, file.view, name


def draw_museum(seed: int = DEMO_SEED, size: str | int = "demo") -> Museum:
    """Draw a museum: `size` is a preset of SIZES or a number of specimens.

    The same seed and size give the same records and the same bytes. Nothing is drawn yet: files
    are drawn when their bytes are asked for (core.sample.files.file_bytes).
    """
    specimens = draw_specimens(seed, SIZES[size] if isinstance(size, str) else size)
    rng = random.Random(f"museum-{seed}")
    faults = _faults(rng, specimens)
    files: dict[str, File] = {}
    media = [m for s in specimens for m in _media(rng, seed, s, faults, files)]
    _repeat(media, faults, seed, files)
    records = [record_row(seed, s) for s in specimens]
    return Museum(seed, specimens, records, media, files, faults)


def _faults(rng: random.Random, specimens: list[Specimen]) -> dict[str, list[int]]:
    """Which specimens carry which fault: disjoint, at least one each."""
    order = [s.number for s in specimens]
    rng.shuffle(order)
    out: dict[str, list[int]] = {"seven media": [order.pop()]}
    for fault, every in FAULTS.items():
        count = max(1, len(specimens) // every) * (2 if fault in PAIRED else 1)
        out[fault] = sorted(order[:count])
        order = order[count:]
    return out


PAIRED = ("duplicate sheet", "shared image")


def _views(rng: random.Random, specimen: Specimen, faults: dict[str, list[int]]) -> list[str]:
    number = specimen.number
    if number in faults["no media"]:
        return []
    views = [specimen.views[0]]
    if len(specimen.views) > 1 and rng.random() < 0.62:
        views.append("ventral")
    if rng.random() < 0.18 or number in faults["png-grey16"]:
        views.append("label")
    return views


def _spoilt(number: int, faults: dict[str, list[int]]) -> list[str]:
    """Encodings of the extra, useless files of a specimen."""
    kinds = ("dead link", "audio", "html", "truncated")
    every = number in faults["seven media"]
    return [kind for kind in kinds if every or number in faults[kind]]


def _media(
    rng: random.Random,
    seed: int,
    specimen: Specimen,
    faults: dict[str, list[int]],
    files: dict[str, File],
) -> list[Media]:
    number, out = specimen.number, []
    views = _views(rng, specimen, faults)
    if number in faults["seven media"]:
        views = [specimen.views[0], specimen.views[-1], "label"]
    for view in views:
        encoding = _encoding(number, view, faults)
        name = f"{number:05d}-{view}.{SUFFIX.get(encoding, 'jpg')}"
        files[name] = File(name, specimen, view, encoding)
        out.append(_row(rng, seed, specimen, name, view))
    for kind in _spoilt(number, faults):
        name = f"{number:05d}-{kind.replace(' ', '-')}.{SUFFIX.get(kind, 'jpg')}"
        if kind != "dead link":
            files[name] = File(name, specimen, specimen.views[0], kind)
        out.append(_row(rng, seed, specimen, name, "" if kind == "audio" else specimen.views[0]))
    return out


def _encoding(number: int, view: str, faults: dict[str, list[int]]) -> str:
    if view == "label":
        return "png-grey16" if number in faults["png-grey16"] else "jpeg"
    for encoding in ("png-rgba", "jpeg-cmyk", "jpeg-exif"):
        if number in faults[encoding]:
            return encoding
    return "jpeg"


def _row(rng: random.Random, seed: int, specimen: Specimen, name: str, view: str) -> Media:
    home = COLLECTION_OF[specimen.species.traits.plan]
    texts, weights = zip(*LICENCES, strict=True)
    sound = name.endswith(".wav")
    suffix = name.rsplit(".", 1)[1]
    media_type = {"png": "image/png", "wav": "audio/x-wav", "jpg": "image/jpeg"}[suffix]
    return Media(
        record=occurrence_id(seed, specimen.number),
        file=name,
        type="Sound" if sound else "StillImage",
        format=media_type if rng.random() < 0.9 else "",
        licence=rng.choices(texts, weights)[0],
        rights_holder=home.rights_holder if rng.random() < 0.9 else "",
        creator=rng.choice(PHOTOGRAPHERS),
        title=f"{specimen.species.name}, {view or 'recording'}",
        orientation="" if view == "whole" else view,
    )


def _repeat(
    media: list[Media], faults: dict[str, list[int]], seed: int, files: dict[str, File]
) -> None:
    """Give pairs of records the same picture: by the same bytes, or by the same file."""
    for fault in PAIRED:
        numbers = faults[fault]
        for number, other in zip(numbers[::2], numbers[1::2], strict=True):
            first = next(m for m in media if m.record == occurrence_id(seed, number))
            name = first.file
            if fault == "duplicate sheet":
                name = f"{other:05d}-copy.jpg"
                old = files[first.file]
                files[name] = File(name, old.specimen, old.view, old.encoding)
            fields = vars(first) | {"record": occurrence_id(seed, other), "file": name}
            media.append(Media(**fields))
