"""Filters as a condition in SQL over the rows of one version's partition, there called `e`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from core.db.tables import RANKS
from core.filters import Box, Choice, Days, Filters, Taxon

_FACETS = (
    "dataset", "institution", "collection", "country", "basis", "type_status", "sex",
    "life_stage", "view", "licence",
)  # fmt: skip
_TEXT = (
    "e.image_id IN (SELECT ri.image_id FROM record_image ri JOIN record r ON r.id = ri.record_id"
    " WHERE r.withdrawn_at IS NULL AND concat_ws(E'\\n', r.scientific_name, r.vernacular_name,"
    " r.locality, r.recorded_by) ILIKE {0})"
)


class Where:
    """A condition and its bind parameters; `sql` is "true" when there are no filters."""

    def __init__(self, filters: Filters) -> None:
        self.binds: dict[str, Any] = {}
        self._parts: list[str] = []
        self._facets(filters.taxon, _names)
        for kind in _FACETS:
            self._facets(getattr(filters, kind), partial(_fact, kind))
        self._ranges(filters.bbox, self._box)
        self._ranges(filters.date, self._days)
        self._months(filters.month)
        self._texts(filters.text)
        if filters.coordinates is not None:
            word = "NOT NULL" if filters.coordinates else "NULL"
            self._parts.append(f"e.latitude IS {word}")
        self.sql = " AND ".join(self._parts) or "true"

    def _bind(self, value: object, kind: str) -> str:
        name = f"f{len(self.binds)}"
        self.binds[name] = value
        return f"CAST(:{name} AS {kind})"

    def _hashes(self, facts: Sequence[str]) -> str:
        hashes = (f"hashtextextended(lower({self._bind(fact, 'text')}), 0)" for fact in facts)
        return f"e.facets && ARRAY[{', '.join(hashes)}]"

    def _facets(self, choice: Choice[Any], facts: Callable[[Any], Sequence[str]]) -> None:
        for values, negation in ((choice.include, ""), (choice.exclude, "NOT ")):
            if values:
                listed = [fact for value in values for fact in facts(value)]
                self._parts.append(negation + self._hashes(listed))

    def _ranges(self, choice: Choice[Any], condition: Callable[[Any], str]) -> None:
        if choice.include:
            self._parts.append(f"({' OR '.join(map(condition, choice.include))})")
        # IS NOT TRUE: what is unknown stays.
        self._parts += [f"({condition(value)}) IS NOT TRUE" for value in choice.exclude]

    def _box(self, box: Box) -> str:
        south, north, west, east = (
            self._bind(value, "float8") for value in (box.south, box.north, box.west, box.east)
        )
        joint = "AND" if box.west <= box.east else "OR"
        return (
            f"(e.latitude BETWEEN {south} AND {north}"
            f" AND (e.longitude >= {west} {joint} e.longitude <= {east}))"
        )

    def _days(self, days: Days) -> str:
        parts = []
        if days.first:
            parts.append(f"e.date_start >= {self._bind(days.first, 'date')}")
        if days.last:
            parts.append(f"e.date_end <= {self._bind(days.last, 'date')}")
        return f"({' AND '.join(parts)})"

    def _months(self, choice: Choice[int]) -> None:
        if choice.include:
            self._parts.append(f"e.months & {~_bits(choice.include) & 4095} = 0")
        if choice.exclude:
            self._parts.append(f"(e.months & {~_bits(choice.exclude) & 4095} = 0) IS NOT TRUE")

    def _texts(self, choice: Choice[str]) -> None:
        for values, negation in ((choice.include, ""), (choice.exclude, "NOT ")):
            for value in values:
                escaped = value.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
                pattern = self._bind(f"%{escaped}%", "text")
                self._parts.append(negation + _TEXT.format(pattern))


def _fact(kind: str, value: object) -> list[str]:
    return [f"{kind}:{value}"]


def _names(taxon: Taxon) -> list[str]:
    kinds = (taxon.rank,) if taxon.rank else (*RANKS, "name")
    return [f"{kind}:{taxon.name}" for kind in kinds]


def _bits(months: Sequence[int]) -> int:
    return sum(1 << (month - 1) for month in set(months))
