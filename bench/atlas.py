"""The atlas of a large made collection: computing it, sending it, and its first paint in Chromium.

The points lie in clusters; records are those of bench/facets.py. Chromium draws with software
WebGL, the slowest that a visitor may have. `bin/bench atlas --help` lists the options.
"""

import argparse
import asyncio
import gzip
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from bench.facets import fill
from core import versions
from core.atlas import layout
from core.atlas.curve import along
from core.atlas.labels import levels
from core.atlas.layout import Parameters
from core.atlas.neighbours import Floats
from core.db import atlas
from core.db.embedded import open_database
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.settings import Settings
from tests.e2e.conftest import CHROMIUM, CHROMIUM_ARGS

PORT = 8941


def clustered(count: int, dim: int, clusters: int = 300) -> Floats:
    """Float32 [count, dim] around `clusters` centres."""
    chance = np.random.default_rng(0)
    centres = chance.standard_normal((clusters, dim)).astype(np.float32)
    made = centres[chance.integers(0, clusters, count)]
    return made + 0.6 * chance.standard_normal((count, dim)).astype(np.float32)


def compute(images: int, dim: int) -> None:
    """Time the arranging of a sample and the placing of the others, on unit vectors in memory."""
    vectors = clustered(images, dim)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    parameters = Parameters()
    sample = layout.sample(images, parameters.most_fitted, parameters.seed)
    started = time.perf_counter()
    components, positions = layout.arrange(vectors[sample], parameters, lambda *_: None)
    arranged = time.perf_counter()
    others = np.setdiff1d(np.arange(images), sample)
    reduced = components.apply(vectors[sample])
    if len(others):
        layout.add(reduced, positions, components.apply(vectors[others]), parameters)
    placed = time.perf_counter()
    print(
        f"arranging {len(sample):,} of {dim} values: {arranged - started:.0f} s;"
        f" placing {len(others):,} others: {placed - arranged:.0f} s"
    )


async def store(url: str, images: int) -> None:
    """A collection with a map of made positions."""
    engine = create_engine(url)
    async with engine.begin() as conn:
        version = await fill(conn, images)
        await versions.set_state(conn, version.embed_version, "ready")
        ids = await atlas.unplaced(conn, version.id, all_=True)
        where = clustered(len(ids), 2) * 20
        order = along(where)
        await atlas.store(conn, version.id, ids[order], where[order])
        taxa = await atlas.taxa(conn, version.id)
        named = [[each.as_json() for each in level] for level in levels(where[order], taxa)]
        corners = np.concatenate([where.min(axis=0), where.max(axis=0)]).tolist()
        made = {"method": "made positions", "params": {"seed": 0}, "fitted": len(ids), "placed": 0}
        await atlas.save(conn, version.id, made | {"bounds": corners, "labels": named})
    await engine.dispose()


def serve(home: Path) -> subprocess.Popen[bytes]:
    """The server over `home`, once it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "serve", "--port", str(PORT)],
        env=os.environ | {"BIOCOSMOS_HOME": str(home), "BIOCOSMOS_LOG_LEVEL": "warning"},
    )
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5).close()
            return process
        except OSError:
            time.sleep(0.2)


def fetch(path: str) -> tuple[bytes, int, float]:
    """The body, its size as sent, and the seconds it took."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/api/v1/atlas/{path}", headers={"Accept-Encoding": "gzip"}
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        sent = answer.read()
        packed = answer.headers.get("content-encoding") == "gzip"
    return (gzip.decompress(sent) if packed else sent), len(sent), time.perf_counter() - started


def paint(page: Page, name: str) -> None:
    """First paint from the start of navigation, and frames a second while panning."""
    page.goto(f"http://127.0.0.1:{PORT}/atlas?v={name}")
    page.wait_for_selector("canvas[data-drawn]", timeout=120_000)
    whole = page.evaluate("performance.now()")
    points = page.evaluate(
        "performance.getEntriesByType('resource').find((one) => one.name.includes('/points'))"
        ".responseEnd"
    )
    print(f"first paint {whole:.0f} ms after navigation, {whole - points:.0f} ms after the points")
    frames = page.evaluate(
        """async () => {
          const stage = document.querySelector('[role=application]');
          const started = performance.now();
          let frames = 0;
          while (performance.now() - started < 3000) {
            stage.dispatchEvent(new KeyboardEvent('keydown',
              { key: frames % 2 ? 'ArrowLeft' : 'ArrowRight', bubbles: true }));
            await new Promise(requestAnimationFrame);
            frames += 1;
          }
          return frames / 3;
        }"""
    )
    print(f"panning: {frames:.0f} frames/s")


def main() -> None:
    """Run what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--no-compute", action="store_true", help="only send and paint")
    parser.add_argument("--home", type=Path, help="where the made museum is kept")
    parser.add_argument("--prepare", action="store_true", help="only make it")
    options = parser.parse_args()
    if not (options.no_compute or options.prepare):
        compute(options.images, options.dim)
    with tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as folder:
        home = options.home or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        prepare(home, options.images)
        if not options.prepare:
            measure(home)


def prepare(home: Path, images: int) -> None:
    """Make the museum in `home`, once."""
    if (home / "made").exists():
        return
    with open_database(Settings(home=home)) as url:
        migrate(url)
        asyncio.run(store(url, images))
    (home / "made").touch()


def measure(home: Path) -> None:
    """What is sent, how long that takes, and what Chromium makes of it."""
    process = serve(home)
    try:
        name = "bench"
        for path in ("", "", "/points", "/points", "/colours?by=family", "/mask?taxon=Animalia"):
            body, sent, seconds = fetch(name + path)
            print(f"{path or '/':22} {len(body):>9,} bytes, {sent:>9,} sent, {seconds:.2f} s")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
            for _ in range(3):
                paint(browser.new_page(viewport={"width": 1360, "height": 900}), name)
            browser.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


if __name__ == "__main__":
    main()
