"""Encoders of embed versions: loaded once, verified, cached, evicted; the loop stays free."""

import asyncio
import dataclasses
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from core.encoders import openclip
from core.encoders import registry as registry_module
from core.encoders.registry import EncoderRegistry, normalise_text
from core.errors import ModelError, VersionConflict
from core.settings import Settings
from core.versions import Version
from tests import tiny_model
from tests.paths import ROOT


def version_of(spec, number=1):
    return Version(
        id=number,
        embed_version=f"v{number}",
        model=spec.model,
        pretrained=spec.pretrained,
        weights_sha256=spec.weights_sha256,
        preprocess=spec.preprocess,
        dim=spec.dim,
        precision="halfvec",
        metric="cosine",
        index_kind="exact",
        index_params={},
        state="ready",
        is_default=True,
        created_at=datetime.now(UTC),
    )


@pytest.fixture(scope="session")
def encoder(tiny):
    return openclip.load(str(tiny), device="cpu")


@pytest.fixture
def version(encoder):
    return version_of(encoder.spec)


@pytest.fixture
def registry(tmp_path):
    made = EncoderRegistry(Settings(home=tmp_path, device="cpu", encoder_cache=2))
    yield made
    made.close()


async def test_one_load_however_many_ask(registry, version):
    found = await asyncio.gather(*(registry.get(version) for _ in range(8)))
    assert registry.loads == 1
    assert len({id(each) for each in found}) == 1


async def test_vectors_are_the_encoders(registry, version, encoder):
    texts = ["a moth", "an  owl ", "a moth"]
    vectors = await registry.encode_texts(version, texts)
    assert [v.version_id for v in vectors] == [1, 1, 1]
    expected = encoder.encode_texts(["a moth", "an owl", "a moth"])
    np.testing.assert_allclose([v.values for v in vectors], expected, atol=1e-5)
    image = Image.radial_gradient("L").convert("RGB")
    found = await registry.encode_image(version, image)
    pixels = encoder.prepare(image)[None]
    np.testing.assert_allclose(found.values, encoder.encode_images(pixels)[0], atol=1e-5)


async def test_repeated_texts_cost_nothing_and_concurrent_ones_share_batches(registry, version):
    sizes = []
    registry._observe = lambda kind, size: sizes.append((kind, size))
    await registry.encode_texts(version, ["a"])
    await registry.encode_texts(version, ["a", " a "])
    assert sizes == [("text", 1)]
    await asyncio.gather(*(registry.encode_texts(version, [f"text {n}"]) for n in range(20)))
    assert sum(size for _, size in sizes) == 21
    assert len(sizes) < 10


async def test_the_least_recently_used_is_dropped(registry, encoder):
    first, second, third = (version_of(encoder.spec, n) for n in (1, 2, 3))
    await registry.get(first)
    await registry.get(second)
    await registry.get(first)
    await registry.get(third)  # drops the second
    await registry.get(first)
    assert registry.loads == 3
    await registry.get(second)
    assert registry.loads == 4


async def test_weights_keep_within_their_memory(tmp_path, encoder):
    room = 2 * encoder.nbytes // 2**20 + 1
    made = EncoderRegistry(
        Settings(home=tmp_path, device="cpu", encoder_cache=9, encoder_memory_mb=room)
    )
    first, second, third = (version_of(encoder.spec, n) for n in (1, 2, 3))
    for version in (first, second, first, third, first):  # the third drops the second
        await made.get(version)
    assert made.loads == 3
    await made.get(second)
    assert made.loads == 4
    made.close()
    tight = EncoderRegistry(Settings(home=tmp_path, device="cpu", encoder_memory_mb=1))
    await tight.get(first)  # does not fit, and is kept all the same
    await tight.get(first)
    assert tight.loads == 1
    tight.close()


async def test_words_asked_before_need_no_model(tmp_path, encoder):
    made = EncoderRegistry(Settings(home=tmp_path, device="cpu", encoder_cache=1))
    first, second = version_of(encoder.spec, 1), version_of(encoder.spec, 2)
    await made.encode_texts(first, ["a moth"])
    await made.get(second)
    await made.encode_texts(first, ["a moth"])
    assert made.loads == 2
    made.close()


async def test_no_query_waits_for_the_model_of_another_version(registry, encoder, monkeypatch):
    first, second = version_of(encoder.spec, 1), version_of(encoder.spec, 2)
    await registry.get(first)
    let_go, inner = threading.Event(), registry_module._load

    def slow(version, settings):
        assert let_go.wait(60)
        return inner(version, settings)

    monkeypatch.setattr(registry_module, "_load", slow)
    waiting = asyncio.create_task(registry.encode_texts(second, ["an owl"]))
    asked = [registry.encode_texts(first, [f"owl {n}"]) for n in range(64)]
    assert len(await asyncio.gather(*asked)) == 64
    assert not waiting.done()
    let_go.set()
    assert len(await waiting) == 1


async def test_a_model_that_changed_is_refused(registry, version, tmp_path):
    other = tiny_model.save(tmp_path / "other", seed=1)
    changed = dataclasses.replace(version, model=str(other))
    with pytest.raises(VersionConflict, match="has changed since"):
        await registry.get(changed)
    gone = dataclasses.replace(version, model=str(tmp_path / "gone"))
    with pytest.raises(ModelError):
        await registry.get(gone)
    assert registry.loads == 1


async def test_a_model_is_found_where_it_was_moved_to(tmp_path, tiny, encoder):
    old, new = tmp_path / "old" / "home", tmp_path / "new" / "home"
    tiny_model.save(old / "models" / "mine")
    spec = openclip.load(str(old / "models" / "mine"), device="cpu").spec
    new.parent.mkdir()
    old.rename(new)
    made = EncoderRegistry(Settings(home=new, device="cpu"))
    assert (await made.get(version_of(spec))).spec.model == str(new / "models" / "mine")
    tiny_model.save(new / "models" / "mine", seed=1)
    made.close()
    other = EncoderRegistry(Settings(home=new, device="cpu"))
    with pytest.raises(VersionConflict, match="has changed since"):
        await other.get(version_of(spec))
    other.close()
    assert registry_module.located("ViT-B-32", [new]) == "ViT-B-32"
    assert registry_module.located(str(tiny), [new]) == str(tiny)


async def test_the_versions_own_preprocessing_is_used(registry, version, tiny):
    mine = version.preprocess | {"mean": [0.1, 0.1, 0.1], "resize_mode": "shortest"}
    loaded = await registry.get(dataclasses.replace(version, preprocess=mine))
    assert loaded.spec.preprocess == mine


async def test_the_loop_goes_on_while_a_model_loads(registry, version):
    longest, last = 0.0, time.monotonic()
    loading = asyncio.create_task(registry.encode_texts(version, ["a"]))
    while not loading.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert longest < 0.5


def test_text_has_one_spelling():
    assert normalise_text("  Morpho\n me\u0301nelaus ") == "Morpho m\u00e9nelaus"
    assert normalise_text("owl \ud800") == "owl ?"


@pytest.mark.parametrize("module", ["core.encoders.registry", "ingestor.embed_cli"])
def test_importing_it_imports_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'open_clip' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
