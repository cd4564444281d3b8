"""Questions in words whose right answers are known, because the data say what pictures show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import InvalidSetting, UnreadableSource
from core.sample.captions import phrase
from core.sample.questions import questions as sample_questions
from core.sample.statements import claims_of
from trainer import typed
from trainer.metrics import average_precision, positive_ranks, recall
from trainer.probes import Rows
from trainer.words import Ledger, Said, holds

MUSEUM = "museum"
_AT = 10


def read_questions(source: str) -> dict[str, list[Said]]:
    """Questions by group: the sample museum's own, or those of a YAML file.

    A file maps each group to a list of `{ask: blue wings, of: {ground: blue, part: wings}}`, where
    `of` names columns of the data, ranks, or the class as `name`. Raises InvalidSetting.
    """
    if source == MUSEUM:
        groups = {"held_out": True, "other": False}
        return {
            name: [Said(phrase(q), claims_of(q)) for q in sample_questions(held=held)]
            for name, held in groups.items()
        }
    try:
        given = typed.parse(Path(source).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSource(f"cannot read the questions in {source}: {error}") from error
    if not isinstance(given, Mapping) or not all(isinstance(g, list) for g in given.values()):
        raise InvalidSetting(f"{source} must map groups to lists of questions")
    return {str(name): [_question(one, source) for one in group] for name, group in given.items()}


def _question(given: Any, source: str) -> Said:
    if not isinstance(given, Mapping) or set(given) != {"ask", "of"} or not given["of"]:
        raise InvalidSetting(f"a question in {source} reads {{ask: words, of: {{column: value}}}}")
    return Said(str(given["ask"]), {str(k): str(v) for k, v in given["of"].items()})


def answers(
    groups: Mapping[str, Sequence[Said]], shown: Sequence[Mapping[str, str]]
) -> dict[str, NDArray[np.bool_]]:
    """bool [questions, pictures] of each group: what a perfect search would find."""
    ledger = Ledger(shown)
    facts = torch.from_numpy(ledger.facts)
    return {
        name: holds(facts, torch.from_numpy(ledger.claims([q.claims for q in group]))).T.numpy()
        for name, group in groups.items()
    }


@dataclass(frozen=True)
class Asked:
    """Unit rows [q, D] of the questions of a group, and `right` bool [q, n] over the pictures."""

    rows: Rows
    right: NDArray[np.bool_]


def found(asked: Asked, images: Rows) -> dict[str, Any]:
    """Means over the questions that have an answer, and what a random order gives on average.

    recall@10 = right among the first 10 / min(10, right); ap over the whole ranking.
    """
    able = asked.right.any(1)
    out: dict[str, Any] = {"queries": int(able.sum()), "skipped": int((~able).sum())}
    if not able.any():
        return out
    scores = torch.from_numpy(asked.rows[able] @ images.T)
    ranks = positive_ranks(scores, torch.from_numpy(asked.right[able]))
    out["ap"] = float(average_precision(ranks).mean())
    out[f"recall@{_AT}"] = float(recall(ranks, _AT).mean())
    return out | {"chance": chance(asked.right[able])}


def chance(right: NDArray[np.bool_]) -> dict[str, float]:
    """The same for a random order; average precision is then about the share of right answers."""
    share, most = right.mean(1), np.minimum(_AT, right.sum(1))
    return {
        "ap": float(share.mean()),
        f"recall@{_AT}": float((share * min(_AT, right.shape[1]) / most).mean()),
    }
