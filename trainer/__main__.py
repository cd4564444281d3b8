"""Command line: python -m trainer train|eval|split|look|probe|sweep|worker|report|publish."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core import settings
from core.errors import BioCosmosError, InvalidSetting, UnreadableSource
from trainer import commands, reported, serving
from trainer import look as looks
from trainer import publish as publishing
from trainer import report as reports
from trainer import sweep as sweeps
from trainer.campaign import Trial, read_campaign
from trainer.card import Preface
from trainer.config import Config, read_config
from trainer.largest import try_batches
from trainer.launch import Place, pick_device
from trainer.network import load
from trainer.serving import Queued
from trainer.trials import Standing, standing
from trainer.workbook import write_workbook

OUT = Console(highlight=False, markup=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
app = typer.Typer(add_completion=False, no_args_is_help=True, help="Trains and judges encoders.")

_DOES_IT = "bin/worker --queue train does it, the Status page shows it"
SWEEP = ("-m", "trainer", "sweep")

ConfigOption = Annotated[Path | None, typer.Option("-c", "--config", help="YAML file of settings.")]
Overrides = Annotated[
    list[str] | None, typer.Option("-o", "--override", help="A setting, as key.key=value.")
]
MixOption = Annotated[
    float, typer.Option(help="Share of the run's weights; the rest are the starting model's.")
]
LabelOption = Annotated[str, typer.Option(help="What reports call these settings.")]


@app.command()
def train(
    config: ConfigOption = None,
    override: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; an old one goes on.")] = None,
    label: LabelOption = "",
    enqueue: Annotated[
        bool, typer.Option("--enqueue", help="Leave it to a worker (bin/worker --queue train).")
    ] = False,
    publish: Annotated[
        Path | None, typer.Option(help="With --enqueue: directory to make of the finished run.")
    ] = None,
    embed_version: Annotated[
        str, typer.Option(help="With --publish: version to embed with it.")
    ] = "",
) -> None:
    """Train, or go on with a run that was stopped: the numbers are the same."""
    with _errors("Stopped. The same command goes on where the run was saved."):
        own = _config(config, override)
        if enqueue:
            name = label or _label(config, override)
            folder = (out or commands.run_folder(own)).resolve()
            queued = Queued(own, name, folder, publish, embed_version)
            OUT.print(f"queued as job {serving.ask(queued, settings.load())}; {_DOES_IT}")
            return
        with _progress() as tick:
            told = commands.Told(OUT.print, tick)
            name = label or _label(config, override)
            folder = out or commands.run_folder(own)
            made = commands.train(own, settings.load(), folder, name, told)
        OUT.print(f"Result: {made}")


@app.command("eval")
def evaluate(
    config: ConfigOption = None,
    override: Overrides = None,
    run: Annotated[Path | None, typer.Option(help="Folder of a run: measure its weights.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the result.")] = None,
    mix: MixOption = 1.0,
    label: LabelOption = "",
) -> None:
    """Measure a run (--run), or the starting model of a configuration (-c)."""
    with _errors("Stopped."):
        if run is not None and config is not None:
            raise InvalidSetting("give --run or -c, not both: a run has its own settings")
        own = commands.read_run(run, override or ()) if run else _config(config, override)
        target = out or (run or commands.run_folder(own).parent / "start") / commands.eval_name(mix)
        name = label or _label(run or config, override)
        made = commands.evaluate(own, settings.load(), run, target, name, OUT.print, mix)
        OUT.print(f"Result: {made}")


@app.command()
def split(
    config: ConfigOption = None,
    override: Overrides = None,
    out: Annotated[Path, typer.Option(help="Where to write it.")] = Path("split.json"),
) -> None:
    """Draw a split, look for leaks, and write it."""
    with _errors("Stopped."):
        found = commands.split(_config(config, override), settings.load(), out)
        for name, ids in found.split.partitions.items():
            OUT.print(f"{len(ids):>9} {name}")
        OUT.print(f"{len(found.leaks):>9} pairs of like pictures on both sides\nSplit: {out}")


@app.command()
def look(
    config: ConfigOption = None,
    override: Overrides = None,
    out: Annotated[Path, typer.Option(help="A .png or .jpg.")] = Path("look.png"),
) -> None:
    """Draw training pictures as the network gets them, with captions; say their colours."""
    with _errors("Stopped."):
        found = looks.look(_config(config, override), settings.load(), out, OUT.print)
        OUT.print(f"model.mean={list(found.mean)} model.std={list(found.std)}\nPictures: {out}")


@app.command()
def probe(
    config: ConfigOption = None,
    override: Overrides = None,
    least: Annotated[int, typer.Option(help="The first batch to try.")] = 64,
    most: Annotated[int, typer.Option(help="The last one.")] = 131_072,
) -> None:
    """Find the largest batch that this machine can step, by doubling it until it does not fit."""
    with _errors("Stopped."):
        own = _config(config, override)
        place = Place(0, 1, pick_device(own.run.device, 0))
        for tried in try_batches(own, load(own.model, own.seed), place, least=least, most=most):
            said = f"{tried.seconds:.2f} s a step, {tried.peak_mb:,.0f} MB"
            OUT.print(f"{tried.batch:>8} {said if tried.fits else 'does not fit'}")


@app.command()
def sweep(
    config: Annotated[Path, typer.Option("-c", "--config", help="YAML file of the campaign.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the campaign [default: runs/NAME of the file].")
    ] = None,
    only: Annotated[int | None, typer.Option(help="Run this trial alone, counted from 0.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Try failed trials once more.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the trials, run none.")] = False,
    slurm: Annotated[bool, typer.Option("--slurm", help="Write a job array, run none.")] = False,
) -> None:
    """Run a campaign of settings, data sets and seeds; the same command goes on with it."""
    with _errors("Stopped. The same command goes on; finished trials stay."):
        campaign, folder = read_campaign(config), out or Path("runs", config.stem)
        if dry_run:
            for at, trial in enumerate(campaign.trials):
                state = standing(folder / trial.folder).state
                OUT.print(f"{at:>4} {state:8} {trial.folder}")
            return
        sweeps.prepare(campaign, folder, again=again)
        if slurm:
            script = sweeps.slurm_script(campaign, config, folder, [sys.executable, *SWEEP])
            (folder / sweeps.SCRIPT).write_text(script, encoding="utf-8")
            OUT.print(f"Job array: sbatch {folder / sweeps.SCRIPT}")
            return
        stand = sweeps.work(campaign, folder, _trial_line, only)
        if only is None:
            _campaign_ended(folder, [one.state for one in stand])


def _trial_line(trial: Trial, now: Standing) -> None:
    said = f"  {now.crash}: {now.reason}" if now.crash else ""
    took = f"  {now.seconds:.0f} s, {now.peak_mb:.0f} MB" if now.seconds else ""
    OUT.print(f"{now.state:8} {trial.folder}{took}{said}")


def _campaign_ended(folder: Path, states: list[str]) -> None:
    failed = states.count("failed")
    OUT.print(f"{states.count('done')} of {len(states)} trials done, {failed} failed")
    if "done" in states:
        OUT.print(f"Compare them: python -m trainer report {folder}")
    if failed:
        raise SystemExit(1)


@app.command()
def worker(
    queue: Annotated[str, typer.Option(help="train is the only one here.")] = "train",
    once: Annotated[bool, typer.Option("--once", help="End when nothing waits.")] = False,
) -> None:
    """Do the training that waits in the queue, one run at a time (bin/worker --queue train)."""
    with _errors("Stopped. Runs go on where they were saved."):
        if queue != "train":
            raise InvalidSetting("training has a worker of its own: bin/worker --queue train")
        serving.serve(settings.load(), once=once)


@app.command()
def report(
    results: Annotated[
        list[Path] | None, typer.Argument(help="Folders of runs, or results.")
    ] = None,
    measure: Annotated[list[str] | None, typer.Option(help="Measures to show, else all.")] = None,
    out: Annotated[Path | None, typer.Option(help="A .md, .html or .xlsx file.")] = None,
    earlier: Annotated[
        bool, typer.Option("--earlier", help="Show what earlier work reported, and no more.")
    ] = False,
) -> None:
    """Compare settings over their seeds; the first setting found is the baseline."""
    with _errors("Stopped."):
        if earlier:
            OUT.print(reported.markdown(reported.reported()))
            return
        found = reports.read_results(results or [Path("runs")])
        made = reports.table(found, measure or ())
        if out is None:
            OUT.print(reports.markdown(made))
            return
        if out.suffix == ".xlsx":
            write_workbook(out, made, found)
        elif out.suffix == ".html":
            drawn = reports.figures(made, found)
            out.write_text(reports.page(made, drawn), encoding="utf-8")
        else:
            out.write_text(reports.markdown(made), encoding="utf-8")
        OUT.print(f"Report: {out}")


@app.command()
def publish(
    run: Annotated[Path, typer.Option(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="Directory to make.")],
    half: Annotated[bool, typer.Option(help="Store weights as fp16.")] = False,
    mix: MixOption = 1.0,
    about: Annotated[
        Path | None, typer.Option(help="Markdown about the model, put at the head of its card.")
    ] = None,
    licence: Annotated[str, typer.Option(help="The model's licence, such as apache-2.0.")] = "",
) -> None:
    """Make a run a model that open_clip, and bin/ingest_embed, can load."""
    with _errors("Stopped."):
        words = "" if about is None else _read(about)
        preface = Preface(words, licence)
        made = publishing.publish(run, out, half=half, mix=mix, preface=preface)
        OUT.print(f"Published: {made}\nTo search with it:")
        OUT.print(f"bin/ingest_embed --model={made} --embed_version={made.name}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSource(f"cannot read {path}: {error}") from error


def _config(path: Path | None, override: list[str] | None) -> Config:
    if path is None:
        raise InvalidSetting("-c config.yaml must be given")
    return read_config(path, override or ())


def _label(path: Path | None, override: list[str] | None) -> str:
    """The file's name and what was changed, the seed apart."""
    changed = [change for change in override or () if not change.startswith("seed=")]
    return " ".join([path.stem if path else "", *changed])


@contextmanager
def _errors(stopped: str) -> Iterator[None]:
    logging.getLogger("torch.distributed").setLevel(logging.ERROR)
    try:
        yield
    except BioCosmosError as error:
        ERR.print(f"error: {error.detail}")
        raise SystemExit(1) from error
    except KeyboardInterrupt:
        ERR.print(stopped)
        raise SystemExit(130) from None


@contextmanager
def _progress() -> Iterator[Callable[[int, int, float], None]]:
    """A bar on a terminal; elsewhere nothing, metrics.jsonl has it all."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[loss]}"))
    with Progress(
        *columns, TimeRemainingColumn(), console=OUT, disable=not sys.stdout.isatty()
    ) as bar:
        task = bar.add_task("train", loss="")

        def tick(done: int, steps: int, loss: float) -> None:
            bar.update(task, completed=done, total=steps, loss=f"loss {loss:.4f}")

        yield tick


if __name__ == "__main__":
    app()
