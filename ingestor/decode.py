"""Stored files to the pixels a model wants, in threads: Pillow frees the interpreter lock."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core import images
from core.errors import NotFound, TooLarge, UnreadableImage
from core.storage import Store

DRAFT = 3
"""A JPEG may be decoded at a fraction of its size, down to this many times what the model sees.

At 3 the vectors of 56 photographs kept a cosine of 1.00000 to those of a full decode, at 2 of
0.998; see docs/decisions/0003-encoders.md."""


class Claim(Protocol):
    """What is known of an image to embed."""

    @property
    def image_id(self) -> UUID:
        """Whose pixels they will be."""
        ...

    @property
    def sha256(self) -> str:
        """Key of the stored file."""
        ...


class Decoder:
    """Reads, decodes and prepares images for one model; knows nothing of the database."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        preprocess: dict[str, Any],
        prepare: Callable[[Image.Image], NDArray[np.uint8]],
        *,
        max_pixels: int,
        max_bytes: int,
    ) -> None:
        size = preprocess["size"]
        height, width = (size, size) if isinstance(size, int) else size
        self._shape = (int(height), int(width), 3)
        self._store = store
        self._most = {"max_pixels": max_pixels, "max_bytes": max_bytes}
        self._executor = executor
        self._prepare = prepare

    async def batch(
        self, claims: Sequence[Claim]
    ) -> tuple[NDArray[np.uint8], list[UUID], dict[UUID, tuple[str, str]]]:
        """Pixels uint8 [n, height, width, 3], the ids of those n images, and (state, reason) of
        the images whose file is of no use."""
        pixels = np.empty((len(claims), *self._shape), np.uint8)
        loop = asyncio.get_running_loop()
        problems = await asyncio.gather(
            *(
                loop.run_in_executor(self._executor, self._one, claim, pixels[row])
                for row, claim in enumerate(claims)
            )
        )
        good = [row for row, problem in enumerate(problems) if problem is None]
        failed = {
            claim.image_id: problem
            for claim, problem in zip(claims, problems, strict=True)
            if problem is not None
        }
        kept = pixels[good] if failed else pixels
        return kept, [claims[row].image_id for row in good], failed

    def _one(self, claim: Claim, pixels: NDArray[np.uint8]) -> tuple[str, str] | None:
        """Fill `pixels`, or say what state the image is in and why."""
        height, width, _ = self._shape
        try:
            image = images.decode(
                self._store.find(claim.sha256).read_bytes(),
                min_size=(DRAFT * width, DRAFT * height),
                **self._most,
            )
        except NotFound:
            return "retry", "the stored file is missing; it will be fetched again"
        except (UnreadableImage, TooLarge) as error:
            return "invalid", error.detail
        pixels[:] = self._prepare(image)
        return None
