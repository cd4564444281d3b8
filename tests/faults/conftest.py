"""Servers of the sample museum that share their drawings."""

from contextlib import ExitStack
from itertools import islice

import pytest

from core.sample import draw_museum
from core.sample.files import file_bytes
from core.sample.server import SampleServer

NAMES = 26


@pytest.fixture(scope="session")
def museum():
    return draw_museum(seed=5, size="tiny")


@pytest.fixture(scope="session")
def drawn(museum):
    """Good pictures by name."""
    good = (name for name, file in museum.files.items() if file.encoding == "jpeg")
    return {name: file_bytes(museum.files[name]) for name in islice(good, NAMES)}


@pytest.fixture
def names(drawn):
    return list(drawn)


@pytest.fixture
def serve(museum, drawn):
    """Start a server, each on an address of its own."""
    with ExitStack() as stack:
        yield lambda n=1, **options: stack.enter_context(
            SampleServer(museum, host=f"127.0.0.{n}", drawn=dict(drawn), **options)
        )
