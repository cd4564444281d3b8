"""Data sets of earlier work as they are delivered: which folder is a class, which table says more.

CUB-200-2011 (Wah et al. 2011), VLM4Bio (Maruf et al. 2024), and the collections of butterflies and
of bryozoans that the predecessor trained on. Nothing is resolved over the network: what a layout
does not say, such as the families of genera, comes from a table of taxa (`data.taxa`).
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.db.tables import RANKS
from core.errors import UnreadableSource

_VLM4BIO = {
    "Fish": {"class": "Actinopterygii"},
    "Bird": {"class": "Aves"},
    "Butterfly": {"class": "Insecta", "order": "Lepidoptera"},
}
"""Its groups; the class is the level it calls taxa."""
Row = dict[str, str]


@dataclass(frozen=True)
class Found:
    """A picture as a layout tells of it."""

    path: Path
    id: str
    class_name: str
    taxa: Mapping[str, str]
    common_name: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


def cub(root: Path, taxa: Path | None) -> Iterator[Found]:
    """images.txt names the pictures; `001.Black_footed_Albatross/` is a class by common name."""
    known = _taxa(taxa)
    for line in _lines(root / "images.txt"):
        where = line.split(maxsplit=1)[1]
        common = where.split("/")[0].partition(".")[2].replace("_", " ")
        own = known.get(common.lower(), {})
        ranks = _ranks(own)
        yield Found(root / "images" / where, where, ranks.get("species", common), ranks, common)


def butterflies(root: Path, taxa: Path | None, family: str = "") -> Iterator[Found]:
    """`images/[<family>/]<genus>_<species>[_<subspecies>]/`; tables say `class_dv` and `sex`.

    Any CSV in the folder with a column `mask_name` tells of the pictures of that name. Subspecies
    belong to their species. `family` is that of all where there are no folders for it.
    """
    known, told = _taxa(taxa), _told(root)
    for path in _pictures(root / "images"):
        where = path.relative_to(root / "images")
        words = where.parts[-2].split("_") if len(where.parts) > 1 else []
        if len(words) < 2:
            continue
        name = f"{words[0].capitalize()} {words[1].lower()}"
        above = where.parts[-3] if len(where.parts) > 2 else family
        own = known.get(name.lower(), known.get(words[0].lower(), {}))
        ranks = {"family": above, **_ranks(own), "genus": words[0].capitalize(), "species": name}
        row = told.get(path.name, {})
        columns = {"view": row.get("class_dv", ""), "sex": row.get("sex", "")}
        yield Found(path, where.as_posix(), name, _ordered(ranks), own.get("common_name", ""),
                    columns)  # fmt: skip


def bryozoa(root: Path, taxa: Path | None) -> Iterator[Found]:
    """`images/<genus>/`; classes are genera, whose families are in the table of taxa."""
    known = _taxa(taxa)
    for path in _pictures(root / "images"):
        where = path.relative_to(root / "images")
        if len(where.parts) < 2:
            continue
        genus = where.parts[0].capitalize()
        ranks = {**_ranks(known.get(genus.lower(), {})), "genus": genus}
        yield Found(path, where.as_posix(), genus, _ordered(ranks))


def vlm4bio(root: Path, taxa: Path | None) -> Iterator[Found]:
    """`<group>/metadata/metadata_10k.csv` names pictures in `<group>/images/` and their species."""
    known = _taxa(taxa)
    groups = [group for group in _VLM4BIO if (root / group / "metadata").is_dir()]
    if not groups:
        raise UnreadableSource(f"{root} has none of the folders {', '.join(_VLM4BIO)} of VLM4Bio")
    for group in groups:
        for row in _rows(root / group / "metadata" / "metadata_10k.csv"):
            file, name = row.get("fileNameAsDelivered", ""), row.get("scientificName", "").strip()
            if not file or not name:
                continue
            name = name.replace("_", " ").capitalize()
            ranks = {**_VLM4BIO[group], **_ranks(known.get(name.lower(), {})),
                     "genus": name.split()[0], "species": name}  # fmt: skip
            path = root / group / "images" / file
            if path.is_file():  # the tables name some that were never delivered
                yield Found(path, f"{group}/{file}", name, _ordered(ranks),
                            columns={"group": group})  # fmt: skip


LAYOUTS: dict[str, Callable[[Path, Path | None], Iterator[Found]]] = {
    "cub": cub,
    "lepidoptera": butterflies,
    "nymphalidae": lambda root, taxa: butterflies(root, taxa, "Nymphalidae"),
    "bryozoa": bryozoa,
    "vlm4bio": vlm4bio,
}


def _taxa(path: Path | None) -> dict[str, Row]:
    """Rows of a table of taxa by their column `name`, without regard to case."""
    if path is None:
        return {}
    rows = _rows(path)
    if rows and "name" not in rows[0]:
        raise UnreadableSource(f"{path} has no column name: it has {', '.join(rows[0])}")
    return {row["name"].strip().lower(): row for row in rows}


def _told(root: Path) -> dict[str, Row]:
    return {
        row["mask_name"]: row
        for path in sorted(root.glob("*.csv"))
        for row in _rows(path)
        if row.get("mask_name")
    }


def _ranks(row: Mapping[str, str]) -> dict[str, str]:
    return {rank: row[rank].strip() for rank in RANKS if (row.get(rank) or "").strip()}


def _ordered(ranks: Mapping[str, str]) -> dict[str, str]:
    return {rank: ranks[rank] for rank in RANKS if ranks.get(rank)}


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UnreadableSource(f"there is no folder {folder}")
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSource(f"cannot read the table {path}: {error}") from error


def _rows(path: Path) -> list[Row]:
    lines = _lines(path)
    return [
        {key: value or "" for key, value in row.items() if key}
        for row in csv.DictReader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",")
    ]
