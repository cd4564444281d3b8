"""The page over a large museum in a real browser: first grid, facets, filtered searches, jumps.

Records, filters and long tails are those of bench/facets.py; pictures, vectors and the model those
of the sample museum, each vector a little moved. `--home` keeps the museum; with `--prepare` it is
made and nothing is measured. `bin/bench page --help` lists the options.
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import text

from bench.facets import fill, filters
from core import versions
from core.db import facts
from core.db.embedded import open_database
from core.db.engine import autocommit, create_engine
from core.db.partitions import partition_name
from core.settings import Settings
from tests import museums
from tests.e2e.conftest import CHROMIUM, CHROMIUM_ARGS

MODEL = "specimen-tiny"
WORDS = ("blue wings", "red beetle with spots", "a spiral shell", "orange butterfly", "fern leaves",
         "black margin", "yellow bands", "white moth")  # fmt: skip
SHIFTS = """window.shifts = 0; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""
GRID = "ul.grid a.link img"
PAINTED = f"""new MutationObserver((_, all) => {{
  if (!document.querySelector("{GRID}")) return;
  all.disconnect();
  requestAnimationFrame(() => setTimeout(() => (window.painted = performance.now())));
}}).observe(document, {{ subtree: true, childList: true }});"""
"""Milliseconds from navigation to the frame that shows the first grid, by the page's own clock."""


async def enlarge(url: str, images: int) -> None:
    """Add so many images to the sample museum, found in its own version."""
    engine = create_engine(url)
    columns = ", ".join(facts.COLUMNS)
    async with engine.begin() as conn:
        own = await versions.get(conn, MODEL)
        made = await fill(conn, images)
        here, there = partition_name(own.id), partition_name(made.id)
        await conn.execute(
            text(f"CREATE TEMP TABLE model AS SELECT row_number() OVER () AS n, e.vector, i.sha256,"
                 f" i.width, i.height, i.phash FROM {here} e JOIN image i ON i.id = e.image_id")
        )  # fmt: skip
        await conn.execute(
            text("CREATE TEMP TABLE of_model AS SELECT id, 1 + row_number() OVER (ORDER BY id)"
                 " % (SELECT count(*) FROM model) AS n FROM image WHERE identifier = 'x'")
        )  # fmt: skip
        await conn.execute(
            text("UPDATE image SET sha256 = m.sha256, width = m.width, height = m.height,"
                 " phash = m.phash FROM of_model o JOIN model m USING (n) WHERE image.id = o.id")
        )  # fmt: skip
        noise = (f"(SELECT array_agg(((random() - 0.5) * 0.06)::real) FROM generate_series(1,"
                 f" {own.dim}) WHERE o.n > 0)::vector::halfvec")  # fmt: skip
        await conn.execute(
            text(f"INSERT INTO {here} (version_id, image_id, vector, {columns}) SELECT {own.id},"
                 f" o.id, l2_normalize(m.vector + {noise}), {columns} FROM of_model o"
                 f" JOIN model m USING (n) JOIN {there} f ON f.image_id = o.id")
        )  # fmt: skip
        await conn.execute(text(f"TRUNCATE {there}"))
        await versions.set_default(conn, MODEL)
        await versions.set_state(conn, "bench", "retired")
    async with autocommit(engine) as alone:
        await alone.execute(text("VACUUM ANALYZE"))
    await engine.dispose()


def prepare(home: Path, images: int) -> None:
    """Make the museum in `home`, once."""
    if (home / "made").exists():
        return
    museums.build_sample(home)
    with open_database(Settings(home=home)) as url:
        asyncio.run(enlarge(url, images))
    museums.run(home, "ingestor.versions_cli", "index", MODEL, "--kind", "auto")
    (home / "made").touch()


def spread(waited: list[float]) -> dict[str, float]:
    """Milliseconds: median and the 95th of a hundred."""
    cuts = statistics.quantiles(waited, n=100, method="inclusive")
    return {"p50_ms": round(cuts[49], 1), "p95_ms": round(cuts[94], 1)}


def asked(web: httpx.Client, path: str, every: list[dict[str, Any]]) -> dict[str, Any]:
    """One request after the other, and how they were answered."""
    waited, ways = [], set()
    for params in every:
        started = time.perf_counter()
        answer = web.get(f"/api/v1/{path}", params=params)
        waited.append(1000 * (time.perf_counter() - started))
        answer.raise_for_status()
        ways.add(str(answer.json().get("path", "")))
    return {"requests": len(waited), **spread(waited), "path": "/".join(sorted(filter(None, ways)))}


def api(url: str, requests: int) -> dict[str, Any]:
    """Facets and searches over HTTP, each filter new."""
    chance = random.Random(2)
    with httpx.Client(base_url=url, timeout=60) as web:
        listed = web.get("/api/v1/facets", params={"limit": 40}).json()["facets"]
        values = {each["key"]: [v["value"] for v in each["values"]] for each in listed}
        some = {key: found for key, found in values.items()
                if found and key not in ("date", "coordinates")}  # fmt: skip
        new = filters(some, chance)
        like = [
            hit["image"]["id"]
            for hit in web.get("/api/v1/search", params={"q": "wings", "limit": 200}).json()["hits"]
        ]
        narrowed = [next(new) for _ in range(3 * requests)]
        words = [{"q": f"{WORDS[n % 8]} {n}", **narrowed[n]} for n in range(requests)]
        alike = [{"like": like[n % 200], **narrowed[n + requests]} for n in range(requests)]
        return {
            "facets, no filter": asked(web, "facets", [{}] * requests),
            "facets, filtered": asked(web, "facets", narrowed[2 * requests :]),
            "words, no filter": asked(web, "search", [{"q": f"{WORDS[n % 8]} x{n}", "limit": 60}
                                                      for n in range(requests)]),
            "words, filtered": asked(web, "search", words),
            "like, filtered": asked(web, "search", alike),
        }  # fmt: skip


def first_grid(browser: Browser, url: str, words: str, country: str) -> dict[str, float]:
    """Milliseconds from the start of navigation in a browser that was never here; shifts.

    `painted` is by the page's own clock; the others are by ours, and with what Playwright takes.
    """
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    page = context.new_page()
    page.add_init_script(SHIFTS + PAINTED)
    started = time.perf_counter()
    page.goto(f"{url}/?q={words.replace(' ', '+')}&country={country}", wait_until="commit")
    page.wait_for_selector(GRID)
    grid = 1000 * (time.perf_counter() - started)
    page.wait_for_function(f"() => [...document.querySelectorAll('{GRID}')].slice(0, 8)"
                           ".every((one) => one.complete && one.naturalWidth)")  # fmt: skip
    seen = 1000 * (time.perf_counter() - started)
    page.wait_for_selector("aside details label", state="attached")
    counted = 1000 * (time.perf_counter() - started)
    page.wait_for_load_state("networkidle")
    found = {"grid": grid, "pictures": seen, "facets": counted}
    found["painted"] = page.evaluate("window.painted")
    found["shift"] = page.evaluate("window.shifts")
    context.close()
    return found


def browsed(url: str, times: int) -> dict[str, Any]:
    """The first grid in Chromium, a fresh profile and new words each time."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        first_grid(browser, url, "warm", "BR")
        found = [first_grid(browser, url, f"{WORDS[n % 8]} {n}", "-BR") for n in range(times)]
        browser.close()
    middle = {key: round(statistics.median(one[key] for one in found), 3) for key in found[0]}
    return {"times": times, "medians": middle, "slowest": round(max(x["grid"] for x in found))}


def main() -> None:
    """Parse the command line, make the museum where it is not there, measure, print."""
    parser = argparse.ArgumentParser(prog="bin/bench page", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="where the museum is kept")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=100, help="of each kind over HTTP")
    parser.add_argument("--times", type=int, default=9, help="first grids")
    parser.add_argument("--prepare", action="store_true", help="only make the museum")
    options = parser.parse_args()
    options.home.mkdir(parents=True, exist_ok=True)
    prepare(options.home, options.images)
    if options.prepare:
        return
    with museums.serving(options.home, seconds=300) as url:
        found = {"browser": browsed(url, options.times), **api(url, options.requests)}
    print(json.dumps({"images": options.images, **found}, indent=2))


if __name__ == "__main__":
    main()
