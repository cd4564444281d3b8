"""Command line of bulk embedding: bin/ingest_embed --model=M --pretrained=P --embed_version=V."""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from core import filter_text, logs, settings
from core.db.embedded import open_database
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.errors import BioCosmosError
from core.jobs import args, queue
from core.jobs.running import tracked
from core.settings import Settings
from ingestor import embed
from ingestor.embed import EmbedReport

OUT = Console(highlight=False, markup=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
EVERY = 5.0
"""Seconds between progress lines where the output is no terminal."""
EXAMPLES = """examples:
  ingest_embed --model=ViT-B-32 --pretrained=laion2b_s34b_b79k --embed_version=default
  ingest_embed --model=hf-hub:imageomics/bioclip-2 --embed_version=bioclip-2
  ingest_embed --model=models/specimen-tiny --embed_version=specimen-tiny
  ingest_embed --model=ViT-B-32 --pretrained=openai --where taxon=Nymphalidae --where country=BR
"""


class Parser(argparse.ArgumentParser):
    """Shows the whole help where a mistake was made."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong after the help, exit with 2."""
        self.print_help(sys.stderr)
        self.exit(2, f"\nerror: {message}\n")


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        prog="ingest_embed",
        description="Embed every image that has no vector yet in an embed version.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add(made, "model", help="open_clip name, hf-hub:org/name, directory or config (required)")
    _add(made, "pretrained", default="", help="open_clip tag or checkpoint file")
    _add(made, "embed-version", default="default", help="name of the version (default: default)")
    _add(made, "batch-size", type=_positive, help="images a batch (default: as suits the device)")
    _add(made, "device", help="auto, cpu, cuda, cuda:1, mps (default: BIOCOSMOS_DEVICE)")
    _add(
        made, "compile", action="store_true",
        help="by torch.compile: pays for itself in some thousand images on a GPU",
    )  # fmt: skip
    _add(made, "limit", type=_positive, help="embed at most so many images")
    _add(
        made, "where", action="append", type=_filter, default=[], metavar="KEY=VALUE",
        help="only images that pass, as in the API: taxon=Nymphalidae country=BR view=-label …;"
        " may be repeated",
    )  # fmt: skip
    _add(made, "dry-run", action="store_true", help="load the model and say what would be done")
    _add(made, "enqueue", action="store_true", help="leave it to a worker (bin/worker)")
    own = made.add_argument_group("preprocessing, where the model's config does not tell it")
    _add(own, "image-mean", type=_three, help="one number or R,G,B, of pixels from 0 to 1")
    _add(own, "image-std", type=_three, help="one number or R,G,B")
    _add(own, "interpolation", choices=("bicubic", "bilinear"))
    _add(own, "resize-mode", choices=("shortest", "longest", "squash"))
    return made


def _add(group: argparse._ActionsContainer, name: str, **kwargs: Any) -> None:
    """Add `--some-name`, also spelled `--some_name`."""
    group.add_argument(*dict.fromkeys((f"--{name}", f"--{name.replace('-', '_')}")), **kwargs)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 1 an error said in one line, 2 wrong usage, 130 interrupted."""
    options = _parsed(argv)
    try:
        chosen = settings.load(**({"device": options.device} if options.device else {}))
        logs.setup(chosen)
        with open_database(chosen) as url:
            migrate(url)
            asyncio.run(_work(url, chosen, options))
    except BioCosmosError as error:
        ERR.print(f"error: {error.detail}")
        return 1
    except KeyboardInterrupt:
        ERR.print("Stopped. What is embedded stays; run the same command to go on.")
        return 130
    return 0


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Unknown options are reported before the missing --model that is often their cause."""
    made = parser()
    options = made.parse_args(argv)
    if not options.model:
        made.error("--model is required")
    return options


async def _work(url: str, chosen: Settings, options: argparse.Namespace) -> None:
    preprocess = {
        "mean": options.image_mean,
        "std": options.image_std,
        "interpolation": options.interpolation,
        "resize_mode": options.resize_mode,
    }
    identity = {
        "model": options.model,
        "pretrained": options.pretrained,
        "embed_version": options.embed_version,
        "preprocess": {key: value for key, value in preprocess.items() if value is not None},
    }
    where: dict[str, list[str]] = {}
    for key, value in options.where:
        where.setdefault(key, []).append(value)
    identity["where"] = where
    sizes = {"batch_size": options.batch_size, "limit": options.limit, "compile": options.compile}
    engine = create_engine(url)
    try:
        if options.dry_run:
            version, missing, embeddable = await embed.plan(engine, chosen, **identity)
            OUT.print(
                f"{version.embed_version}: {version.dim} dimensions, weights"
                f" {version.weights_sha256[:12]}; {missing} of {embeddable} images to embed."
            )
            return
        await _job(engine, chosen, identity | sizes, enqueue=options.enqueue)
    finally:
        await engine.dispose()


async def _job(
    engine: AsyncEngine, chosen: Settings, asked: dict[str, Any], *, enqueue: bool
) -> None:
    """Embed here and now, or leave it to a worker."""
    typed = args.parse("embed", asked)
    if enqueue:
        async with engine.begin() as conn:
            own = await queue.enqueue(conn, "embed", args.dump(typed), label=typed.label)
        OUT.print(f"queued as job {own}; bin/worker does it, the Status page shows it")
        return
    async with tracked(engine, "embed", typed.label, args.dump(typed)) as job:
        with _progress() as show:

            def progress(done: int, total: int) -> None:
                job.tell(done, total)
                show(done, total)

            def note(what: str) -> None:
                OUT.print(f"index: {what}", markup=False)

            report = await embed.embed(engine, chosen, **asked, progress=progress, note=note)
        job.counts.update(report.counts)
    OUT.print(_receipt(report))


def _receipt(report: EmbedReport) -> str:
    lines = [
        f"Embedded {report.embedded} images in {report.seconds:.1f} s"
        f" ({report.images_per_second:.1f} images/s) as {report.embed_version!r}.",
        f"Had a vector already: {report.skipped}. Unusable files: {report.failed}."
        f" Still to embed: {report.missing}.",
    ]
    return "\n".join(lines)


@contextmanager
def _progress() -> Iterator[embed.Progress]:
    if not OUT.is_terminal:
        yield _Lines().tell
        return
    columns = (
        TextColumn("embedding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f} images/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=OUT) as bar:
        task = bar.add_task("embedding", total=None, rate=0.0)
        clock = _Clock()
        yield lambda done, total: bar.update(
            task, completed=done, total=total, rate=clock.rate(done)
        )


class _Clock:
    """Images per second since the first report."""

    def __init__(self) -> None:
        self._started: float | None = None

    def rate(self, done: int) -> float:
        """The mean rate so far."""
        if self._started is None:
            self._started = time.monotonic()
        return done / max(time.monotonic() - self._started, 1e-9)


class _Lines:
    """One line now and then, for logs."""

    def __init__(self) -> None:
        self._clock = _Clock()
        self._last = time.monotonic()

    def tell(self, done: int, total: int) -> None:
        """Print a line when the last one is some seconds old."""
        rate = self._clock.rate(done)
        if time.monotonic() - self._last < EVERY:
            return
        self._last = time.monotonic()
        left = f", {(total - done) / rate:.0f} s left" if rate else ""
        OUT.print(f"{done}/{total} images, {rate:.1f} images/s{left}")


def _filter(value: str) -> tuple[str, str]:
    key, equals, wanted = value.partition("=")
    try:
        filter_text.read({key.strip(): [wanted]})
    except BioCosmosError as error:
        raise argparse.ArgumentTypeError(error.detail) from error
    if not (equals and wanted.strip()):
        raise argparse.ArgumentTypeError(f"{value!r} is not KEY=VALUE, such as country=BR")
    return key.strip(), wanted


def _positive(value: str) -> int:
    if not value.isdigit() or int(value) == 0:
        raise argparse.ArgumentTypeError(f"{value!r} is not a whole number above 0")
    return int(value)


def _three(value: str) -> list[float]:
    try:
        numbers = [float(part) for part in value.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3):
        raise argparse.ArgumentTypeError(f"{value!r} is neither one number nor three (R,G,B)")
    return numbers if len(numbers) == 3 else numbers * 3


if __name__ == "__main__":
    sys.exit(main())
