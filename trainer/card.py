"""The card of a published model, from measured figures so that it cannot say anything else."""

from dataclasses import dataclass
from typing import Any

from trainer import typed
from trainer.config import Config

_HEAD = """---
{licence}library_name: open_clip
pipeline_tag: zero-shot-image-classification
---
# {name}

{about}{start}, trained for {step:,} steps of {batch:,} pictures with the trainer of BioCosmos.

```python
import open_clip

model, _, preprocess = open_clip.create_model_and_transforms("local-dir:{name}")
tokenizer = open_clip.get_tokenizer("local-dir:{name}")
```

## Data

{data}

## Evaluation

Figures lie between 0 and 1; of intervals, 95 % by a bootstrap over whole classes. i2i: pictures
that look for pictures of their class; i2t: for its name; t2i: names that look for pictures; index:
pictures that look among the training pictures.

"""
_TASKS = (
    ("i2i", "ap"),
    ("i2t", "hit@1"),
    ("t2i", "ap"),
    ("index", "hit@1"),
    ("prototypes", "hit@1"),
)


@dataclass(frozen=True)
class Preface:
    """What no run knows of itself: words about the model, in Markdown, and its licence's id."""

    about: str = ""
    licence: str = ""


NO_PREFACE = Preface()


def card(
    name: str, config: Config, result: dict[str, Any], step: int, preface: Preface = NO_PREFACE
) -> str:
    """README.md of the published directory; `step` is that of the published weights."""
    start = "Random weights" if config.model.random else f"The weights of `{config.model.id}`"
    text = _HEAD.format(
        name=name,
        licence=f"license: {preface.licence}\n" if preface.licence else "",
        about=f"{preface.about.strip()}\n\n" if preface.about else "",
        start=start,
        step=step,
        batch=config.sample.batch,
        data=_data(config, result),
    )
    if (mix := result.get("mix", 1.0)) < 1:
        text += (
            f"The weights are {mix:g} of the run's and {1 - mix:g} of the "
            "starting model's (WiSE-FT).\n\n"
        )
    if config.run.best:
        text += (
            f"The weights are those of the step with the best {config.run.best} on these very "
            "partitions, so these figures flatter them a little.\n\n"
        )
    for partition, found in result["partitions"].items():
        text += _partition(partition, found)
    return text + f"## Settings\n\n```yaml\n{typed.dump(config)}```\n"


def _data(config: Config, result: dict[str, Any]) -> str:
    found = result["data"]
    sizes = ", ".join(f"{count:,} {name}" for name, count in found["pictures"].items())
    source = config.data.source if config.data else ""
    lines = [
        f"{found['classes']:,} classes from a source of kind {source}. Pictures: {sizes}.",
        f"Copies on both sides of the split: {found['leaks']['copies']} pairs of equal files, "
        f"{found['leaks']['near']} pairs of nearly equal pictures.",
    ]
    if found["licences"]:
        lines.append(f"Only pictures under {', '.join(found['licences'])}.")
    return " ".join(lines)


def _partition(name: str, found: dict[str, Any]) -> str:
    lines = [
        f"### {name}: {found['pictures']:,} pictures of {found['classes']:,} classes\n",
        "| measure | mean | interval | mean over classes |",
        "|---|---:|---:|---:|",
    ]
    for task, measure in _TASKS:
        if task in found:
            own = found[task][measure]
            between = f"{_shown(own['low'])} – {_shown(own['high'])}" if "low" in own else "–"
            lines.append(
                f"| {task} {measure} | {_shown(own['micro'])} | {between} "
                f"| {_shown(own['macro'])} |"
            )
    lines += ["", "| name right at the rank of | share | pictures |", "|---|---:|---:|"]
    for rank, own in found["names"]["ranks"].items():
        lines.append(f"| {rank} | {_shown(own['accuracy'])} | {own['judged']:,} |")
    wrong = found["names"]["severity"]
    lines.append(f"\nA wrong name is off by {_shown(wrong['of_mistakes'])} ranks on average.\n")
    lines += _questions(found.get("questions", {}))
    return "\n".join(lines) + "\n"


def _questions(groups: dict[str, Any]) -> list[str]:
    """What questions in words find, beside what a random order would."""
    if not groups:
        return []
    lines = [
        "| questions | how many | recall@10 | by chance | AP | by chance |",
        "|---" + 5 * "|---:" + "|",
    ]
    for name, own in groups.items():
        odds = own.get("chance", {})
        cells = [own.get("recall@10"), odds.get("recall@10"), own.get("ap"), odds.get("ap")]
        lines.append(f"| {name} | {own['queries']} | " + " | ".join(map(_shown, cells)) + " |")
    return [*lines, ""]


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
