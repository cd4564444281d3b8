"""Command: draw the sample museum into a folder."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from core.sample.demo import write_demo
from core.sample.museum import DEMO_SEED, SIZES


def main(
    out: Annotated[Path, typer.Option(help="Folder for images/ and archive.zip.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = DEMO_SEED,
    specimens: Annotated[int, typer.Option(min=60, help="How many specimens.")] = SIZES["demo"],
    base_url: Annotated[str, typer.Option(help="Link media to URL/images/ instead.")] = "",
) -> None:
    """Draw the sample museum: pictures and a Darwin Core Archive."""
    with Progress() as bar:
        task = bar.add_task("drawing", total=None)
        archive = write_demo(
            out,
            seed,
            specimens,
            lambda done, total: bar.update(task, completed=done, total=total),
            base_url or None,
        )
    Console().print(f"wrote {archive}")


if __name__ == "__main__":
    typer.run(main)
