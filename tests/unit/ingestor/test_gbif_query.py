"""Questions to GBIF: options, names, cells that add up, predicates of downloads."""

import itertools
import json
from collections import Counter

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidSetting, UnreadableSource
from ingestor.sources.gbif_cells import FACETS, cells
from ingestor.sources.gbif_download import predicate
from ingestor.sources.gbif_query import COL_XR, GbifQuery, make_query
from tests.paths import SHARED_DATA, needs_shared
from tests.unit.ingestor.web import serving

pytest_plugins = ("tests.portals",)


async def test_options_become_parameters_in_a_fixed_order(portal):
    query = await make_query(
        portal,
        "https://unused.example",
        taxa=["797"],
        options={
            "institution": ["YPM", "MCZ"],
            "basis": ["PreservedSpecimen", "FOSSIL_SPECIMEN"],
            "country": ["Costa Rica", "pe"],
            "year": ["1900,1950"],
            "licence": ["CC0", "cc-by-nc 4.0"],
        },
        extra=["hasCoordinate=true", "basisOfRecord = PRESERVED_SPECIMEN"],
    )
    assert query.parameters == (
        ("basisOfRecord", "FOSSIL_SPECIMEN"),
        ("basisOfRecord", "PRESERVED_SPECIMEN"),
        ("country", "CR"),
        ("country", "PE"),
        ("hasCoordinate", "true"),
        ("institutionCode", "MCZ"),
        ("institutionCode", "YPM"),
        ("license", "CC0_1_0"),
        ("license", "CC_BY_NC_4_0"),
        ("mediaType", "StillImage"),
        ("taxonKey", "797"),
        ("year", "1900,1950"),
    )


@pytest.mark.parametrize(
    ("extra", "said"),
    [("limit=5", "pages are our own"), ("year", "name=value"), ("=x", "name=value")],
)
async def test_parameters_that_make_no_sense_are_refused(portal, extra, said):
    with pytest.raises(InvalidSetting, match=said):
        await make_query(portal, "https://unused.example", extra=[extra])


async def test_a_country_that_is_none_is_refused(portal):
    with pytest.raises(InvalidSetting, match="Atlantis"):
        await make_query(portal, "https://x.example", options={"country": ["Atlantis"]})


async def test_a_name_is_matched_by_gbif(server, portal):
    query = await make_query(portal, server.url, taxa=["lepidoptera"])
    key = server.portals.gbif.occurrences[0]["orderKey"]
    assert ("taxonKey", str(key)) in query.parameters
    with pytest.raises(InvalidSetting, match="Draco"):
        await make_query(portal, server.url, taxa=["Draco"])


async def test_string_keys_bring_their_checklist(portal):
    query = await make_query(portal, "https://unused.example", taxa=["39N5S"])
    assert query.checklist == COL_XR
    assert ("taxonKey", "39N5S") in query.parameters


@needs_shared
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("name_backbone__1", "9206251"),
        ("name_backbone__8", "V2"),
        ("name_backbone__2", InvalidSetting),
        ("name_backbone__3", InvalidSetting),  # only the genus is known, and is a synonym
        ("name_backbone__7", InvalidSetting),
        ("name_backbone_acceptedUsageKey__0", "accepted"),
    ],
)
async def test_real_answers_of_the_matching_are_understood(portal, body, expected):
    text = (SHARED_DATA / f"records/gbif_api_rgbif/responses/{body}.json").read_text()

    async def answer(request):
        assert request.path == "/v2/species/match"
        return web.Response(text=text, content_type="application/json")

    async with serving(answer) as seen:
        if expected is InvalidSetting:
            with pytest.raises(InvalidSetting, match="give its name or key"):
                await make_query(portal, seen.url, taxa=["Any name"])
            return
        found = json.loads(text)
        query = await make_query(portal, seen.url, taxa=["Any name"])
        if expected == "accepted":
            expected = found["acceptedUsage"]["key"]
            assert "is a synonym of" in query.notes[0]
        assert dict(query.parameters)["taxonKey"] == expected


records = st.lists(
    st.fixed_dictionaries(
        {
            "datasetKey": st.sampled_from(["a", "b", "c"]),
            "year": st.sampled_from([None, "1900", "1901", "1902"]),
            "month": st.sampled_from([None, "1", "2"]),
            "basisOfRecord": st.sampled_from(["P", "F"]),
            "kingdomKey": st.sampled_from(["1", "6"]),
            "familyKey": st.sampled_from([None, "10", "11"]),
        }
    ),
    max_size=80,
)


def holding(found, path):
    return [r for r in found if all(r.get(facet) == value for facet, value in path)]


def counter(found):
    async def counted(path, facet):
        part = holding(found, path)
        return len(part), dict(Counter(r[facet] for r in part if r.get(facet) is not None))

    return counted


async def cut(found, window, after=()):
    return [cell async for cell in cells(counter(found), (), len(found), window, after)]


@given(records, st.integers(1, 12))
async def test_cells_hold_every_record_once_or_the_search_is_refused(found, window):
    try:
        made = await cut(found, window)
    except UnreadableSource:  # none of the facets adds up: see the next test
        return
    assert sum(cell.count for cell in made) == len(found)
    for cell in made:
        assert cell.count == len(holding(found, cell.path)) <= window
    for one, other in itertools.combinations(made, 2):
        shared = {f: v for f, v in one.path if dict(other.path).get(f) not in (None, v)}
        assert shared, "two cells overlap"


async def test_records_that_no_facet_reaches_are_never_left_out():
    found = [{"datasetKey": "a", "year": None if n % 9 == 0 else str(n)} for n in range(20)]
    with pytest.raises(UnreadableSource, match="cannot be cut .* use --download"):
        await cut(found, 10)


@given(records, st.integers(3, 12), st.randoms(use_true_random=False))
@settings(max_examples=60)
async def test_a_later_run_goes_on_from_the_cell_where_the_first_stopped(found, window, rng):
    try:
        made = await cut(found, window)
    except UnreadableSource:
        return
    place = rng.randrange(len(made))
    assert await cut(found, window, made[place].path) == made[place:]


def test_taxa_are_no_facet_because_they_overlap():
    assert "taxonKey" not in FACETS


def test_predicates_say_the_same_as_the_search():
    query = GbifQuery(
        (
            ("checklistKey", "col"),
            ("geometry", "POLYGON((0 0,1 0,1 1,0 0))"),
            ("institutionCode", "MCZ"),
            ("institutionCode", "YPM"),
            ("mediaType", "StillImage"),
            ("taxonKey", "39N5S"),
            ("year", "1900,*"),
        )
    )
    assert predicate(query) == {
        "type": "and",
        "predicates": [
            {"type": "within", "geometry": "POLYGON((0 0,1 0,1 1,0 0))"},
            {
                "type": "or",
                "predicates": [
                    {"type": "equals", "key": "INSTITUTION_CODE", "value": "MCZ"},
                    {"type": "equals", "key": "INSTITUTION_CODE", "value": "YPM"},
                ],
            },
            {"type": "equals", "key": "MEDIA_TYPE", "value": "StillImage"},
            {"type": "equals", "key": "TAXON_KEY", "checklistKey": "col", "value": "39N5S"},
            {"type": "greaterThanOrEquals", "key": "YEAR", "value": "1900"},
        ],
    }
    years = predicate(GbifQuery((("year", "1900,1950"),)))
    assert [p["type"] for p in years["predicates"]] == ["greaterThanOrEquals", "lessThanOrEquals"]
