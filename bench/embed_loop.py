"""Bulk embedding beside a loop that decodes and encodes one image at a time, without a database.

In each round the same JPEG files go through (a) the loop: a whole decode, open_clip's transform,
single precision, batches of one; (b) the decoder and the model of bin/ingest_embed, overlapped as
there; (c) the model alone, on pixels prepared before; (d) the decoder alone. `busy` is the share of
(b) that the model needs by itself. The files are drawn here, as large as museums give them; models
have random weights, as only their shapes matter. Meant for a GPU, where it takes a minute.
"""

import argparse
import asyncio
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from PIL import Image

from bench.shapes import shapes_only
from core.encoders import openclip
from core.encoders.openclip import OpenClipEncoder
from core.storage import Store
from ingestor.decode import Decoder

LANES = 3
"""Batches under way, as in ingestor.embed."""
MOST = {"max_pixels": 300_000_000, "max_bytes": 100_000_000}


@dataclass(frozen=True)
class Picture:
    """A stored file, under a new id each time."""

    image_id: UUID
    sha256: str


def drawn(number: int, width: int) -> list[bytes]:
    """JPEGs of `width` x 3/4 pixels whose detail falls off as in photographs."""
    height = width * 3 // 4
    across = np.hypot(*np.meshgrid(np.fft.rfftfreq(width), np.fft.fftfreq(height)))
    across = np.maximum(across, 1 / width)

    def one(seed: int) -> bytes:
        noise = np.random.default_rng(seed).standard_normal((3, height, width))
        soft = np.fft.irfft2(np.fft.rfft2(noise) / across, (height, width))
        soft = 128 + 40 * soft / soft.std()
        file = io.BytesIO()
        pixels = soft.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(pixels).save(file, "JPEG", quality=88)
        return file.getvalue()

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(one, range(number)))


class Loop:
    """One image at a time, as open_clip's own examples do it."""

    def __init__(self, model: str, device: torch.device) -> None:
        made = open_clip.create_model_and_transforms(f"local-dir:{model}", device=device)
        self._network, _, self._transform = made
        self._network.eval()
        self._device = device

    @torch.inference_mode()
    def __call__(self, paths: Sequence[Path]) -> NDArray[np.float32]:
        """Files to float32 [n, dim], unit length."""
        rows = []
        for path in paths:
            pixels = self._transform(Image.open(path).convert("RGB"))[None].to(self._device)
            rows.append(self._network.encode_image(pixels, normalize=True).float().cpu().numpy())
        return np.concatenate(rows)


class Pipeline:
    """The decoder and the model of bin/ingest_embed; vectors are counted instead of stored."""

    def __init__(self, store: Store, encoder: OpenClipEncoder, batch: int) -> None:
        self._encoder, self._batch = encoder, batch
        self._model = ThreadPoolExecutor(1)
        self._threads = ThreadPoolExecutor(os.cpu_count())
        spec = encoder.spec.preprocess
        self._decoder = Decoder(store, self._threads, spec, encoder.prepare, **MOST)

    async def whole(self, pictures: Sequence[Picture]) -> None:
        """Decode and encode."""
        batches = iter(self._batches(pictures))

        async def lane() -> None:
            for batch in batches:
                pixels, _, failed = await self._decoder.batch(batch)
                assert not failed, failed
                await self._encode(pixels)

        await asyncio.gather(*(lane() for _ in range(LANES)))

    async def decode(self, pictures: Sequence[Picture]) -> list[NDArray[np.uint8]]:
        """Pixels of every batch."""
        return [(await self._decoder.batch(batch))[0] for batch in self._batches(pictures)]

    async def bare(self, prepared: Sequence[NDArray[np.uint8]]) -> None:
        """Encode."""
        for pixels in prepared:
            await self._encode(pixels)

    async def _encode(self, pixels: NDArray[np.uint8]) -> None:
        loop = asyncio.get_running_loop()
        vectors = await loop.run_in_executor(self._model, self._encoder.encode_images, pixels)
        assert vectors.shape == (len(pixels), self._encoder.spec.dim)

    def _batches(self, pictures: Sequence[Picture]) -> list[Sequence[Picture]]:
        return [pictures[n : n + self._batch] for n in range(0, len(pictures), self._batch)]

    def close(self) -> None:
        """End the threads."""
        self._model.shutdown()
        self._threads.shutdown()


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    """Seconds that `work` takes."""
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def measure(name: str, store: Store, keys: list[str], options: argparse.Namespace) -> Any:
    """Medians over the rounds, and ratios taken within a round."""
    with shapes_only(name) as folder:
        encoder = openclip.load(folder, device=options.device, compiled=options.compile)
        loop = Loop(folder, encoder.device)
    batch = options.batch_size or encoder.batch_size
    pipeline = Pipeline(store, encoder, batch)
    pictures = [Picture(uuid4(), keys[n % len(keys)]) for n in range(options.images)]
    paths = [store.find(each.sha256) for each in pictures[: options.looped]]
    prepared = await pipeline.decode(pictures)
    await pipeline.bare(prepared[:2])  # warm
    few = paths[: len(prepared[0])][:8]
    same = loop(few) * encoder.encode_images(prepared[0][: len(few)])
    rounds = []
    for _ in range(options.rounds):
        started = time.perf_counter()
        loop(paths)
        one = {"loop": len(paths) / (time.perf_counter() - started)}
        for what, work in (
            ("pipeline", lambda: pipeline.whole(pictures)),
            ("bare", lambda: pipeline.bare(prepared)),
            ("decode", lambda: pipeline.decode(pictures)),
        ):
            one[what] = len(pictures) / await timed(work)
        rounds.append(one)
    pipeline.close()
    figures = {f"{what}_per_s": statistics.median(r[what] for r in rounds) for what in rounds[0]}
    figures["pipeline_to_loop"] = statistics.median(r["pipeline"] / r["loop"] for r in rounds)
    figures["busy"] = statistics.median(r["pipeline"] / r["bare"] for r in rounds)
    figures["pipeline_to_decode"] = statistics.median(r["pipeline"] / r["decode"] for r in rounds)
    figures = {what: round(value, 2) for what, value in figures.items()}
    return {"model": name, "batch": batch, **figures, "cosine_least": float(same.sum(1).min())}


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Every model, one after the other."""
    report: dict[str, Any] = {"torch": torch.__version__, "processors": os.cpu_count()}
    if torch.cuda.is_available():
        report["gpu"] = torch.cuda.get_device_name()
    with tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as home:
        store = Store(Path(home))
        files = drawn(options.files, options.pixels)
        keys = [store.put(data) for data in files]
        report |= {"pixels": options.pixels, "mean_file_bytes": sum(map(len, files)) // len(files)}
        report["models"] = []
        for name in options.model:
            report["models"].append(await measure(name, store, keys, options))
            print(json.dumps(report["models"][-1]), flush=True)
    if torch.cuda.is_available():
        report["gpu_memory_mb"] = torch.cuda.max_memory_allocated() >> 20
    return report


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="bench embed_loop", description=__doc__)
    parser.add_argument("--model", nargs="+", default=["ViT-B-32", "ViT-B-16"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    parser.add_argument("--images", type=int, default=2048, help="images a round")
    parser.add_argument("--looped", type=int, default=128, help="of them through the loop")
    parser.add_argument("--files", type=int, default=64, help="distinct pictures")
    parser.add_argument("--pixels", type=int, default=1024, help="their longer side")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    figures = asyncio.run(run(options))
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
