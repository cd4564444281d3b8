"""Loading real open_clip models, and refusing everything that is not one."""

import json
import shutil
import threading

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from core.encoders import openclip, weights
from core.errors import InvalidSetting, ModelError
from tests import tiny_model
from tests.paths import SHARED_DATA, needs_shared

BIRD = SHARED_DATA / "models" / "derived_species_openclip" / "species-bird-mobilenetv2-tiny"
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"


def picture(seed, size=(90, 70)):
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def encoder(tiny):
    return openclip.load(str(tiny), device="cpu")


def test_vectors_are_open_clips(encoder, tiny):
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{tiny}")
    model.eval()
    pictures = [picture(seed) for seed in range(5)]
    texts = ["a moth", "Morpho menelaus, dorsal", ""]
    with torch.inference_mode():
        theirs = model.encode_image(torch.stack([transform(p) for p in pictures]), normalize=True)
        tokens = open_clip.get_tokenizer(f"local-dir:{tiny}")(texts)
        their_texts = model.encode_text(tokens, normalize=True)
    ours = encoder.encode_images(np.stack([encoder.prepare(p) for p in pictures]))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(texts), their_texts, atol=1e-5)
    assert np.abs(ours @ ours.T - np.eye(5)).max() > 1e-3  # they do differ
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)


def test_spec_is_the_checkpoints_own(encoder, tiny):
    assert encoder.spec.dim == 48
    assert encoder.spec.model == str(tiny)
    assert encoder.spec.preprocess == {
        **tiny_model.PREPROCESS_CFG, "size": 64, "fill_color": 0, "mode": "RGB"
    }  # fmt: skip
    assert encoder.batch_size == 32


def test_empty_batches(encoder):
    assert encoder.encode_texts([]).shape == (0, 48)
    assert encoder.encode_images(np.empty((0, 64, 64, 3), np.uint8)).shape == (0, 48)


def test_a_batch_that_does_not_fit_is_halved(tiny, monkeypatch):
    encoder = openclip.load(str(tiny), device="cpu")
    batch = np.stack([encoder.prepare(picture(seed)) for seed in range(7)])
    whole = encoder.encode_images(batch)
    inner = encoder._encode_pixels

    def small_memory(part):
        if len(part) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return inner(part)

    monkeypatch.setattr(encoder, "_encode_pixels", small_memory)
    np.testing.assert_allclose(encoder.encode_images(batch), whole, atol=1e-5)
    assert encoder.batch_size == 2

    def no_memory(part):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(encoder, "_encode_pixels", no_memory)
    with pytest.raises(ModelError, match="does not fit"):
        encoder.encode_images(batch)


@pytest.mark.slow
def test_compiled_it_says_the_same_and_is_compiled_for_one_size(tiny, encoder):
    batch = np.stack([encoder.prepare(picture(seed)) for seed in range(6)])
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = openclip.load(str(tiny), device="cpu", compiled=True)
    for count in (6, 4, 1):
        found = compiled.encode_images(batch[:count])
        np.testing.assert_allclose(found, encoder.encode_images(batch[:count]), atol=1e-5)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_where_nothing_can_be_compiled_it_says_so(tiny, monkeypatch):
    def refuse(*_):
        raise torch._dynamo.exc.TorchDynamoException("no C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: refuse)
    encoder = openclip.load(str(tiny), device="cpu", compiled=True)
    with pytest.raises(ModelError, match="cannot be compiled here: no C\\+\\+ compiler"):
        encoder.encode_images(np.stack([encoder.prepare(picture(1))]))


def test_threads_may_share_an_encoder(encoder):
    pixels = np.stack([encoder.prepare(picture(1))])
    expected = encoder.encode_images(pixels), encoder.encode_texts(["an owl"])
    wrong = []

    def work():
        for _ in range(5):
            found = encoder.encode_images(pixels), encoder.encode_texts(["an owl"])
            if not all(np.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True)):
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_fingerprint_follows_the_weights_not_the_file(tiny, encoder, tmp_path):
    torch.save(load_file(tiny / WEIGHTS), tmp_path / "same.bin")
    same = openclip.load(str(tiny), str(tmp_path / "same.bin"), device="cpu")
    assert same.spec.weights_sha256 == encoder.spec.weights_sha256
    changed = load_file(tiny / WEIGHTS)
    changed["text_projection"][0, 0] += 1e-3
    save_file(changed, tmp_path / "changed.safetensors")
    other = openclip.load(str(tiny), str(tmp_path / "changed.safetensors"), device="cpu")
    assert other.spec.weights_sha256 != encoder.spec.weights_sha256
    assert other.spec.pretrained == str(tmp_path / "changed.safetensors")


def test_a_bare_config_beside_its_weights(tiny, encoder, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(tiny_model.MODEL_CFG))
    shutil.copy(tiny / WEIGHTS, tmp_path / "mine.safetensors")
    given = openclip.load(
        str(tmp_path / "mine.json"), str(tmp_path / "mine.safetensors"), device="cpu"
    )
    by_stem = openclip.load(
        str(tmp_path / "mine"), device="cpu", preprocess=tiny_model.PREPROCESS_CFG
    )
    assert given.spec.weights_sha256 == by_stem.spec.weights_sha256 == encoder.spec.weights_sha256
    assert given.spec.preprocess["resize_mode"] == "shortest"  # open_clip's default
    assert by_stem.spec.preprocess == encoder.spec.preprocess
    (tmp_path / "mine.json").write_text(
        json.dumps(tiny_model.MODEL_CFG | {"preprocess_cfg": tiny_model.PREPROCESS_CFG})
    )
    assert openclip.load(str(tmp_path / "mine")).spec.preprocess == encoder.spec.preprocess


def broken(tiny, directory, change):
    """A copy of the tiny model whose weights went through `change`."""
    tensors = load_file(tiny / WEIGHTS)
    change(tensors)
    directory.mkdir()
    shutil.copy(tiny / CONFIG, directory)
    save_file(tensors, directory / WEIGHTS)
    return directory


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.pop("visual.proj"), "Missing key.*visual.proj"),
        (lambda w: w.update(extra=torch.zeros(2)), "Unexpected key.*extra"),
        (lambda w: w.update(text_projection=torch.zeros(3, 3)), "size mismatch"),
        (lambda w: w["text_projection"].fill_(torch.nan), "text_projection"),
    ],
)
def test_weights_that_do_not_fit(tiny, tmp_path, change, says):
    with pytest.raises(ModelError, match=says) as caught:
        openclip.load(str(broken(tiny, tmp_path / "m", change)), device="cpu")
    assert "\n" not in caught.value.detail


def test_weights_that_open_clip_silently_skips(tiny, monkeypatch):
    """Even a loader that loads nothing and says nothing is found out."""
    monkeypatch.setattr(weights.open_clip, "load_checkpoint", lambda *_args, **_kwargs: None)
    with pytest.raises(ModelError, match="unset"):
        openclip.load(str(tiny), device="cpu")


@pytest.mark.parametrize(
    ("model", "pretrained", "says"),
    [
        ("ViT-B-33", "openai", "did you mean ViT-B-32"),
        ("ViT-B-32", "", "give --pretrained"),
        ("ViT-B-32", "laion2b_s34b", "did you mean laion2b_s34b_b79k"),
        ("models/nowhere", "", "no model 'models/nowhere'"),
        ("hf-hub:imageomics/bioclip-2", "openai", "no checkpoint file 'openai'"),
    ],
)
def test_unknown_names(model, pretrained, says):
    with pytest.raises(ModelError, match=says) as caught:
        openclip.load(model, pretrained, device="cpu")
    assert "\n" not in caught.value.detail


def test_directories_that_are_no_models(tiny, tmp_path):
    with pytest.raises(ModelError, match="open_clip_config.json"):
        openclip.load(str(tmp_path))
    shutil.copy(tiny / CONFIG, tmp_path)
    with pytest.raises(ModelError, match="no weights"):
        openclip.load(str(tmp_path))
    for name in ("epoch_1.pt", "epoch_2.pt"):
        (tmp_path / name).touch()
    with pytest.raises(ModelError, match="2 weight files"):
        openclip.load(str(tmp_path))
    (tmp_path / "records.json").write_text('{"a": 1}')
    with pytest.raises(ModelError, match="not a model config"):
        openclip.load(str(tmp_path / "records.json"))
    with pytest.raises(ModelError, match="could not be loaded"):
        openclip.load(str(tiny), str(tmp_path / "records.json"))


def test_offline_says_what_to_do(monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(weights, "download_pretrained_from_hf", no_network)
    with pytest.raises(ModelError, match="connect to the Internet once, or copy"):
        openclip.load("hf-hub:imageomics/bioclip-2")


def test_unusable_device(tiny):
    for name in ("warp", "cuda:99"):
        with pytest.raises(InvalidSetting, match=name):
            openclip.load(str(tiny), device=name)


@needs_shared
@pytest.mark.slow
def test_a_real_model_knows_its_birds():
    encoder = openclip.load(
        f"{BIRD}.json",
        f"{BIRD}.safetensors",
        device="cpu",
        preprocess={"mean": [128 / 255] * 3, "std": [128 / 255] * 3, "interpolation": "bilinear"},
    )
    vectors = encoder.encode_texts(["House Sparrow", "Passer domesticus", "Mallard"])
    assert vectors[0] @ vectors[1] > 0.9 > 0.5 > vectors[0] @ vectors[2]
