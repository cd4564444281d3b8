"""Command line for embed versions: list, show, default, index, verify, copy, project, retire."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from core import settings, versions
from core.atlas.layout import Parameters
from core.db.embedded import open_database
from core.db.engine import create_engine, translate_errors
from core.db.migrate import migrate
from core.encoders.registry import EncoderRegistry
from core.errors import BioCosmosError
from core.planner import TARGET
from core.versions import Version, VersionCoverage
from ingestor.copy_version import CopyReport, copy_version
from ingestor.index import Kind, build_index, verify
from ingestor.project import project
from ingestor.recall import EncodeTexts

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Look at and manage versions.",
)
OUT = Console()
ERR = Console(stderr=True)
T = TypeVar("T")
Name = Annotated[str, typer.Argument(help="Name of the embed version")]
Target = Annotated[
    float, typer.Option(min=0.5, max=1.0, help="Share of the true ten nearest to find")
]


@app.command("list")
def list_versions() -> None:
    """List every embed version with its coverage."""

    async def work(engine: AsyncEngine) -> list[VersionCoverage]:
        async with engine.connect() as conn:
            return await versions.list_all(conn)

    table = Table("version", "model", "dim", "index", "state", "embedded", "images")
    for each in run(work):
        version = each.version
        name = version.embed_version + (" (default)" if version.is_default else "")
        model = " ".join(filter(None, (version.model, version.pretrained)))
        numbers = (str(each.embedded), str(each.images))
        table.add_row(name, model, str(version.dim), version.index_kind, version.state, *numbers)
    OUT.print(table)


@app.command()
def show(name: Name) -> None:
    """Print everything about one version as JSON."""

    async def work(engine: AsyncEngine) -> Version:
        async with engine.connect() as conn:
            return await versions.get(conn, name)

    OUT.print_json(json.dumps(vars(run(work)), default=str))


@app.command()
def default(name: Name) -> None:
    """Make a version the one that is searched when none is named."""

    async def work(engine: AsyncEngine) -> Version:
        async with engine.begin() as conn:
            return await versions.set_default(conn, name)

    OUT.print(f"{run(work).embed_version} is now the default.")


@app.command()
def index(
    name: Name,
    kind: Annotated[Kind, typer.Option(help="auto: exact when small, else ivfflat")] = "auto",
    lists: Annotated[int | None, typer.Option(min=1, help="Of ivfflat")] = None,
    m: Annotated[int | None, typer.Option("--m", min=2, max=100, help="Of hnsw")] = None,
    ef_construction: Annotated[int | None, typer.Option(min=4, max=1000, help="Of hnsw")] = None,
    target: Target = TARGET,
) -> None:
    """Build and measure a version's index beside the one in use, then switch (exact: drop it)."""
    given = {"lists": lists, "m": m, "ef_construction": ef_construction}
    params = {key: value for key, value in given.items() if value is not None}
    registry = EncoderRegistry(settings.load())

    async def work(engine: AsyncEngine) -> Version:
        with Progress(console=ERR, transient=True) as bar:
            task = bar.add_task("building", total=None)

            def progress(phase: str, share: float | None) -> None:
                bar.update(task, description=phase, total=share and 1, completed=share or 0)

            return await build_index(
                engine, name, kind,
                params=params, encoder=partial(_texts_of, registry),
                target=target, progress=progress,
            )  # fmt: skip

    try:
        built = run(work)
    finally:
        registry.close()
    storage = {k: v for k, v in built.index_params.items() if k not in ("slot", "recall")}
    params_said = ", ".join(f"{key} {value}" for key, value in storage.items())
    OUT.print(f"{built.embed_version}: {built.index_kind} {params_said}".rstrip())
    if built.index_kind != "exact":
        OUT.print(_measured(built))


async def _texts_of(registry: EncoderRegistry, version: Version) -> EncodeTexts | None:
    try:
        return (await registry.get(version)).encode_texts
    except BioCosmosError as error:
        ERR.print(f"Words are not measured: {error.detail}", highlight=False)
        return None


@app.command("verify")
def verify_index(
    name: Name,
    target: Target = TARGET,
) -> None:
    """Measure what the index of a version finds, and have searches try so hard as is needed."""
    here = settings.load()

    async def work(engine: AsyncEngine) -> Version:
        async with engine.connect() as conn:
            version = await versions.get(conn, name)
        if version.index_kind == "exact":
            return version
        registry = EncoderRegistry(here)
        try:
            encoder = await registry.get(version)
            return await verify(engine, name, encoder.encode_texts, target=target)
        finally:
            registry.close()

    measured = run(work)
    if measured.index_kind == "exact":
        OUT.print(f"{name}: no index; every search compares with all.")
        return
    OUT.print(_measured(measured))


def _measured(version: Version) -> Table:
    table = Table("queries", "effort", "recall@10", "recall@50", "recall@500-1000")
    for kind, steps in version.index_params["recall"].items():
        for effort, at_10, at_50, *deep in steps:
            row = [f"{least:.3f}" for least in (at_10, at_50, *deep)]
            table.add_row(kind, str(int(effort)), *row)
    return table


@app.command("copy")
def copy_(
    name: Name,
    new_name: Annotated[
        str, typer.Option("--as", help="Name of the copy (default: the same)")
    ] = "",
    to: Annotated[str, typer.Option(help="postgresql:// URL of another database")] = "",
) -> None:
    """Copy a version to another name or database, for the images that are known there."""
    if not (new_name or to):
        ERR.print("[bold red]error:[/] give --as another name, --to another database, or both")
        raise typer.Exit(2)

    async def work(engine: AsyncEngine) -> CopyReport:
        other = create_engine(to) if to else engine
        with Progress(console=ERR, transient=True) as bar:
            task = bar.add_task("vectors", total=None)

            def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            try:
                return await copy_version(engine, name, other, new_name or name, progress)
            finally:
                await other.dispose()

    if to:
        try:
            migrate(to)
        except BioCosmosError as error:
            ERR.print(f"[bold red]error:[/] {error.detail}", highlight=False)
            raise typer.Exit(1) from None
    report = run(work)
    OUT.print(
        f"{report.embed_version}: copied {report.copied} vectors. There already: {report.there}."
        f" Of images not known there: {report.unknown}."
    )
    if to and report.copied:
        OUT.print("Where many came, build its index there: bin/versions index")


@app.command("project")
def project_version(
    name: Name,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make it anew")] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed; another one makes the map anew")
    ] = None,
) -> None:
    """Make the atlas of a version, or add to it what is new."""
    parameters = None if seed is None else Parameters(seed=seed)
    with Progress(console=ERR, transient=True) as bar:
        shown = bar.add_task("Reading", total=1.0)

        def tell(what: str, share: float) -> None:
            bar.update(shown, description=what, completed=share)

        report = run(
            lambda engine: project(engine, name, parameters=parameters, fresh=fresh, progress=tell)
        )
    made = f"made of {report.fitted:,}, " if report.fitted else ""
    OUT.print(
        f"{name}: {report.images:,} images on the atlas, {made}{report.placed:,} placed among them"
        f" ({report.method})",
        soft_wrap=True,
    )


@app.command()
def retire(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Delete a version's vectors for good; its name stays taken."""
    if not yes:
        typer.confirm(f"Delete all vectors of {name}? They have to be computed again.", abort=True)

    async def work(engine: AsyncEngine) -> Version:
        async with engine.begin() as conn:
            return await versions.retire(conn, name)

    OUT.print(f"{run(work).embed_version} is retired.")


def run(work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    """Open the settings' database, do `work` on it; errors of ours become one line and exit 1."""

    async def opened(url: str) -> T:
        engine = create_engine(url)
        try:
            with translate_errors():
                return await work(engine)
        finally:
            await engine.dispose()

    try:
        with open_database(settings.load()) as url:
            migrate(url)
            return asyncio.run(opened(url))
    except BioCosmosError as error:
        ERR.print(f"[bold red]error:[/] {error.detail}", highlight=False)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
