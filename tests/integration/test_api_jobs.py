"""Jobs and the state of the museum over the API."""

import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from core.db.engine import create_engine
from core.jobs import queue, running, worker
from core.jobs.job import Job
from tests.api import TOKEN, Museum

pytest_plugins = ("tests.api_fixtures",)

OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def engine(museum: Museum):
    """On the museum's database, without jobs before and after."""
    made = create_engine(museum.url)

    async def clear() -> None:
        async with made.begin() as connection:
            for table in ("job", "procrastinate.procrastinate_jobs"):
                await connection.execute(text(f"DELETE FROM {table}"))

    await clear()
    yield made
    await clear()
    await made.dispose()


async def ask(client: httpx.AsyncClient, kind: str = "download", **args: Any) -> httpx.Response:
    body = {"kind": kind, "args": args}
    return await client.post("/api/v1/jobs", json=body, headers=OPERATOR)


async def test_no_jobs(client: httpx.AsyncClient, engine) -> None:
    found = (await client.get("/api/v1/jobs")).json()
    assert found == {"jobs": [], "states": {}, "next_cursor": None}


async def test_a_job_is_asked_for_done_and_told_of(client: httpx.AsyncClient, engine) -> None:
    answer = await ask(client, "ingest", source="dwca", path="/secret/place/a.zip")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["state"], made["label"]) == ("queued", "Archive a.zip")
    assert made["started_at"] is None

    async def work(mine: Job) -> None:
        assert mine.args["path"] == "/secret/place/a.zip"
        mine.tell(5, 10)
        mine.say("half of /secret/place/a.zip")
        mine.counts["new"] = 5

    await worker.work(engine, {"ingest": work}, once=True)
    found = (await client.get(f"/api/v1/jobs/{made['id']}")).json()
    assert (found["state"], found["done"], found["total"]) == ("done", 5, 10)
    assert found["counts"] == {"new": 5}
    assert found["args"] == {"source": "dwca", "path": "a.zip"}
    assert "half of …/a.zip" in [event["message"] for event in found["events"]]
    assert "secret" not in str(found)


async def test_only_operators_may_ask_retry_or_cancel(client: httpx.AsyncClient, engine) -> None:
    own = (await ask(client)).json()["id"]
    for path in ("", f"/{own}/retry", f"/{own}/cancel"):
        answer = await client.post(f"/api/v1/jobs{path}", json={"kind": "download"})
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/forbidden"


async def test_cancel_and_retry(client: httpx.AsyncClient, engine) -> None:
    own = (await ask(client)).json()["id"]
    post = f"/api/v1/jobs/{own}"
    assert (await client.post(f"{post}/retry", headers=OPERATOR)).status_code == 409
    cancelled = await client.post(f"{post}/cancel", headers=OPERATOR)
    assert cancelled.json()["state"] == "cancelled"
    assert (await client.post(f"{post}/cancel", headers=OPERATOR)).status_code == 409
    again = await client.post(f"{post}/retry", headers=OPERATOR)
    assert again.json()["state"] == "queued"
    gone = f"/api/v1/jobs/{uuid.uuid4()}"
    assert (await client.get(gone)).status_code == 404
    assert (await client.post(f"{gone}/cancel", headers=OPERATOR)).status_code == 404


@pytest.mark.parametrize(
    ("kind", "args", "said"),
    [
        ("ingest", {"source": "gbif", "taxn": ["Papilio"]}, "taxn"),
        ("ingest", {"source": "fishbase"}, "fishbase"),
        ("embed", {}, "model"),
        ("download", {"rate": 0}, "rate"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused(
    client: httpx.AsyncClient, engine, kind: str, args: dict[str, Any], said: str
) -> None:
    answer = await ask(client, kind, **args)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


async def test_jobs_come_in_pages_what_runs_first(client: httpx.AsyncClient, engine) -> None:
    ids = [(await ask(client, limit=n)).json()["id"] for n in range(1, 6)]
    async with running.running(engine, uuid.UUID(ids[0])):
        pass
    wanted = [ids[4], ids[3], ids[2], ids[1], ids[0]]
    seen: list[str] = []
    cursor = None
    while True:
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/jobs", params=asked)).json()
        seen += [each["id"] for each in page["jobs"]]
        assert page["states"] == {"done": 1, "queued": 4}
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == wanted
    done = (await client.get("/api/v1/jobs", params={"state": "done"})).json()["jobs"]
    assert [each["id"] for each in done] == [ids[0]]
    assert not (await client.get("/api/v1/jobs", params={"kind": "embed"})).json()["jobs"]
    assert (await client.get("/api/v1/jobs", params={"cursor": "?"})).status_code == 400


async def test_a_job_tells_why_rows_and_images_were_not_kept(
    client: httpx.AsyncClient, engine
) -> None:
    insert = text(
        "INSERT INTO rejection (dataset_id, locator, reason, verbatim, job_id)"
        " SELECT dataset.id, 'rows.csv:' || n, 'no identifier: row ' || n, '{}', :job"
        " FROM generate_series(1, 5) AS n, (SELECT id FROM dataset LIMIT 1) AS dataset"
    )
    async with running.tracked(engine, "ingest", "an archive", {}) as job, engine.begin() as conn:
        await conn.execute(insert, {"job": job.id})
    found = (await client.get(f"/api/v1/jobs/{job.id}")).json()["troubles"]
    trouble = next(each for each in found if each["what"] == "record")
    assert (trouble["reason"], trouble["count"]) == ("no identifier", 5)
    assert trouble["samples"] == ["rows.csv:1", "rows.csv:2", "rows.csv:3"]
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM rejection"))


async def test_the_pipeline_counts_what_is_there(client: httpx.AsyncClient, engine) -> None:
    status = (await client.get("/api/v1/status")).json()
    async with engine.connect() as connection:
        states = dict(
            tuple(row)
            for row in await connection.execute(
                text("SELECT state, count(*) FROM image GROUP BY state")
            )
        )
        embedded = await connection.scalar(
            text(
                "SELECT count(*) FROM embedding JOIN embed_version AS v ON v.id = version_id"
                " WHERE is_default"
            )
        )
    assert status["states"] == states
    stages = {each["stage"]: each for each in status["stages"]}
    assert list(stages) == [
        "fetched", "valid", "here", "thumbnail", "embedded", "indexed", "atlas",
    ]  # fmt: skip
    assert stages["valid"]["count"] == states["ok"]
    assert stages["embedded"]["count"] == embedded
    assert stages["thumbnail"]["count"] <= stages["here"]["count"]
    assert (status["running"], status["queued"]) == (0, 0)


async def test_hosts_and_reasons(client: httpx.AsyncClient, engine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO host (name, breaker, trouble, cooldown_until)"
                " VALUES ('slow.example', 'open', 'answered 503', now() + interval '1 minute')"
            )
        )
    found = (await client.get("/api/v1/hosts")).json()
    host = next(each for each in found["hosts"] if each["name"] == "slow.example")
    assert (host["breaker"], host["trouble"]) == ("open", "answered 503")
    assert 0 < host["cooldown_seconds"] <= 60
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM host"))


async def test_coverage_is_datasets_by_versions(client: httpx.AsyncClient, engine) -> None:
    found = (await client.get("/api/v1/coverage")).json()
    versions = (await client.get("/api/v1/versions")).json()["versions"]
    whole = {each["embed_version"]: each["embedded"] for each in versions}
    assert set(found["versions"]) <= set(whole)
    for version in found["versions"]:
        total = sum(each["embedded"][version] for each in found["datasets"])
        assert total == whole[version]
    ok = sum(each["ok"] for each in found["datasets"])
    status = (await client.get("/api/v1/status")).json()
    assert ok == status["states"]["ok"]
    for each in found["datasets"]:
        assert each["licence"]["label"]
        assert each["retrieved_at"]


async def test_a_worker_that_died_is_noticed(engine) -> None:
    async with engine.begin() as connection:
        own = await queue.enqueue(connection, "index", {"embed_version": "x"}, label="x")
        await connection.execute(
            text(
                "UPDATE job SET state = 'running', worker = 'w', attempts = 1,"
                " heartbeat_at = now() - interval '1 hour' WHERE id = :own"
            ),
            {"own": own},
        )
    assert await queue.recover(engine) == [own]
