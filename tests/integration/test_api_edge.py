"""What every request meets: ids, headers, limits, problems, metrics, the page."""

import gzip
import logging
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from backend.app import create_app
from backend.page import WebPage
from tests.api import named, problem

pytest_plugins = ("tests.api_fixtures",)


async def test_a_request_id_comes_back_or_is_given(client):
    mine = await client.get("/healthz", headers={"X-Request-ID": "abc-1.2_3"})
    assert mine.headers["x-request-id"] == "abc-1.2_3"
    for nonsense in ("", "a b", "x" * 65, "<script>"):
        given = await client.get("/healthz", headers={"X-Request-ID": nonsense})
        assert given.headers["x-request-id"] != nonsense
        assert len(given.headers["x-request-id"]) == 32


@pytest.mark.parametrize("address", ["/healthz", "/", "/api/v1/nothing", "/api/v1/versions"])
async def test_every_answer_has_the_security_headers(client, address):
    headers = (await client.get(address)).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["server-timing"].startswith("total;dur=")


async def test_what_nobody_expected_leaks_nothing(client, museum, caplog):
    app = client._transport.app
    assert isinstance(app, FastAPI)
    app.state.services = "broken with a secret"
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/api/v1/summary")
    detail = problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "str" not in detail
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    ("method", "address", "status", "slug"),
    [
        ("GET", "/api/v1/nothing", 404, "not-found"),
        ("POST", "/api/v1/nothing", 404, "not-found"),
        ("GET", "/api", 404, "not-found"),
        ("DELETE", "/api/v1/versions", 405, "method-not-allowed"),
        ("PUT", "/api/v1/search", 405, "method-not-allowed"),
        ("POST", "/about", 405, "method-not-allowed"),
        ("GET", "/assets/nothing.js", 404, "not-found"),
        ("GET", "/..%2f..%2fpyproject.toml", 404, "not-found"),
        ("GET", "/%00.txt", 404, "not-found"),
    ],
)
async def test_what_is_not_there(client, method, address, status, slug):
    problem(await client.request(method, address), status, slug)


async def test_large_answers_are_compressed(client):
    headers = {"Accept-Encoding": "gzip"}
    async with client.stream("GET", "/openapi.json", headers=headers) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert b'"openapi"' in gzip.decompress(raw)


async def test_metrics_count_by_route_and_not_by_address(client):
    for number in range(3):
        await client.get(f"/api/v1/records/{named(f'record {number}')}")
    await client.get("/api/v1/search", params={"q": "words never seen before"})
    await client.get("/some/page")
    text = (await client.get("/metrics")).text
    route = 'method="GET",route="/api/v1/records/{id}",status="200"'
    assert f"biocosmos_requests_total{{{route}}} 3.0" in text
    assert 'route="page"' in text
    assert "/some/page" not in text
    assert str(named("record 0")) not in text
    assert 'biocosmos_request_seconds_count{route="/api/v1/search"} 1.0' in text
    assert 'biocosmos_encoder_batch_size_count{kind="text"} 1.0' in text


async def test_ready_only_with_the_newest_schema(client, engine, settings):
    assert (await client.get("/readyz")).json() == {"status": "ok"}
    async with engine.begin() as conn:
        await conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'older'")
    app = create_app(settings, settings.database_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://museum") as own:
            assert "bin/migrate" in problem(await own.get("/readyz"), 503, "unavailable")


@pytest.fixture
async def page(museum, tmp_path: Path):
    """A client of an app over a page of two files."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>the page")
    (tmp_path / "assets" / "main-1a2b.js").write_text("1")
    app = create_app(museum.settings, museum.url)
    app.router.default = WebPage(tmp_path)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://museum") as made:
        yield made


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/record/1",
        "/versions",
        "/?q=a",
        "/problems/conflict",
        "/taxon/form:Aus%20bus%20f.alba",
    ],
)
async def test_the_page_answers_its_own_addresses(page, address):
    answer = await page.get(address)
    assert answer.text == "<!doctype html>the page"
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"


async def test_hashed_files_are_kept_for_ever(page):
    answer = await page.get("/assets/main-1a2b.js")
    assert answer.text == "1"
    assert "immutable" in answer.headers["cache-control"]
    problem(await page.get("/assets/other.js"), 404, "not-found")
    problem(await page.get("/favicon.ico"), 404, "not-found")


async def test_a_page_not_built_says_how(page, tmp_path):
    (tmp_path / "index.html").unlink()
    answer = await page.get("/")
    assert answer.status_code == 503
    assert "bin/web build" in answer.text
