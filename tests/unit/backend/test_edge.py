"""Small parts of the edge, by themselves."""

import time
from contextlib import suppress

import pytest
from pydantic import ValidationError
from starlette.datastructures import Headers

from backend.images import service as pictures
from backend.metrics import Metrics
from backend.middleware import Edge
from backend.problems import sentence
from backend.search.schemas import SearchRequest
from backend.timing import Timing


def test_stages_add_up_also_when_they_fail():
    timing = Timing()
    for _ in range(2):
        with timing.stage("search"):
            time.sleep(0.01)
    with suppress(ZeroDivisionError), timing.stage("encode"):
        time.sleep(0.01)
        raise ZeroDivisionError
    assert timing.ms("search") >= 20
    assert timing.ms("encode") >= 10
    assert timing.ms("rows") == 0
    assert timing.total_ms() >= timing.ms("search") + timing.ms("encode")
    assert [part.partition(";")[0] for part in timing.header().split(", ")] == [
        "search",
        "encode",
        "total",
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"limit": 0}, ["limit", "greater than or equal to 1"]),
        ({"like": "x"}, ["like"]),
        ({"colour": "red"}, ["colour", "not permitted"]),
        ({"vector": ["a"]}, ["vector.0"]),
        ({"image": "short"}, ["image"]),
    ],
)
def test_a_validation_error_becomes_one_sentence(fields, words):
    with pytest.raises(ValidationError) as caught:
        SearchRequest.model_validate(fields)
    said = sentence(caught.value.errors()[0])
    assert all(word in said for word in words)
    assert "\n" not in said


def test_blank_counts_as_absent():
    asked = SearchRequest.model_validate({"q": " \t", "image": "", "like": "", "embed_version": ""})
    assert asked == SearchRequest()


@pytest.mark.parametrize(
    ("fetch_url", "licence", "shown"),
    [
        ("file:///a.jpg", None, True),
        ("file:///a.jpg", "ALL-RIGHTS-RESERVED", True),
        ("zip:///a.zip!/b.jpg", "UNKNOWN", True),
        ("https://museum.example/a.jpg", "CC-BY-NC-ND-4.0", True),
        ("https://museum.example/a.jpg", "CC0-1.0", True),
        ("http://museum.example/a.jpg", "ALL-RIGHTS-RESERVED", False),
        ("https://museum.example/a.jpg", "UNKNOWN", False),
        ("https://museum.example/a.jpg", None, False),
    ],
)
def test_the_gate(fetch_url, licence, shown):
    assert pictures.may_show({"image_fetch_url": fetch_url, "image_licence": licence}) is shown


def test_only_links_are_links():
    assert pictures.web_link(None, "javascript:alert(1)", "a.jpg") is None
    assert pictures.web_link("ftp://x", "https://a.example/1") == "https://a.example/1"


async def test_a_failure_after_the_answer_began_is_not_hidden(caplog):
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half way")

    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    edge = Edge(broken, metrics=Metrics(), max_upload_bytes=1000)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(RuntimeError, match="half way"):
        await edge(scope, receive, send)
    assert len(sent) == 1
    assert Headers(raw=sent[0]["headers"])["x-request-id"]
