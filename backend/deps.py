"""What routes ask for: services, a connection, the operator's right, the request's timing."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.atlas.charts import Charts
from backend.exports.exporter import Exporter
from backend.identify.naming import Naming
from backend.judgements.rate import Rate
from backend.remembered import Remembered
from backend.summary.schemas import Summary
from backend.timing import Timing
from core.counting import Counting
from core.db.engine import translate_errors
from core.encoders.registry import EncoderRegistry
from core.errors import Forbidden
from core.memory import MemoryEngine
from core.settings import Settings
from core.storage import Store
from core.versions import Coverage


@dataclass(frozen=True)
class Services:
    """What lives as long as the app."""

    settings: Settings
    reader: AsyncEngine
    """Refuses writes."""
    writer: AsyncEngine
    """For uploads and operator actions only."""
    encoders: EncoderRegistry
    store: Store
    exporter: Exporter
    """Makes the files of exports."""
    memory: MemoryEngine | None = None
    """Holds vectors in this process, where the settings give it room."""
    counting: Counting = field(default_factory=Counting)
    """What every image shows, for counting."""
    summary: Remembered[Summary] = field(
        default_factory=lambda: Remembered(
            "record", "image", "record_image", "dataset", "embed_version"
        )
    )
    """What is in the museum, counted."""
    coverage: Remembered[Coverage] = field(
        default_factory=lambda: Remembered("image", r"embedding\_v%", "embed_version")
    )
    """How much of the museum each version covers."""
    charts: Charts = field(default_factory=Charts)
    """Maps of versions, as they are sent."""
    naming: Naming = field(default_factory=Naming)
    """What naming photos needs once."""
    rate: Rate = field(default_factory=Rate)
    """How much each address has written lately."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction."""
        with translate_errors():
            async with self.reader.connect() as conn:
                yield conn

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end, undone on any error."""
        with translate_errors():
            async with self.writer.begin() as conn:
                yield conn


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Served = Annotated[Services, Depends(_services)]


async def _reading(services: Served) -> AsyncIterator[AsyncConnection]:
    async with services.reading() as conn:
        yield conn


async def _writing(services: Served) -> AsyncIterator[AsyncConnection]:
    async with services.writing() as conn:
        yield conn


# Scope "function" ends the transaction before the response is sent, not after.
Reading = Annotated[AsyncConnection, Depends(_reading, scope="function")]
Writing = Annotated[AsyncConnection, Depends(_writing, scope="function")]


def _timing(request: Request) -> Timing:
    timing: Timing = request.state.timing
    return timing


Timed = Annotated[Timing, Depends(_timing)]


def operator(services: Served, authorization: Annotated[str, Header()] = "") -> None:
    """Refuse everybody who does not present the operator's token."""
    token = services.settings.operator_token
    if token is None:
        raise Forbidden(
            "Operator actions are off; start the server with BIOCOSMOS_OPERATOR_TOKEN set"
        )
    expected = f"Bearer {token.get_secret_value()}"
    if not hmac.compare_digest(authorization.encode(), expected.encode()):
        raise Forbidden("Send the operator's token as the header 'Authorization: Bearer <token>'")
