"""Helpers of the vector tests: a collection of images, encoder specs, clustered vectors."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.db.tables import dataset, image
from core.encoders.base import EncoderSpec


def spec(dim: int = 8, **changes: object) -> EncoderSpec:
    """An encoder identity."""
    values = {
        "model": "ViT-B-32",
        "pretrained": "laion2b",
        "weights_sha256": "a" * 64,
        "preprocess": {"size": 224, "mean": [0.48145466, 0.4578275, 0.40821073]},
        "dim": dim,
    }
    return EncoderSpec(**(values | changes))  # type: ignore[arg-type]


async def add_images(conn: AsyncConnection, count: int, state: str = "ok") -> list[UUID]:
    """Insert `count` images of a new dataset."""
    owner = uuid4()
    await conn.execute(
        insert(dataset), {"id": owner, "source": "test", "key": str(owner), "title": "Test"}
    )
    ids = [uuid4() for _ in range(count)]
    fixed = {"dataset_id": owner, "identifier": "x", "fetch_url": "file:///x", "state": state}
    await conn.execute(insert(image), [{"id": each, **fixed} for each in ids])
    return ids


def vectors(count: int, dim: int, seed: int = 0, clusters: int = 200) -> np.ndarray:
    """Unit vectors float32 [count, dim] around `clusters` centres, as pictures of species are."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, dim))
    made = centres[random.integers(0, clusters, count)] + 0.6 * random.standard_normal((count, dim))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def best(stored: np.ndarray, query: np.ndarray, ids: Sequence[UUID], k: int) -> list[UUID]:
    """The true nearest by cosine, computed without the database on what halfvec keeps."""
    kept = stored.astype(np.float16).astype(np.float64)
    asked = query.astype(np.float16).astype(np.float64)
    scores = kept @ asked / np.linalg.norm(kept, axis=1) / np.linalg.norm(asked)
    return [ids[i] for i in np.argsort(-scores)[:k]]
