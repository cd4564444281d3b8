"""What naming prepares once: shared, told about, kept on disk; and how much one may write."""

import asyncio

import numpy as np
import pytest

from backend.identify import naming
from backend.identify.naming import Naming, Progress, name_vectors
from backend.judgements.rate import Rate
from core.encoders import openclip
from core.errors import GettingReady, ModelError
from core.identification.taxa import Lineage, Taxa
from tests import tiny_model

TAXA = Taxa(
    [
        Lineage(("Animalia", None, None, None, "Nymphalidae", "Morpho", "Morpho helenor"), "blue"),
        Lineage(("Animalia", None, None, None, "Nymphalidae", "Morpho", None)),
        Lineage(("Plantae", None, None, None, "Moraceae", "Morus", "Morus alba")),
    ]
)


async def test_it_is_made_once_however_many_ask():
    made = Naming()
    calls = []

    async def make(progress: Progress) -> int:
        calls.append(progress)
        await asyncio.sleep(0)
        return 7

    assert await asyncio.gather(*(made.once(("a",), "it", make) for _ in range(5))) == [7] * 5
    assert await made.once(("b",), "it", make) == 7
    assert len(calls) == 2


async def test_who_waits_too_long_is_told_how_far_it_is(monkeypatch):
    monkeypatch.setattr(naming, "PATIENCE", 0.01)
    made, go_on = Naming(), asyncio.Event()

    async def make(progress: Progress) -> int:
        progress.done, progress.total = 1200, 3000
        await go_on.wait()
        return 7

    with pytest.raises(GettingReady, match="Counting: 1,200 of 3,000"):
        await made.once(("a",), "Counting", make)
    go_on.set()
    monkeypatch.setattr(naming, "PATIENCE", 30)
    assert await made.once(("a",), "Counting", make) == 7


async def test_what_failed_is_tried_again():
    made, calls = Naming(), []

    async def make(progress: Progress) -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ModelError("gone")
        return 7

    with pytest.raises(ModelError):
        await made.once(("a",), "it", make)
    assert await made.once(("a",), "it", make) == 7


async def test_closing_stops_what_is_on_its_way():
    made, started = Naming(), asyncio.Event()

    async def make(progress: Progress) -> None:
        started.set()
        await asyncio.Event().wait()

    asking = asyncio.ensure_future(made.once(("a",), "it", make))
    await started.wait()
    await made.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_prompt_vectors_are_kept_for_the_next_process(tmp_path):
    encoder = openclip.load(str(tiny_model.save(tmp_path / "model", seed=0)))
    folder = tmp_path / "prompts"
    first = await name_vectors(encoder, TAXA, folder, Progress("it"))
    assert first.prompted.tolist() == [True, False, True]
    assert np.linalg.norm(first.matrix, axis=1) == pytest.approx([1, 0, 1], abs=1e-5)
    assert 0 < first.scale <= 100
    again = Progress("it")
    second = await name_vectors(encoder, TAXA, folder, again)
    assert again.done == 0  # nothing was encoded
    assert np.array_equal(first.matrix, second.matrix)
    for kept in folder.iterdir():
        kept.write_bytes(b"damaged")
    third = await name_vectors(encoder, TAXA, folder, Progress("it"))
    assert third.matrix == pytest.approx(first.matrix, abs=1e-6)


def test_an_address_may_write_so_much_a_minute(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("backend.judgements.rate.time.monotonic", lambda: now)
    rate = Rate()
    assert [rate.take("a", 2) for _ in range(3)] == [True, True, False]
    assert rate.take("b", 2)
    now = 1061.0
    assert rate.take("a", 2)
