"""Bulk embedding against its two limits: the bare model, and decoding without a model.

In each round the same images go through (a) the model alone, on pixels prepared before, (b) the
decoder alone, (c) the whole pipeline of bin/ingest_embed with its database. Where model and
decoder share the processor, no pipeline can be faster than both one after the other:
`possible` = 1 / (1/model + 1/decode). On a GPU the limit is the slower of the two.
Wall-clock figures mean something on a quiet machine only; processor time bears company better.
`--watch` runs (c) alone, once, and prints the memory of this process as it goes on.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import numpy as np
import psutil
import torch
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from core import versions
from core.db.embedded import open_database
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.db.tables import dataset, image
from core.encoders import openclip
from core.encoders.openclip import OpenClipEncoder
from core.sample.files import file_bytes
from core.sample.museum import draw_museum
from core.settings import Settings
from core.storage import Store
from ingestor.claims import Claim
from ingestor.decode import Decoder
from ingestor.embed import Run

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}


def pictures(folder: Path | None, most: int) -> list[bytes]:
    """Files of `folder`, or pictures of the sample museum."""
    if folder:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        return [path.read_bytes() for path in paths[:: max(1, len(paths) // most)][:most]]
    museum = draw_museum(size=60)
    names = [name for _, _, name in museum.shown()][:most]
    return [file_bytes(museum.files[name]) for name in names]


async def fill(engine: AsyncEngine, settings: Settings, files: list[bytes], number: int):
    """`number` image rows over the stored files; returns their claims."""
    keys = [Store(settings.home).put(data) for data in files]
    claims = [Claim(uuid4(), keys[n % len(keys)]) for n in range(number)]
    owner = uuid4()
    async with engine.begin() as conn:
        await conn.execute(
            insert(dataset).values(id=owner, source="folder", key="bench", title="Benchmark")
        )
        rows = [
            {"id": c.image_id, "sha256": c.sha256, "dataset_id": owner, "state": "ok"}
            | {"identifier": str(c.image_id), "fetch_url": f"file:///{c.image_id}"}
            for c in claims
        ]
        await conn.execute(insert(image), rows)
    return claims


async def decode_alone(encoder: OpenClipEncoder, settings: Settings, claims: list[Claim]):
    """All images to pixels, with every core."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        most = {"max_pixels": settings.max_image_pixels, "max_bytes": settings.max_image_bytes}
        spec, store = encoder.spec.preprocess, Store(settings.home)
        decoder = Decoder(store, threads, spec, encoder.prepare, **most)
        pixels, _, failed = await decoder.batch(claims)
    assert not failed, failed
    return pixels


async def model_alone(encoder: OpenClipEncoder, pixels: np.ndarray, batch: int) -> None:
    """The bare forward passes."""
    for first in range(0, len(pixels), batch):
        encoder.encode_images(pixels[first : first + batch])


async def pipeline(engine, settings, encoder, name: str, batch: int) -> None:
    """The whole pipeline into a new version."""
    async with engine.begin() as conn:
        version = await versions.ensure(conn, name, encoder.spec)
    left, _ = await Run(engine, settings, encoder, version, batch_size=batch).to_the_end()
    assert left == 0


async def watch(url: str, settings: Settings, options: argparse.Namespace) -> dict[str, object]:
    """One run of the pipeline; memory after every tenth of the images."""
    encoder = openclip.load(options.model, options.pretrained, device=options.device)
    engine, process = create_engine(url), psutil.Process()
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        if done >= (len(seen) + 1) * total // 10:
            seen.append((done, process.memory_info().rss >> 20))
            print(f"{done} of {total} images, {seen[-1][1]} MB", flush=True)

    try:
        await fill(engine, settings, pictures(options.folder, 1000), options.images)
        async with engine.begin() as conn:
            version = await versions.ensure(conn, "bench-watch", encoder.spec)
        run = Run(engine, settings, encoder, version, batch_size=options.batch_size)
        run.tell(progress, options.images)
        left, seconds = await run.to_the_end()
    finally:
        await engine.dispose()
    assert left == 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    found = {"model": encoder.spec.model, "images": options.images, "megabytes": seen}
    return found | {"peak_mb": peak, "images_per_s": round(options.images / seconds, 1)}


async def measure(url: str, settings: Settings, options: argparse.Namespace) -> dict[str, object]:
    """Rounds of all three in turns; medians."""
    encoder = openclip.load(options.model, options.pretrained, device=options.device)
    batch = options.batch_size or encoder.batch_size
    engine = create_engine(url)
    try:
        files = pictures(options.folder, options.images)
        claims = await fill(engine, settings, files, options.images)
        pixels = await decode_alone(encoder, settings, claims)
        await model_alone(encoder, pixels[: 2 * batch], batch)  # warm
        rounds = []
        for number in range(options.rounds):
            name = f"bench-{number}"
            rounds.append(
                {
                    "model": await timed(model_alone(encoder, pixels, batch)),
                    "decode": await timed(decode_alone(encoder, settings, claims)),
                    "pipeline": await timed(pipeline(engine, settings, encoder, name, batch)),
                }
            )
            print_round(number, options.images, rounds[-1])
    finally:
        await engine.dispose()
    return summary(options, encoder, batch, files, rounds)


async def timed(work) -> tuple[float, float]:
    """(wall seconds, processor seconds of this process) of `work`."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    return time.perf_counter() - wall, time.process_time() - cpu


def print_round(number: int, images: int, seconds: dict[str, tuple[float, float]]) -> None:
    """One line."""
    rates = ", ".join(f"{what} {images / wall:.1f}" for what, (wall, _) in seconds.items())
    print(f"round {number + 1}: images/s {rates}", flush=True)


def summary(options, encoder, batch, files, rounds) -> dict[str, object]:
    """Median rates and ratios; ratios are taken within a round."""
    combine = sum if encoder.device.type == "cpu" else max

    def median(of):
        return round(statistics.median(of(r) for r in rounds), 3)

    figures = {
        "model": encoder.spec.model,
        "device": str(encoder.device),
        "threads": torch.get_num_threads(),
        "images": options.images,
        "files": len(files),
        "mean_file_bytes": round(statistics.mean(map(len, files))),
        "batch": batch,
        "rounds": len(rounds),
    }
    for what in ("model", "decode", "pipeline"):
        figures[f"{what}_images_per_s"] = median(lambda r, w=what: options.images / r[w][0])
        figures[f"{what}_cpu_ms_per_image"] = median(
            lambda r, w=what: 1000 * r[w][1] / options.images
        )
    return figures | {
        "pipeline_to_model": median(lambda r: r["model"][0] / r["pipeline"][0]),
        "pipeline_to_possible": median(
            lambda r: combine((r["model"][0], r["decode"][0])) / r["pipeline"][0]
        ),
        "cpu_of_model_and_decode_in_pipeline": median(
            lambda r: (r["model"][1] + r["decode"][1]) / r["pipeline"][1]
        ),
    }


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="bench embed", description=__doc__)
    parser.add_argument("--model", default="models/specimen-tiny")
    parser.add_argument("--pretrained", default="")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--images", type=int, default=400, help="images a round")
    parser.add_argument("--folder", type=Path, help="pictures (default: the sample museum)")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--watch", action="store_true", help="one long run, and its memory")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as home:
        settings = Settings(home=Path(home))
        with open_database(settings) as url:
            migrate(url)
            work = watch if options.watch else measure
            figures = asyncio.run(work(url, settings, options))
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
