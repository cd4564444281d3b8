"""Fixtures of the portals' tests: a museum, its server in the role of the portals, and a client."""

import pytest

from core.sample import draw_museum
from core.sample.server import SampleServer
from core.settings import Settings
from ingestor.sources.portal import Patience, Portal

QUICK = Patience(attempts=3, base=0.01, calm=0.05)
"""For portals whose trouble passes soon."""


@pytest.fixture(scope="module")
def drawn():
    """A tiny museum."""
    return draw_museum(seed=5, size="tiny")


@pytest.fixture
async def server(drawn):
    """The museum's server, which speaks GBIF, iDigBio and IIIF."""
    async with SampleServer(drawn) as running:
        yield running


@pytest.fixture
async def portal(engine):
    """A client in a hurry."""
    settings = Settings(contact="me@example.org")
    async with Portal(settings, engine, rate=1000, patience=QUICK) as made:
        yield made


def published(drawn, server):
    """The links of every record with media as the museum means them, without sound."""
    found = {}
    for medium in drawn.media:
        links = found.setdefault(medium.record, set())
        if medium.type == "StillImage":
            links.add(f"{server.url}/images/{medium.file}")
    return found
