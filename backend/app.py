"""The app factory: routes, edge, errors, the page, and what lives as long as the app."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.middleware.gzip import GZipMiddleware

from backend import health, problems
from backend.atlas import routes as atlas
from backend.browse import routes as browse
from backend.compare import routes as compare
from backend.corrections import routes as corrections
from backend.deps import Services
from backend.embed import routes as embed
from backend.exports import routes as exports
from backend.exports.exporter import Exporter
from backend.facets import routes as facets
from backend.identify import routes as identify
from backend.identify.schemas import IdentifyForm, IdentifyParams
from backend.images import routes as images
from backend.jobs import routes as jobs
from backend.judgements import routes as judgements
from backend.metrics import Metrics
from backend.middleware import Edge
from backend.page import WebPage
from backend.querysets import routes as querysets
from backend.records import routes as records
from backend.search import routes as search
from backend.search.schemas import SearchForm, SearchRequest
from backend.status import routes as status
from backend.suggest import routes as suggest
from backend.summary import routes as summary
from backend.taxa import routes as taxa
from backend.uploads import routes as uploads
from backend.uploads.service import forgetting
from backend.versions import routes as version_routes
from core import versions
from core.counting import Counting
from core.db.engine import create_engine
from core.encoders.registry import EncoderRegistry
from core.errors import BioCosmosError
from core.memory import MemoryEngine
from core.settings import Settings
from core.storage import Store

LOG = logging.getLogger(__name__)
VERSION = "0.1.0"


def create_app(settings: Settings, database_url: str) -> FastAPI:
    """The app over the database at `database_url`; connects when its lifespan begins."""
    app = FastAPI(
        title="BioCosmos",
        version=VERSION,
        summary="Find natural-history specimens by words, by picture, or both",
        lifespan=_lifespan(settings, database_url),
        docs_url=None,  # both load scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        responses=problems.RESPONSES,
        separate_input_output_schemas=False,
    )
    app.state.metrics = Metrics()
    problems.install(app)
    for feature in (
        search, embed, compare, judgements, querysets, identify, corrections, facets, browse, taxa,
        suggest, atlas, exports, records, images, uploads, version_routes, summary, jobs, status,
        health,
    ):  # fmt: skip
        app.include_router(feature.router)
    app.router.default = WebPage()
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Edge, metrics=app.state.metrics, max_upload_bytes=settings.max_upload_bytes)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _lifespan(settings: Settings, database_url: str) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        counting, room = Counting(), settings.memory_engine_mb
        services = Services(
            settings=settings,
            reader=create_engine(database_url, read_only=True, pool_size=10),
            writer=create_engine(database_url, pool_size=2),
            encoders=EncoderRegistry(settings, observe=app.state.metrics.encoded),
            store=Store(settings.home),
            exporter=Exporter(settings, database_url),
            counting=counting,
            memory=MemoryEngine(room, counting) if room else None,
        )
        app.state.services = services
        app.state.warm = asyncio.create_task(_warm(services))
        running = [
            app.state.warm,
            asyncio.create_task(services.exporter.run()),
            asyncio.create_task(forgetting(services)),
        ]
        if services.memory:
            running.append(asyncio.create_task(services.memory.follow(services.reader)))
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            if services.memory:
                services.memory.close()
            await services.naming.close()
            services.encoders.close()
            await services.reader.dispose()
            await services.writer.dispose()

    return lifespan


async def _warm(services: Services) -> None:
    """Load the default version's model and counts before the first visitor waits for them."""
    try:
        async with services.reading() as conn:
            version = await versions.get(conn)
            if version.state == "ready":
                await services.counting.census(conn, version)
        await services.encoders.encode_texts(version, ["a specimen"])
    except BioCosmosError as error:  # nothing embedded yet, say; a search will tell its user
        LOG.info("no model was loaded beforehand: %s", error)


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description of the API, with the models that no route names by a type."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        for model in (problems.Problem, SearchRequest, SearchForm, IdentifyParams, IdentifyForm):
            schema["components"]["schemas"][model.__name__] = model.model_json_schema()
        app.openapi_schema = schema
    return app.openapi_schema
