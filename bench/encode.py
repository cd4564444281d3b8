"""Queries through the encoder: how quick a text is, the first after loading, 64 clients at once.

All in one process, beside the same model run plainly in single precision: the whole text tower,
one text at a time. Processor time (cpu) bears company better than the clock. Without --model the
model is ViT-B-32 with random weights: only its shapes matter here. `bin/bench encode --help` lists
the options.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.shapes import shapes_only
from core.encoders import openclip, weights
from core.encoders.batching import Batcher
from core.encoders.openclip import OpenClipEncoder
from core.encoders.registry import MOST_TEXTS, EncoderRegistry
from core.settings import Settings
from core.versions import Version

COLOURS = ("blue", "white", "red", "brown", "yellow", "black")
THINGS = ("butterfly with eyespots", "beetle, dorsal view", "moth", "fern on a herbarium sheet")


def texts(count: int, first: int = 0) -> list[str]:
    """Texts of 8 to 14 tokens, no two alike."""
    made = itertools.product(range(first, first + count), COLOURS, THINGS)
    return [f"a {colour} {thing} {n}" for n, colour, thing in itertools.islice(made, count)]


def whole_tower(model: str, pretrained: str) -> Callable[[list[str]], NDArray[np.float32]]:
    """The model as open_clip runs it: every position, single precision."""
    with weights.resolve(model, pretrained) as source:
        network, tokenizer = weights.build(source), weights.tokenizer(source)

    @torch.inference_mode()
    def encode(words: list[str]) -> NDArray[np.float32]:
        found = network.encode_text(tokenizer(words))  # type: ignore[operator]
        unit: NDArray[np.float32] = torch.nn.functional.normalize(found, dim=-1).numpy()
        return unit

    return encode


def spent(run: Callable[[list[str]], object], text: str) -> tuple[float, float]:
    """Milliseconds and milliseconds of processor time that one text takes."""
    started, cpu = time.perf_counter(), time.process_time()
    run([text])
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - cpu)


def alone(encoder: OpenClipEncoder, model: str, pretrained: str, number: int) -> dict[str, Any]:
    """One text at a time, in turns with the whole tower; and whether they say the same."""
    plain, asked = whole_tower(model, pretrained), texts(number)
    for run in (plain, encoder.encode_texts):
        run(asked[:1])
    theirs, ours = [], []
    for text in asked:
        theirs.append(spent(plain, text))
        ours.append(spent(encoder.encode_texts, text))
    same = (plain(asked[:16]) * encoder.encode_texts(asked[:16])).sum(1)
    (whole_ms, whole_cpu), (ms, cpu) = (
        [statistics.median(each) for each in zip(*rows, strict=True)] for rows in (theirs, ours)
    )
    return {
        "text_ms_p50": round(ms, 1),
        "text_cpu_ms_p50": round(cpu, 1),
        "whole_fp32_ms_p50": round(whole_ms, 1),
        "whole_fp32_cpu_ms_p50": round(whole_cpu, 1),
        "text_speedup_cpu": round(whole_cpu / cpu, 2),
        "text_cosine_least": round(float(same.min()), 6),
    }


async def clients(encoder: OpenClipEncoder, most: int, number: int, at_once: int) -> Any:
    """Texts a second of `at_once` clients in batches of `most`, and a second of processor time."""
    with ThreadPoolExecutor(1) as threads:
        batcher = Batcher(encoder.encode_texts, threads, most=most)
        asked = iter(texts(number, first=1000))

        async def client() -> None:
            for text in asked:
                await batcher.submit(text)

        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(client() for _ in range(at_once)))
        spent = time.perf_counter() - started, time.process_time() - cpu
        return [round(number / each, 1) for each in spent]


async def first_query(settings: Settings, version: Version, number: int) -> dict[str, Any]:
    """Through the registry, as the API does: loading, the first query, the ones after it."""
    registry = EncoderRegistry(settings)
    started = time.perf_counter()
    await registry.encode_texts(version, ["a specimen"])  # what the API does before it is ready
    loaded = time.perf_counter() - started
    spent = []
    for text in texts(number, first=2000):
        started = time.perf_counter()
        await registry.encode_texts(version, [text])
        spent.append(1000 * (time.perf_counter() - started))
    registry.close()
    warm = statistics.median(spent[1:])
    return {
        "load_s": round(loaded, 1),
        "first_text_ms": round(spent[0], 1),
        "warm_text_ms_p50": round(warm, 1),
        "first_to_warm": round(spent[0] / warm, 2),
    }


def as_version(encoder: OpenClipEncoder) -> Version:
    """A version that means the model of `encoder`."""
    made = {"id": 1, "embed_version": "bench", "precision": "halfvec", "metric": "cosine"}
    made |= {"index_kind": "exact", "index_params": {}, "state": "ready", "is_default": True}
    return Version(**made, **asdict(encoder.spec), created_at=datetime.now(UTC))  # type: ignore[arg-type]


async def run(options: argparse.Namespace, model: str) -> dict[str, Any]:
    """Everything, one after the other."""
    settings = Settings(device=options.device, encoder_threads=options.threads)
    if options.threads:
        torch.set_num_threads(options.threads)
    encoder = openclip.load(model, options.pretrained, device=options.device)
    report = {"model": options.model or "ViT-B-32, random weights", "device": str(encoder.device)}
    found: dict[str, Any] = report | {"threads": torch.get_num_threads()}
    found |= alone(encoder, model, options.pretrained, options.texts)
    single = await clients(encoder, 1, options.texts, options.clients)
    joint = await clients(encoder, MOST_TEXTS, 8 * options.texts, options.clients)
    found |= {"clients": options.clients, "one_by_one_per_s": single[0], "batched_per_s": joint[0]}
    found["batching_gain"] = round(joint[0] / single[0], 2)
    found["batching_gain_cpu"] = round(joint[1] / single[1], 2)
    version = as_version(encoder)
    del encoder
    return found | await first_query(settings, version, options.texts)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="bin/bench encode", description=__doc__)
    parser.add_argument("--model", help="open_clip name, hf-hub:org/name or directory")
    parser.add_argument("--pretrained", default="")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="of the model (default: all cores)")
    parser.add_argument("--texts", type=int, default=64, help="asked in each part (default 64)")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    if options.model:
        figures = asyncio.run(run(options, options.model))
    else:
        with shapes_only("ViT-B-32") as folder:
            figures = asyncio.run(run(options, folder))
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
