"""The largest batch is found by doubling, with the run's own network, loss and micro-batches."""

import math

import pytest
import torch

from tests.unit.trainer.runs import config, released
from trainer import largest
from trainer.engine_step import Batch
from trainer.launch import Place

HERE = Place(0, 1, torch.device("cpu"))


@pytest.fixture(autouse=True)
def texts(monkeypatch):
    """The small network reads six tokens; a random batch is asked for in words."""
    monkeypatch.setattr(largest, "random_batch", random_batch)


def random_batch(own, size):
    side = own.preprocess.size[0]
    tokens = torch.tensor([[30, 1, 2, 31, 0, 0]]).repeat(size, 1)
    pixels = torch.zeros(size, side, side, 3, dtype=torch.uint8)
    return Batch(pixels, tokens, torch.arange(size) % 1000)


def test_batches_double_until_one_does_not_fit(monkeypatch):
    real = largest.Towers.images

    def small(towers, pixels):
        if len(pixels) > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(towers, pixels)

    monkeypatch.setattr(largest.Towers, "images", small)
    found = list(largest.try_batches(config(), released(), HERE, least=4, most=64))
    assert [(t.batch, t.fits) for t in found] == [(4, True), (8, True), (16, True), (32, False)]
    assert all(t.seconds > 0 for t in found[:-1])
    assert math.isnan(found[-1].seconds)
    cached = list(largest.try_batches(config("run.micro=8"), released(), HERE, least=16, most=64))
    assert [(t.batch, t.micro, t.fits) for t in cached] == [
        (16, 8, True), (32, 8, True), (64, 8, True)
    ]  # fmt: skip
