"""Answers as CSV, with the columns of pybioclip, so that what reads the one reads the other."""

import csv
import io
from collections.abc import Iterator, Sequence

from backend.identify.schemas import IdentifyResponse
from core.db.tables import RANKS

COLUMNS = ("file_name", *RANKS[:-1], "species_epithet", "species", "common_name", "score")
LABEL_COLUMNS = ("file_name", "classification", "score")
SPECIES = RANKS.index("species")


def of_taxa(answer: IdentifyResponse, rank: str) -> str:
    """A row a photo and candidate of `rank`; a photo that could not be named has one bare row."""
    index = RANKS.index(rank)
    columns = COLUMNS if index == SPECIES else ("file_name", *RANKS[: index + 1], "score")
    return _csv(columns, _rows(answer, index))


def _rows(answer: IdentifyResponse, index: int) -> Iterator[dict[str, str]]:
    for photo in answer.photos:
        if not photo.rungs:
            yield {"file_name": photo.name}
        for candidate in photo.rungs[index].candidates if photo.rungs else ():
            names = zip(RANKS[: index + 1], candidate.lineage, strict=True)
            yield {
                "file_name": photo.name,
                **{rank: name or "" for rank, name in names},
                "species_epithet": candidate.name.partition(" ")[2],
                "common_name": candidate.common_name or "",
                "score": f"{candidate.score:.6g}",
            }


def of_labels(answer: IdentifyResponse, limit: int) -> str:
    """A row a photo and bin, or label where there are no bins."""
    rows = [
        {"file_name": photo.name, "classification": each.label, "score": f"{each.score:.6g}"}
        for photo in answer.photos
        for each in (photo.bins or photo.labels)[:limit]
    ]
    return _csv(LABEL_COLUMNS, iter(rows))


def _csv(columns: Sequence[str], rows: Iterator[dict[str, str]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
