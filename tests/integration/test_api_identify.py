"""Naming photos through HTTP over a small real museum."""

import csv
import io

import pytest

from tests.api import draw, named, problem

pytest_plugins = ("tests.api_fixtures",)
IDENTIFY = "/api/v1/identify"


async def identified(client, **params):
    answer = await client.get(IDENTIFY, params=params)
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


async def test_a_stored_image_is_named_without_its_own_specimen(client):
    body = await identified(client, like=str(named("image 3")), embed_version="tiny")
    assert body["embed_version"]["embed_version"] == "tiny"
    assert "not probabilities" in body["caveat"]
    photo = body["photos"][0]
    assert photo["problem"] is None
    assert str(named("record 3")) in photo["left_out"]
    shown = [each["record"]["id"] for each in photo["neighbours"]]
    assert shown
    assert str(named("record 3")) not in shown
    cosines = [each["cosine"] for each in photo["neighbours"]]
    assert cosines == sorted(cosines, reverse=True)
    assert [rung["rank"] for rung in photo["rungs"]] == [
        "kingdom", "phylum", "class", "order", "family", "genus", "species",
    ]  # fmt: skip
    ranks = {rung["rank"]: rung for rung in photo["rungs"]}
    assert ranks["kingdom"]["taxon"] == "Animalia"
    assert ranks["order"]["taxon"] is None  # no record names one
    for rung in photo["rungs"]:
        assert sum(each["score"] for each in rung["candidates"]) <= 1 + 1e-6


async def test_evidence_of_a_candidate_is_among_the_neighbours_and_of_its_taxon(client):
    body = await identified(client, like=str(named("image 4")), method="specimens")
    photo = body["photos"][0]
    records = {each["image"]["id"]: each["record"] for each in photo["neighbours"]}
    candidates = photo["rungs"][-1]["candidates"]
    assert sum(each["neighbours"] for each in candidates) == len(records)
    for candidate in candidates:
        assert candidate["text_score"] is None
        for image_id in candidate["evidence"]:
            assert records[image_id]["canonical_name"] == candidate["name"]


async def test_few_trials_promise_nothing(client):
    """Nine specimens are too few to learn from: no rank is called supported."""
    body = await identified(client, like=str(named("image 2")), method="specimens")
    assert body["photos"][0]["stops_at"] is None
    assert body["photos"][0]["named"] is None
    assert not any(rung["supported"] for rung in body["photos"][0]["rungs"])


async def test_a_picture_of_the_museum_sent_again_is_no_evidence_for_itself(client, museum):
    files = {"photo": ("mine.jpg", museum.pictures[named("image 5")])}
    answer = await client.post(IDENTIFY, files=files, data={"method": "specimens"})
    photo = answer.json()["photos"][0]
    assert photo["name"] == "mine.jpg"
    assert str(named("record 5")) in photo["left_out"]
    assert str(named("image 5")) not in [each["image"]["id"] for each in photo["neighbours"]]


async def test_one_bad_photo_harms_no_other(client):
    files = [
        ("photo", ("good.jpg", draw(20))),
        ("photo", ("bad.jpg", b"this is no picture")),
        ("photo", ("good too.jpg", draw(21))),
    ]
    answer = await client.post(IDENTIFY, files=files)
    assert answer.status_code == 200, answer.text
    first, bad, last = answer.json()["photos"]
    assert first["rungs"]
    assert last["rungs"]
    assert bad["problem"]
    assert bad["rungs"] == []


async def test_uploads_and_records_are_named_by_id(client):
    upload = (await client.post("/api/v1/uploads", files={"image": ("a.jpg", draw(22))})).json()
    body = await identified(
        client, image=upload["id"], name="holiday.jpg", record=str(named("record 6"))
    )
    first, second = body["photos"]
    assert (first["name"], first["image"]) == ("holiday.jpg", upload["id"])
    assert second["record"] == str(named("record 6"))
    assert second["rungs"]
    gone = await identified(client, image="0" * 64)
    assert "no longer kept" in gone["photos"][0]["problem"]


async def test_only_within_a_taxon(client):
    body = await identified(client, like=str(named("image 2")), within="genus:Papilio")
    photo = body["photos"][0]
    assert {each["name"] for each in photo["rungs"][-1]["candidates"]} <= {
        "Papilio alba", "Papilio rubra",
    }  # fmt: skip
    assert {each["record"]["canonical_name"].split()[0] for each in photo["neighbours"]} == {
        "Papilio"
    }
    without = await identified(client, like=str(named("image 2")), within="-Papilio")
    assert [each["name"] for each in without["photos"][0]["rungs"][-1]["candidates"]] == [
        "Vanessa caerulea"
    ]
    answer = await client.get(IDENTIFY, params={"like": str(named("image 2")), "within": "Nought"})
    assert "no taxon within" in problem(answer, 400, "bad-request")


async def test_place_lifts_and_says_so(client):
    plain = await identified(client, like=str(named("image 1")))
    lifted = await identified(client, like=str(named("image 1")), latitude=9.5, longitude=-84)
    far = await identified(client, like=str(named("image 1")), latitude=60, longitude=25)
    boost = lifted["photos"][0]["rungs"][-1]["candidates"][0]["boost"]
    assert boost["near"] > 0
    assert boost["factor"] == 2
    assert lifted["photos"][0]["neighbours"][0]["kilometres"] < 100
    assert far["photos"][0]["rungs"][-1]["candidates"][0]["boost"]["factor"] == 1
    assert any("no record of" in said for said in far["photos"][0]["lacks"])

    def order(body):
        return [each["name"] for each in body["photos"][0]["rungs"][-1]["candidates"]]

    assert order(far) == order(plain)  # what was not recorded is not lowered
    answer = await client.get(IDENTIFY, params={"like": str(named("image 1")), "latitude": 9})
    assert "longitude" in problem(answer, 400, "bad-request")


async def test_labels_and_bins_of_the_askers_own(client):
    asked = {
        "like": [str(named("image 0"))],
        "labels": ["a red butterfly", "a white butterfly"],
        "bins": ["a blue beetle=beetle", "a white butterfly=butterfly"],
    }
    body = (await client.post(IDENTIFY, json=asked)).json()
    labels = {each["label"]: each["score"] for each in body["photos"][0]["labels"]}
    bins = {each["label"]: each["score"] for each in body["photos"][0]["bins"]}
    assert sum(labels.values()) == pytest.approx(1)
    assert bins.keys() == {"beetle", "butterfly"}
    assert bins["beetle"] == pytest.approx(labels["a blue beetle"])
    answer = await client.post(IDENTIFY, json=asked | {"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == ["file_name", "classification", "score"]
    assert [row["classification"] for row in rows] == [
        each["label"] for each in body["photos"][0]["bins"]
    ]
    answer = await client.get(IDENTIFY, params={"like": str(named("image 0")), "labels": "alone"})
    assert "two or more" in problem(answer, 400, "bad-request")


async def test_the_table_has_the_columns_of_pybioclip(client):
    params = {"like": [str(named("image 1")), str(named("pending"))], "format": "csv", "limit": 2}
    answer = await client.get(IDENTIFY, params=params)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == [
        "file_name", "kingdom", "phylum", "class", "order", "family", "genus",
        "species_epithet", "species", "common_name", "score",
    ]  # fmt: skip
    assert [row["file_name"] for row in rows] == [str(named("image 1"))] * 2 + [
        str(named("pending"))
    ]
    assert rows[0]["species"] == f"{rows[0]['genus']} {rows[0]['species_epithet']}"
    assert 0 < float(rows[0]["score"]) <= 1
    assert rows[2]["species"] == ""
    family = await client.get(IDENTIFY, params=params | {"rank": "family"})
    assert family.text.splitlines()[0] == "file_name,kingdom,phylum,class,order,family,score"


async def test_what_cannot_be_asked(client):
    answer = await client.get(IDENTIFY)
    assert "Send photos" in problem(answer, 400, "bad-request")
    answer = await client.get(
        IDENTIFY, params={"like": str(named("image 1")), "embed_version": "unfinished"}
    )
    problem(answer, 409, "version-not-ready")
    answer = await client.post(IDENTIFY, content=b"x", headers={"content-type": "text/plain"})
    problem(answer, 400, "bad-request")
