"""Labels of the asker's own, compared with a photo by text prompts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.deps import Services
from backend.identify.schemas import IdentifyOptions, LabelScore
from core.errors import BadRequest
from core.identification import prompts
from core.vectors import QueryVector
from core.versions import Version


@dataclass(frozen=True)
class Labels:
    """Labels with their vectors [labels, dim] and the bin of each, "" for none."""

    labels: list[str]
    bins: list[str]
    matrix: NDArray[np.float32]
    scale: float


async def prepare(services: Services, version: Version, asked: IdentifyOptions) -> Labels | None:
    """The labels of a request in the space of `version`; None where there are none."""
    binned = _binned(asked)
    if not binned:
        return None
    texts = [prompts.of_label(label) for label in binned]
    vectors = await services.encoders.encode_texts(version, sum(texts, []))
    matrix = prompts.averaged(np.stack([v.values for v in vectors]), [len(each) for each in texts])
    encoder = await services.encoders.get(version)
    return Labels(list(binned), list(binned.values()), matrix, encoder.logit_scale)


def _binned(asked: IdentifyOptions) -> dict[str, str]:
    """Bins by label, in the order given."""
    found = dict.fromkeys((label.strip() for label in asked.labels if label.strip()), "")
    for text in asked.bins:
        label, equals, name = text.rpartition("=")
        if not (equals and label.strip() and name.strip()):
            raise BadRequest(f"{text!r} is no label with its bin; write label=bin")
        found[label.strip()] = name.strip()
    if len(found) == 1:
        raise BadRequest("One label alone compares with nothing; give two or more")
    return found


def score(labels: Labels | None, query: QueryVector) -> dict[str, list[LabelScore]]:
    """`labels` and `bins` of the answer, best first."""
    if labels is None:
        return {}
    cosines = (labels.matrix @ query.values).astype(np.float64)
    shares = prompts.shares(cosines, labels.scale)
    summed: dict[str, float] = {}
    for name, share in zip(labels.bins, shares, strict=True):
        if name:
            summed[name] = summed.get(name, 0.0) + float(share)
    return {
        "labels": _best_first(dict(zip(labels.labels, shares.tolist(), strict=True))),
        "bins": _best_first(summed),
    }


def _best_first(scores: dict[str, float]) -> list[LabelScore]:
    ordered = sorted(scores.items(), key=lambda item: -item[1])
    return [LabelScore(label=label, score=value) for label, value in ordered]
