"""The model card, written from the measured figures so that it cannot say anything else."""

from typing import Any

from trainer.tiny.config import TinyConfig

ROWS = (
    ("held-out questions, recall@10", "held_out_questions", "recall_at_10"),
    ("held-out questions, mean average precision", "held_out_questions", "average_precision"),
    ("other questions, recall@10", "other_questions", "recall_at_10"),
    ("other questions, mean average precision", "other_questions", "average_precision"),
    ("species by scientific name, top-1, all views", "top_1_scientific_name", ""),
    ("species by scientific name, top-1, without undersides", "top_1_scientific_name_upper", ""),
    ("species by common name, top-1, without undersides", "top_1_common_name_upper", ""),
)
COLUMNS = ("trained", "untrained", "chance")


def table(metrics: dict[str, Any]) -> str:
    """The figures as a Markdown table: trained, untrained, chance."""
    lines = ["| measure | " + " | ".join(COLUMNS) + " |", "|---|---:|---:|---:|"]
    for title, name, part in ROWS:
        values = (metrics[c][name][part] if part else metrics[c][name] for c in COLUMNS)
        lines.append(f"| {title} | " + " | ".join(f"{v:.3f}" for v in values) + " |")
    return "\n".join(lines)


CARD = """---
license: apache-2.0
library_name: open_clip
pipeline_tag: zero-shot-image-classification
---
# specimen-tiny

A {millions:.1f}-million-parameter CLIP model ({config.embed_dim} dimensions, {config.image_size}
px) trained on drawings of invented specimens. It exists so that BioCosmos can be tried and tested
without a network, with a model that has really learnt something. **It knows nothing about real
organisms**; for those use BioCLIP 2, SigLIP 2 or another model of `open_clip`.

```python
import open_clip

model, _, preprocess = open_clip.create_model_and_transforms("local-dir:models/specimen-tiny")
tokenizer = open_clip.get_tokenizer("local-dir:models/specimen-tiny")
```

## Training

`python -m trainer.tiny train -c trainer/configs/specimen-tiny.yaml`: {config.specimens} specimens
of {metrics[species]} species drawn with museum seed {config.museum_seed}; {config.steps} steps of
{config.batch} pictures from random initialisation, about half an hour on two busy processor
cores. Captions are made from the known traits and names. The loss is a symmetric InfoNCE in which
every caption of the batch that is true of a picture counts as right. Weights are stored as fp16.

## Evaluation

`python -m trainer.tiny eval -c trainer/configs/specimen-tiny.yaml`: the {museum[pictures]}
pictures of the {museum[specimens]} specimens of the demo museum (seed {museum[seed]}); none of
these individuals was in training. {held} *held-out* questions name combinations of traits (such
as "blue butterfly with a black margin") that no training caption names together, though it may
name each of them; {said} *other* questions name combinations that some captions do. Relevance is
known, because the traits are. recall@10 = relevant among the first 10 / min(10, relevant).
*Untrained* is the same network before its first step.

{table}

The figures are means over questions or pictures of one run with one seed; metrics.json has them
in full. It is an easy task: the individuals of a species differ only in pose, hue, light, size
and damage, all drawn by one program. The figures show that the path works; they say nothing about
real specimens.

## Limits

It was taught a small vocabulary: colours, patterns, body plans, parts, sizes, numbers of
eyespots, the names of the sample taxa. Other words mean nothing to it. Colours are bound to parts
only as well as the figures above say. Licence: Apache-2.0.
"""


def card(config: TinyConfig, metrics: dict[str, Any]) -> str:
    """The README.md of the published directory."""
    return CARD.format(
        config=config,
        metrics=metrics,
        museum=metrics["museum"],
        millions=metrics["parameters"] / 1e6,
        held=metrics["trained"]["held_out_questions"]["queries"],
        said=metrics["trained"]["other_questions"]["queries"],
        table=table(metrics),
    )
