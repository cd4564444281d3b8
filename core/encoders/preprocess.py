"""The picture preprocessing of a checkpoint, without torch: PIL in, uint8 pixels out.

Repeats open_clip's inference transform (open_clip/transform.py, torchvision's resize and centre
crop) up to the conversion to floats; subtracting mean and dividing by std is left to the device.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import InvalidSetting

RESIZE_MODES = ("shortest", "longest", "squash")
_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "random": Image.Resampling.BICUBIC,  # open_clip trains with any filter and infers with bicubic
}
_LONGEST_ASPECT = 16
"""A strip longer than this is cropped first: resizing it whole would need gigabytes."""


@dataclass(frozen=True)
class Preprocess:
    """open_clip's PreprocessCfg; part of the identity of an embed version."""

    size: tuple[int, int]
    """Height and width in pixels."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0
    mode: str = "RGB"

    def __post_init__(self) -> None:
        if self.interpolation not in _FILTERS:
            raise InvalidSetting(
                f"interpolation {self.interpolation!r} is neither bicubic nor bilinear"
            )
        if self.resize_mode not in RESIZE_MODES:
            raise InvalidSetting(
                f"resize mode {self.resize_mode!r} is none of {', '.join(RESIZE_MODES)}"
            )
        if self.mode != "RGB" or len(self.mean) != 3 or len(self.std) != 3 or not all(self.std):
            raise InvalidSetting("preprocessing needs mode RGB, three means and three stds")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocess":
        """From open_clip's dictionary or from `as_dict`; unknown keys raise InvalidSetting."""
        known = dict(values)
        size = known.pop("size")
        height, width = (size, size) if isinstance(size, int) else (size[0], size[-1])
        known["mean"] = tuple(float(value) for value in known["mean"])
        known["std"] = tuple(float(value) for value in known["std"])
        try:
            return cls(size=(int(height), int(width)), **known)
        except TypeError as error:
            raise InvalidSetting(f"preprocessing has an unknown or missing key: {error}") from error

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values in one canonical form: two equal ones mean the same pixels."""
        height, width = self.size
        return asdict(self) | {
            "size": height if height == width else [height, width],
            "mean": list(self.mean),
            "std": list(self.std),
        }

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """One picture to uint8 [height, width, 3]."""
        image = _shorten(image.convert("RGB"))
        target = self._resized(image.width, image.height)
        if target != image.size:
            image = image.resize(target, _FILTERS[self.interpolation])
        if image.size != (self.size[1], self.size[0]):
            image = self._centre(image)
        return np.asarray(image)

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        high, wide = self.size
        if self.resize_mode == "squash":
            return wide, high
        if self.resize_mode == "shortest" and high == wide:
            if width <= height:
                return wide, int(wide * height / width)
            return int(high * width / height), high
        pick = max if self.resize_mode == "longest" else min
        ratio = pick(height / high, width / wide)
        return max(1, round(width / ratio)), max(1, round(height / ratio))

    def _centre(self, image: Image.Image) -> Image.Image:
        """Crop to the middle; where the picture is smaller, fill around it."""
        high, wide = self.size
        if image.width < wide or image.height < high:
            canvas = Image.new(
                "RGB", (max(wide, image.width), max(high, image.height)), (self.fill_color,) * 3
            )
            canvas.paste(
                image, ((canvas.width - image.width) // 2, (canvas.height - image.height) // 2)
            )
            image = canvas
        left = round((image.width - wide) / 2)
        top = round((image.height - high) / 2)
        return image.crop((left, top, left + wide, top + high))


def _shorten(image: Image.Image) -> Image.Image:
    """Keep the middle of an extreme strip; the centre crop would discard the rest anyway."""
    longest = _LONGEST_ASPECT * min(image.size)
    if max(image.size) <= longest:
        return image
    width, height = min(image.width, longest), min(image.height, longest)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
