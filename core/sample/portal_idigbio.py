"""iDigBio's search of records and media, over any items in the shape of its answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

MOST = 5000
WINDOW = 100_000


class Refused(Exception):
    """The search answers 400."""


@dataclass
class Idigbio:
    """What iDigBio holds; tests may change it between requests."""

    records: list[Json] = field(default_factory=list)
    media: list[Json] = field(default_factory=list)
    attribution: list[Json] = field(default_factory=list)
    window: int = WINDOW

    def search(self, what: str, asked: Mapping[str, Any]) -> Json:
        """Answer /v2/search/records or media; Refused past the window.

        `asked` is the query string or the JSON body. Without a sort by uuid the order is that of
        `records`, which pages cannot rely on.
        """
        query = _parsed(asked.get("rq" if what == "records" else "mq", {}))
        limit = min(int(asked.get("limit", 100)), MOST)
        offset = int(asked.get("offset", 0))
        if offset + limit > self.window:
            raise Refused(f"result window is too large: {offset} + {limit}")
        found = [i for i in getattr(self, what) if _matches(i, query)]
        if "uuid" in json.dumps(_parsed(asked.get("sort", []))):
            found.sort(key=lambda item: str(item["uuid"]))
        return {
            "itemCount": len(found),
            "lastModified": "2024-12-13T18:36:33.928Z",
            "items": [_without(i, asked) for i in found[offset : offset + limit]],
            "attribution": {} if asked.get("no_attribution") else self._attribution(found),
        }

    def _attribution(self, found: list[Json]) -> list[Json]:
        sets = {item["indexTerms"].get("recordset") for item in found}
        return [entry for entry in self.attribution if entry["uuid"] in sets]


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _without(item: Json, asked: Mapping[str, Any]) -> Json:
    excluded = set(_parsed(asked.get("fields_exclude", [])))
    return item | {"indexTerms": {k: v for k, v in item["indexTerms"].items() if k not in excluded}}


def _matches(item: Json, query: Mapping[str, Any]) -> bool:
    return all(_has(_values(item, name), wanted) for name, wanted in query.items())


def _values(item: Json, name: str) -> list[Any]:
    terms = item["indexTerms"]
    value = item["data"].get(name[5:]) if name.startswith("data.") else terms.get(name)
    if name == "uuid":
        value = item["uuid"]
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [v.lower() if isinstance(v, str) else v for v in values]


def _has(values: list[Any], wanted: Any) -> bool:
    if isinstance(wanted, list):
        return any(_has(values, each) for each in wanted)
    if not isinstance(wanted, dict):
        return bool((wanted.lower() if isinstance(wanted, str) else wanted) in values)
    if wanted["type"] in ("exists", "missing"):
        return bool(values) is (wanted["type"] == "exists")
    if wanted["type"] == "prefix":
        return any(str(v).startswith(wanted["value"].lower()) for v in values)
    if wanted["type"] != "range":
        raise Refused(f"unable to parse type {wanted['type']}")
    return any(_within(v, wanted) for v in values)


def _within(value: Any, limits: Mapping[str, Any]) -> bool:
    return bool(
        not ("gt" in limits and value <= limits["gt"])
        and not ("gte" in limits and value < limits["gte"])
        and not ("lt" in limits and value >= limits["lt"])
        and not ("lte" in limits and value > limits["lte"])
    )
