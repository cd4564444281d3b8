"""Zero-shot naming: taxa as words, and how much like each a picture is."""

import numpy as np
from numpy.typing import NDArray

from core.identification.taxa import Lineage

LABEL_TEMPLATES = (
    "a photo of a {}.",
    "a photo of the {}.",
    "a close-up photo of a {}.",
    "a specimen of {}.",
    "{}",
)
"""For labels of the asker's own; their vectors are averaged (Radford et al. 2021, CLIP, 3.1.4)."""

Matrix = NDArray[np.float32]


def of_lineage(lineage: Lineage) -> list[str]:
    """BioCLIP's five types of text for one taxon, less those it has no names for.

    Common name, scientific name, taxonomic name (all ranks from the top), and the two latter with
    the common name. Source: Stevens et al. 2024, BioCLIP, section 3.2.
    """
    name, common = lineage.deepest, lineage.common_name
    above = [each for each in lineage.names if each and each != name]
    if above and name.startswith(above[-1] + " "):  # the binomial repeats its genus
        above = above[:-1]
    taxonomic = " ".join([*above, name])
    texts = [taxonomic, name]
    if common:
        also = f" with common name {common}"
        texts += [common, name + also, taxonomic + also]
    return [f"a photo of {text}." for text in dict.fromkeys(texts)]


def of_label(label: str) -> list[str]:
    """The texts that stand for a label of the asker's own."""
    return [template.format(label) for template in LABEL_TEMPLATES]


def averaged(vectors: Matrix, counts: list[int]) -> Matrix:
    """Unit vectors [sum(counts), dim] to one unit vector a group: float32 [len(counts), dim]."""
    if not counts:
        return vectors[:0]
    starts = np.cumsum([0, *counts[:-1]])
    means = np.add.reduceat(vectors.astype(np.float64), starts, axis=0)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.maximum(lengths, 1e-12), dtype=np.float32)


def shares(cosines: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Softmax of cosines [n] times the model's logit scale: adds up to 1."""
    if not cosines.size:
        return cosines
    powers = np.exp(scale * (cosines - cosines.max()))
    return np.asarray(powers / powers.sum())
