"""Encoders of embed versions, loaded when first asked for, kept, shared and batched.

Imports no torch: a process that never encodes never pays for it.
"""

import asyncio
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.encoders.base import Encoder, EncoderSpec
from core.encoders.batching import Batcher
from core.errors import VersionConflict
from core.settings import Settings
from core.vectors import QueryVector
from core.versions import Version

MOST_TEXTS = 64
MOST_IMAGES = 16
CACHED_TEXTS = 20_000
"""About 40 MB at 512 dimensions."""


@dataclass(frozen=True)
class _Loaded:
    encoder: Encoder
    texts: Batcher[str]
    images: Batcher[NDArray[np.uint8]]


class EncoderRegistry:
    """Encoders by embed version. Belongs to one event loop, which it never blocks.

    `observe` is told the kind ("text", "image") and size of every batch, from a worker thread.
    """

    def __init__(
        self, settings: Settings, *, observe: Callable[[str, int], None] | None = None
    ) -> None:
        self._settings = settings
        self._observe = observe or (lambda _kind, _size: None)
        self._loaded: OrderedDict[int, _Loaded] = OrderedDict()
        self._locks: dict[int, asyncio.Lock] = {}
        self._vectors: OrderedDict[tuple[int, str], NDArray[np.float32]] = OrderedDict()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="encoder")
        self.loads = 0
        """Models loaded so far."""

    async def get(self, version: Version) -> Encoder:
        """The encoder of `version`, loading it once however many ask at the same time.

        Raises ModelError where it cannot be loaded, VersionConflict where what was loaded is not
        what the version was made with.
        """
        return (await self._entry(version)).encoder

    async def encode_texts(self, version: Version, texts: Sequence[str]) -> list[QueryVector]:
        """One unit vector a text, in the space of `version`; repeated texts cost nothing."""
        rows = await asyncio.gather(*(self._text(version, normalise_text(text)) for text in texts))
        return [QueryVector(version.id, row) for row in rows]

    async def encode_image(self, version: Version, image: Image.Image) -> QueryVector:
        """The unit vector of one RGB picture in the space of `version`."""
        loaded = await self._entry(version)
        loop = asyncio.get_running_loop()
        pixels = await loop.run_in_executor(self._threads, loaded.encoder.prepare, image)
        return QueryVector(version.id, await loaded.images.submit(pixels))

    def close(self) -> None:
        """Drop every encoder; running batches finish first."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._loaded.clear()

    async def _entry(self, version: Version) -> _Loaded:
        async with self._locks.setdefault(version.id, asyncio.Lock()):
            if version.id not in self._loaded:
                encoder = await asyncio.to_thread(_load, version, self._settings)
                self.loads += 1
                _verify(encoder.spec, version)
                self._loaded[version.id] = self._batched(encoder)
                self._evict()
            loaded = self._loaded[version.id]
            self._loaded.move_to_end(version.id)
            return loaded

    def _evict(self) -> None:
        """Drop the longest unused until the rest fits; what still computes finishes first."""
        most, kept = self._settings.encoder_memory_mb << 20, self._loaded
        while len(kept) > 1 and (
            len(kept) > self._settings.encoder_cache
            or (most and sum(each.encoder.nbytes for each in kept.values()) > most)
        ):
            kept.popitem(last=False)

    def _batched(self, encoder: Encoder) -> _Loaded:
        def texts(batch: list[str]) -> NDArray[np.float32]:
            self._observe("text", len(batch))
            return encoder.encode_texts(batch)

        def images(batch: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
            self._observe("image", len(batch))
            return encoder.encode_images(np.stack(batch))

        return _Loaded(
            encoder,
            Batcher(texts, self._threads, most=MOST_TEXTS),
            Batcher(images, self._threads, most=MOST_IMAGES),
        )

    async def _text(self, version: Version, text: str) -> NDArray[np.float32]:
        key = (version.id, text)
        if key not in self._vectors:
            loaded = await self._entry(version)
            self._vectors[key] = np.array(await loaded.texts.submit(text))  # not the whole batch
            if len(self._vectors) > CACHED_TEXTS:
                self._vectors.popitem(last=False)
        self._vectors.move_to_end(key)
        return self._vectors[key]


def normalise_text(text: str) -> str:
    """One spelling for texts that every tokenizer reads alike: NFC, single spaces, valid UTF-8."""
    valid = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(unicodedata.normalize("NFC", valid).split())


def located(recorded: str, places: Sequence[Path]) -> str:
    """Where a local model or checkpoint is now: as recorded, or moved along with one of `places`.

    Its path below one of them decides; whether it is the same one the weights say.
    """
    path = Path(recorded)
    if path.is_absolute() and not path.exists():
        for start in range(1, len(path.parts)):
            for place in places:
                if (found := place.joinpath(*path.parts[start:])).exists():
                    return str(found.resolve())
    return recorded


def _load(version: Version, settings: Settings) -> Encoder:
    from core.encoders import openclip

    places = (settings.home, Path.cwd(), Path(__file__).parents[2])
    return openclip.load(
        located(version.model, places),
        located(version.pretrained, places),
        device=settings.device,
        threads=settings.encoder_threads,
        preprocess=version.preprocess,
    )


def _verify(spec: EncoderSpec, version: Version) -> None:
    stored = (version.weights_sha256, version.preprocess, version.dim)
    if (spec.weights_sha256, spec.preprocess, spec.dim) != stored:
        raise VersionConflict(
            f"{version.model} has changed since embed version {version.embed_version!r} was made"
            " with it: put the old weights back, or embed under a new name"
        )
