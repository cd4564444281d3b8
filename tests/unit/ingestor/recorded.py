"""Answers of the real portals, recorded, in the shape in which they came."""

import json
from collections.abc import Iterator
from typing import Any

from tests.paths import SHARED_DATA

Json = dict[str, Any]
RECORDS = SHARED_DATA / "records"


def gbif_occurrences() -> Iterator[Json]:
    """Every occurrence of every recorded answer; the same one may come several times."""
    files = sorted(RECORDS.glob("gbif_api_*/responses/*.json"))
    files.append(RECORDS / "nfhm_samples/ingestor/samples/sample_occurences.json")
    for file in files:
        found = json.loads(file.read_text(encoding="utf-8"))
        for answer in found if isinstance(found, list) else [found]:
            results = answer.get("results", [answer]) if isinstance(answer, dict) else []
            yield from (r for r in results if isinstance(r, dict) and "gbifID" in r)


def distinct_gbif() -> list[Json]:
    """Each recorded occurrence once: the first of its recordings."""
    return list({str(o["key"]): o for o in reversed(list(gbif_occurrences()))}.values())[::-1]


def idigbio_records() -> list[Json]:
    """Every recorded record, wrapped from the index's answer as iDigBio's API wraps it."""
    items = []
    for file in sorted(RECORDS.glob("idigbio_search_api/search-*.json")):
        answer = json.loads(file.read_text(encoding="utf-8"))["response_snapshot"]
        for hit in answer["hits"]["hits"]:
            source = dict(hit["_source"])
            data = source.pop("data", {})
            items.append(
                {
                    "uuid": hit["_id"],
                    "type": hit["_type"],
                    "etag": source.get("etag"),
                    "data": data,
                    "indexTerms": source,
                }
            )
    return items
