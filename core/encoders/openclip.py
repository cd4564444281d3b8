"""An encoder around any open_clip model."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch._dynamo.exc import TorchDynamoException

from core.encoders import weights
from core.encoders.base import EncoderSpec
from core.encoders.precision import halve, least_cosine, worthwhile
from core.encoders.preprocess import Preprocess
from core.encoders.texts import PROBES, CutTower, Run, shorten
from core.errors import InvalidSetting, ModelError

ENOUGH = 0.999
"""Cosine of a picture's vector with that in single precision, for bfloat16 to be taken."""


class OpenClipEncoder:
    """Images and texts to unit vectors. Thread-safe."""

    def __init__(
        self,
        network: torch.nn.Module,
        tokenizer: weights.Tokenizer,
        spec: EncoderSpec,
        device: torch.device,
        cut: CutTower | None = None,
        *,
        compiled: bool = False,
    ) -> None:
        self.spec = spec
        self.device = device
        self.batch_size = 256 if device.type == "cuda" else 32
        """Images a forward pass that suit the device; halved when memory runs out."""
        self.prepare_cfg = Preprocess.from_dict(spec.preprocess)
        self.logit_scale = min(100.0, float(network.logit_scale.detach().exp()))  # type: ignore[operator]
        """What the model was trained to multiply cosines with before a softmax."""
        self._network = network.to(device)
        self._tokenizer = tokenizer
        self._tokenizing = threading.Lock()  # Hugging Face tokenizers are not re-entrant
        self._dtype = _autocast_dtype(device)
        self._image_dtype = self._dtype
        self._images: Run = network.encode_image  # type: ignore[assignment]
        self._padded = 0  # images that every batch is filled up to; 0 where it need not be
        self._texts: Run = cut or network.encode_text  # type: ignore[assignment]
        self._mean = torch.tensor(spec.preprocess["mean"], device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(spec.preprocess["std"], device=device).view(1, 3, 1, 1)
        if device.type == "cpu" and not compiled:  # what it takes cannot be compiled
            self._halve_images()
        if device.type != "cpu" and cut:
            cut.autocast = self._dtype
        if compiled:
            self._images, self._padded = torch.compile(self._images, dynamic=False), 1

    @property
    def nbytes(self) -> int:
        """Bytes that the weights take."""
        return sum(each.nbytes for each in self._network.parameters())

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop one picture as the checkpoint wants: uint8 [height, width, 3]."""
        return self.prepare_cfg(image)

    def encode_images(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 [n, height, width, 3] from `prepare` to float32 [n, dim], unit length.

        Raises ModelError where one picture alone does not fit into memory.
        """
        parts = [np.empty((0, self.spec.dim), np.float32)]
        start, most = 0, len(batch)
        while start < len(batch):
            try:
                parts.append(self._encode_pixels(batch[start : start + most]))
            except torch.OutOfMemoryError as error:
                if most == 1:
                    raise ModelError(f"{self.spec.model} does not fit on {self.device}") from error
                most = (most + 1) // 2
                self.batch_size = min(self.batch_size, most)
                self._padded = min(self._padded, most)
                torch.cuda.empty_cache()
            else:
                start += most
        return np.concatenate(parts)

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]:
        """n texts to float32 [n, dim], unit length."""
        if not texts:
            return np.empty((0, self.spec.dim), np.float32)
        with self._tokenizing:
            tokens = self._tokenizer(texts)
        with torch.inference_mode(), self._autocast(self._dtype):
            return self._unit(self._texts(tokens.to(self.device)))

    @torch.inference_mode()
    def _encode_pixels(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        count = len(batch)
        pixels = torch.from_numpy(np.require(self._filled(batch), requirements=["C", "W"]))
        if self.device.type == "cuda":
            pixels = pixels.pin_memory()
        floats = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float()
        scaled = floats.div_(255).sub_(self._mean).div_(self._std)
        with self._autocast(self._image_dtype), _compiling():
            return self._unit(self._images(scaled)[:count])

    def _filled(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Compiled, a model is compiled anew for every size of a batch: have only one."""
        if not self._padded:
            return batch
        self._padded = max(self._padded, len(batch))
        more = np.zeros((self._padded - len(batch), *batch.shape[1:]), np.uint8)
        return np.concatenate([batch, more])

    def _halve_images(self) -> None:
        tower: torch.nn.Module = self._network.visual  # type: ignore[assignment]
        if not worthwhile(tower):
            return
        height, width = self.prepare_cfg.size
        noise = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
        whole = torch.from_numpy(self._encode_pixels(noise))
        self._image_dtype = torch.bfloat16

        def same() -> bool:
            return least_cosine(torch.from_numpy(self._encode_pixels(noise)), whole) >= ENOUGH

        if not halve(tower, same):
            self._image_dtype = torch.float32

    def _autocast(self, dtype: torch.dtype) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not torch.float32)

    def _unit(self, vectors: torch.Tensor) -> NDArray[np.float32]:
        unit = torch.nn.functional.normalize(vectors.float(), dim=-1).cpu()
        if not bool(unit.isfinite().all()):
            raise ModelError(f"{self.spec.model} answered with numbers that are not finite")
        return unit.numpy()


def load(
    model: str,
    pretrained: str = "",
    *,
    device: str = "auto",
    threads: int = 0,
    preprocess: Mapping[str, Any] | None = None,
    compiled: bool = False,
) -> OpenClipEncoder:
    """Load a model with its real weights; whatever is wrong is one ModelError of one line.

    `model` and `pretrained` as in `weights.resolve`; `preprocess` overrides single keys of the
    checkpoint's own preprocessing; `threads` 0 leaves torch's own number; `compiled` runs images
    through torch.compile, which pays for itself in some thousand of them.
    """
    chosen = _device(device)
    if threads:
        torch.set_num_threads(threads)
    with weights.resolve(model, pretrained) as source:
        network = weights.build(source)
        tokenizer = weights.tokenizer(source)
    own = network.visual.preprocess_cfg | dict(preprocess or {})  # type: ignore[union-attr, operator]
    with torch.inference_mode():
        probes = tokenizer(list(PROBES))
        dim = int(network.encode_text(probes[:1]).shape[1])  # type: ignore[operator]
    spec = EncoderSpec(
        model=source.model,
        pretrained=source.pretrained,
        weights_sha256=weights.fingerprint(network),
        preprocess=Preprocess.from_dict(own).as_dict(),
        dim=dim,
    )
    with torch.inference_mode():  # the fingerprint is that of the weights as they were
        cut = shorten(network, probes, here=chosen.type == "cpu")
    return OpenClipEncoder(network, tokenizer, spec, chosen, cut, compiled=compiled)


@contextmanager
def _compiling() -> Iterator[None]:
    """Say what to do where torch.compile does not work, as where there is no compiler."""
    try:
        yield
    except TorchDynamoException as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"the model cannot be compiled here: {reason}") from error


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidSetting(f"device {name!r} cannot be used here") from error
    return device


def _autocast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 on GPUs; on a CPU it needs matrices kept in it, see precision.py."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float32
