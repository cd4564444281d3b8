"""What a set comes to: images, records, datasets with what to cite, licences in words."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core import licences
from core.db import exports
from core.db.exports import Chosen
from core.licences import Licence

Counts = dict[str, Any]
"""images, records, datasets (a list) and licences (a list): as kept in a receipt."""

_RULES: tuple[tuple[str, Callable[[Licence], bool]], ...] = (
    ("may not be copied: ask the holder of the rights", lambda it: not it.allows_copy),
    ("not for commercial use", lambda it: it.allows_copy and not it.allows_commercial),
    ("not to be changed", lambda it: it.allows_copy and not it.allows_derivatives),
    ("to be shared under the same licence", lambda it: it.share_alike),
    ("to be credited, each by its own line", lambda it: it.allows_copy and it.requires_attribution),
    ("free of conditions", lambda it: it.allows_copy and not it.requires_attribution),
)


async def count(conn: AsyncConnection, chosen: Chosen) -> Counts:
    """Count a set."""
    rows = await exports.counts(conn, chosen)
    records = await exports.record_counts(conn, chosen)
    per_dataset: Counter[Any] = Counter()
    per_licence: Counter[str] = Counter()
    for row in rows:
        per_dataset[row["dataset_id"]] += row["images"]
        per_licence[row["licence"]] += row["images"]
    named = await exports.datasets(conn, sorted(per_dataset.keys() | records.keys()))
    datasets = [
        {
            **{key: row[key] for key in row if key != "id"},
            "id": str(row["id"]),
            "images": per_dataset[row["id"]],
            "records": records.get(row["id"], 0),
        }
        for row in named
    ]
    return {
        "images": per_licence.total(),
        "records": sum(records.values()),
        "datasets": sorted(datasets, key=lambda each: (-each["images"], each["title"])),
        "licences": [
            {"code": code, "label": licences.describe(code).label, "images": number}
            for code, number in per_licence.most_common()
        ],
    }


def licence_summary(counts: Counts) -> list[str]:
    """What may be done with the images, in sentences; the strictest first."""
    everything = counts["images"]
    if not everything:
        return []
    found: list[str] = []
    for words, holds in _RULES:
        number = sum(
            each["images"] for each in counts["licences"] if holds(licences.describe(each["code"]))
        )
        if number:
            found.append(f"{_share(number, everything)}: {words}.")
    return found


def _share(number: int, everything: int) -> str:
    if number == everything:
        return "All images" if everything > 1 else "The image"
    percent = 100 * number / everything
    said = f"{percent:.0f} %" if percent >= 1 else "Less than 1 %"
    return f"{said} ({number:,} of {everything:,})"
