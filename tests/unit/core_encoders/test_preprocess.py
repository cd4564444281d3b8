"""Our preprocessing gives the pixels of open_clip's own."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from core import images
from core.encoders.preprocess import RESIZE_MODES, Preprocess
from core.errors import InvalidSetting
from tests.paths import SHARED_DATA, needs_shared

CLIP = {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}


def noise(width, height, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def open_clip_pixels(cfg, image):
    """What open_clip feeds the model, brought back to 0..255."""
    floats = image_transform_v2(PreprocessCfg(**cfg), is_train=False)(image).numpy()
    mean, std = (np.reshape(cfg[key], (3, 1, 1)) for key in ("mean", "std"))
    return ((floats * std + mean) * 255).transpose(1, 2, 0)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(3, 400),
    st.integers(3, 400),
    st.sampled_from([32, 97, (64, 48), (33, 60)]),
    st.sampled_from(RESIZE_MODES),
    st.sampled_from(["bicubic", "bilinear"]),
    st.sampled_from([0, 255]),
)
def test_pixels_are_open_clips(width, height, size, mode, interpolation, fill):
    if max(width, height) > 16 * min(width, height):
        return  # see test_an_extreme_strip
    if mode == "shortest" and isinstance(size, tuple):
        interpolation = "bicubic"  # open_clip ignores the filter in this one case
    cfg = CLIP | {"size": size, "resize_mode": mode, "interpolation": interpolation}
    cfg["fill_color"] = fill
    image = noise(width, height)
    ours = Preprocess.from_dict(cfg)(image)
    assert ours.dtype == np.uint8
    np.testing.assert_allclose(ours, open_clip_pixels(cfg, image), atol=0.01)


def test_an_extreme_strip_costs_little_and_keeps_its_middle():
    strip = Image.new("RGB", (200_000, 2), "black")
    strip.paste("red", (99_000, 0, 101_000, 2))
    pixels = Preprocess.from_dict(CLIP | {"size": 224})(strip)
    assert pixels.shape == (224, 224, 3)
    assert (pixels == (255, 0, 0)).all()


def test_one_canonical_json_form():
    a = Preprocess.from_dict(CLIP | {"size": 224})
    b = Preprocess.from_dict(json.loads(json.dumps(CLIP | {"size": [224, 224]})))
    assert a.as_dict() == b.as_dict() == json.loads(json.dumps(a.as_dict()))
    assert Preprocess.from_dict(a.as_dict()) == a
    assert a.as_dict()["size"] == 224


@pytest.mark.parametrize(
    "wrong",
    [
        {"resize_mode": "crop"},
        {"interpolation": "nearest"},
        {"mean": [0.5]},
        {"std": [0.0, 1.0, 1.0]},
        {"mode": "L"},
        {"colour": 1},
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(InvalidSetting):
        Preprocess.from_dict(CLIP | {"size": 224} | wrong)


@needs_shared
def test_draft_decoding_changes_little():
    """A JPEG decoded at a fraction of its size, still three times the model's: under 1/255."""
    cfg = CLIP | {"size": 112}
    ours = Preprocess.from_dict(cfg)
    seen = 0
    for path in sorted((SHARED_DATA / "images" / "wikimedia_birds").rglob("*.jpg"))[:12]:
        data = path.read_bytes()
        limits = {"max_pixels": 10**8, "max_bytes": 10**8}
        whole = images.decode(data, **limits)
        small = images.decode(data, **limits, min_size=(3 * 112, 3 * 112))
        if small.size == whole.size:
            continue
        seen += 1
        difference = np.abs(ours(small).astype(float) - open_clip_pixels(cfg, whole))
        assert difference.mean() < 1.0
    assert seen
