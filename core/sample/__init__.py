"""The sample museum: a small natural-history museum drawn from a seed, every trait known.

Families, genera and species are invented; no specimen exists. See docs/sample-museum.md.
"""

from core.sample.archive import write_archive
from core.sample.captions import describe, phrase
from core.sample.demo import write_demo
from core.sample.museum import Museum, draw_museum
from core.sample.questions import questions
from core.sample.specimens import Specimen, relevant
from core.sample.traits import Traits

__all__ = [
    "Museum",
    "Specimen",
    "Traits",
    "describe",
    "draw_museum",
    "phrase",
    "questions",
    "relevant",
    "write_archive",
    "write_demo",
]
