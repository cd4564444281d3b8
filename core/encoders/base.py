"""The contract of an encoder, free of torch so that anyone may import it."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class EncoderSpec:
    """What makes two encoders the same space: all of it must match."""

    model: str
    """open_clip model id, `hf-hub:org/name`, or a local directory in open_clip form."""
    pretrained: str
    """open_clip tag, checkpoint path, or "" where the model id already names its weights."""
    weights_sha256: str
    """sha256 over names, dtypes, shapes and bytes of all parameters as loaded."""
    preprocess: dict[str, Any]
    """size (pixels), mode (RGB), resize_mode, interpolation, fill, mean, std."""
    dim: int


class Encoder(Protocol):
    """Images and texts to unit vectors of one space. Thread-safe."""

    @property
    def spec(self) -> EncoderSpec:
        """The identity of the space."""
        ...

    @property
    def batch_size(self) -> int:
        """Images a forward pass that suit the device."""
        ...

    @property
    def logit_scale(self) -> float:
        """What the model was trained to multiply cosines with before a softmax; at most 100."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes that the weights take."""
        ...

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop one RGB image as the checkpoint wants: uint8 [size, size, 3]."""
        ...

    def encode_images(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 [n, size, size, 3] from `prepare` to float32 [n, dim], unit length."""
        ...

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]:
        """n texts to float32 [n, dim], unit length."""
        ...
