"""Commands: train and evaluate specimen-tiny."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainer.tiny.card import card, table
from trainer.tiny.config import read_config
from trainer.tiny.judge import judge
from trainer.tiny.train import train as run_training

app = typer.Typer(add_completion=False, help=__doc__)
console = Console()
ConfigOption = Annotated[Path, typer.Option("-c", "--config", help="YAML file of the run.")]


@app.command()
def train(config: ConfigOption) -> None:
    """Draw the training museum, train (resuming if stopped), publish the open_clip directory."""
    run_training(read_config(config), console.print)


@app.command("eval")
def evaluate(config: ConfigOption) -> None:
    """Measure the published weights on the demo museum; write metrics.json and the model card."""
    settings = read_config(config)
    metrics = judge(settings, console.print)
    text = json.dumps(metrics, indent=2) + "\n"
    (settings.out / "metrics.json").write_text(text, encoding="utf-8")
    (settings.out / "README.md").write_text(card(settings, metrics), encoding="utf-8")
    console.print(table(metrics), soft_wrap=True)


if __name__ == "__main__":
    app()
