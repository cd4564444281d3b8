"""Filters as a condition in SQL over the rows of one version's partition, there called `e`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from core.db.tables import RANKS
from core.filters import Box, Choice, Days, Filters, Part, Region, Shape, Taxon

FACETS = (
    "dataset", "institution", "collection", "country", "basis", "type_status", "sex",
    "life_stage", "view", "licence",
)  # fmt: skip
"""Filters that are kinds of facts."""
_OF_RECORDS = (
    "e.image_id IN (SELECT ri.image_id FROM record_image ri JOIN record r ON r.id = ri.record_id"
    " WHERE r.withdrawn_at IS NULL AND {0})"
)
_TEXT = (
    "concat_ws(E'\\n', r.scientific_name, r.vernacular_name, r.locality, r.recorded_by) ILIKE {0}"
)
_SAID = {"country": "coalesce(r.country_code, r.country)", "basis": "r.basis_of_record",
         "institution": "r.institution_code", "collection": "r.collection_code",
         "order": 'r."order"'}  # fmt: skip
"""Columns called otherwise than what is missing."""


class Where:
    """A condition and its bind parameters; `sql` is "true" when there are no filters."""

    def __init__(self, filters: Filters) -> None:
        self.filters = filters
        self.binds: dict[str, Any] = {}
        self.beside = not (filters.text or filters.catalog or filters.record or filters.missing
                           or filters.atlas)  # fmt: skip
        """Whether all that decides stands beside the vectors."""
        self._parts: list[str] = []
        self._facets(filters.taxon, _names)
        for kind in FACETS:
            self._facets(getattr(filters, kind), partial(_fact, kind))
        self._ranges(filters.bbox, self._box)
        self._ranges(filters.polygon, self._region)
        self._ranges(filters.atlas, self._part)
        self._ranges(filters.date, self._days)
        self._months(filters.month)
        self._texts(filters.text)
        self._listed(filters.catalog, "lower(r.catalog_number) = ANY({0})", "text[]", str.lower)
        self._listed(filters.record, "r.id = ANY({0})", "uuid[]")
        self._parts += [_missing(name) for name in filters.missing.include]
        self._parts += [f"NOT {_missing(name)}" for name in filters.missing.exclude]
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

    def _region(self, region: Region) -> str:
        """Looked for wherever a turn of the globe puts a longitude inside."""
        west, south, east, north = region.bounds
        polygon = self._polygon(region)
        turns = [t for t in (-360, 0, 360) if west <= 180 + t and east >= -180 + t]
        inside = [
            f"(e.longitude BETWEEN {self._bind(west - turn, 'float8')}"
            f" AND {self._bind(east - turn, 'float8')}"
            f" AND {polygon} @> point(e.longitude + {turn}, e.latitude))"
            for turn in turns
        ]
        low, high = self._bind(south, "float8"), self._bind(north, "float8")
        return f"(e.latitude BETWEEN {low} AND {high} AND ({' OR '.join(inside)}))"

    def _part(self, shape: Part) -> str:
        left, bottom, right, top = (self._bind(value, "float8") for value in shape.bounds)
        version = "e.version_id"
        if shape.version:
            named = self._bind(shape.version, "text")
            version = f"(SELECT v.id FROM embed_version v WHERE v.embed_version = {named})"
        return (
            f"EXISTS (SELECT FROM projection p WHERE p.version_id = {version}"
            f" AND p.image_id = e.image_id AND p.x BETWEEN {left} AND {right}"
            f" AND p.y BETWEEN {bottom} AND {top} AND {self._polygon(shape)} @> point(p.x, p.y))"
        )

    def _polygon(self, shape: Shape) -> str:
        return self._bind(",".join(f"({x!r},{y!r})" for x, y in shape.corners), "polygon")

    def _listed(
        self, choice: Choice[Any], one_of: str, kind: str, spell: Callable[[Any], Any] = lambda v: v
    ) -> None:
        for values, negation in ((choice.include, ""), (choice.exclude, "NOT ")):
            if values:
                listed = self._bind([spell(value) for value in values], kind)
                self._parts.append(negation + _OF_RECORDS.format(one_of.format(listed)))

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
                self._parts.append(negation + _OF_RECORDS.format(_TEXT.format(pattern)))


def _missing(name: str) -> str:
    """No current record, or the image itself, says what is called so."""
    if name in ("date", "decade"):
        return "(e.date_start IS NULL)"
    if name == "coordinates":
        return "(e.latitude IS NULL)"
    if name in ("view", "licence"):
        return f"(e.image_id NOT IN (SELECT id FROM image WHERE {name} <> ''))"
    said = _SAID.get(name, f"r.{name}") + " <> ''"
    return f"(NOT {_OF_RECORDS.format(said)})"


def _fact(kind: str, value: object) -> list[str]:
    return [f"{kind}:{value}"]


def _names(taxon: Taxon) -> list[str]:
    kinds = (taxon.rank,) if taxon.rank else (*RANKS, "name")
    return [f"{kind}:{taxon.name}" for kind in kinds]


def _bits(months: Sequence[int]) -> int:
    return sum(1 << (month - 1) for month in set(months))
