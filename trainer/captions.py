"""What is said of a picture: BioCLIP's five types of text, their mixture, and templates of them.

Braces in a template hold: {sci} Genus epithet, {com} common name, {taxon} all ranks from the top,
{sci_com} and {taxon_com} either "with common name", {mixed} one of these drawn anew, {a} a or an
by the next letter, {view} and {sex} of the picture, or any rank such as {family}. Source: Stevens
et al. 2024, BioCLIP, section 3.2.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.db.tables import RANKS
from core.errors import InvalidSetting
from trainer.data import Collection
from trainer.words import Said

TYPES = ("com", "sci", "taxon", "sci_com", "taxon_com")
_BRACE = re.compile(r"\{(\w+)\}")
_COLUMNS = ("view", "sex")


@dataclass(frozen=True)
class Names:
    """A class as words: the five types of text, and its taxon at every rank."""

    texts: Mapping[str, str]
    taxa: Mapping[str, str] = field(default_factory=dict)


def names_of(collection: Collection) -> list[Names]:
    """Names of every class, in the order of the taxonomy."""
    taxonomy, out = collection.taxonomy, []
    for name, row in zip(taxonomy.names, taxonomy.taxa, strict=True):
        taxa = {rank: taxon for rank, taxon in zip(taxonomy.ranks, row, strict=True) if taxon}
        out.append(Names(_texts(name, taxa, collection.common_names.get(name, "")), taxa))
    return out


def caption(
    templates: Sequence[str],
    names: Names,
    columns: Mapping[str, str],
    rng: np.random.Generator,
) -> Said:
    """One template drawn and filled; a class without a common name falls back to {sci}."""
    template = templates[int(rng.integers(len(templates)))]
    return Said(fill(template, names, columns, rng), claims(template, names, columns))


def claims(template: str, names: Names, columns: Mapping[str, str]) -> dict[str, str]:
    """What a filled template says of its picture: "{family}, {view} view" a family and a view.

    Where a taxon is not known the text stands for the class as a whole.
    """
    out: dict[str, str] = {}
    for key in _BRACE.findall(template):
        if key in _COLUMNS:
            out |= {key: columns[key]} if columns.get(key) else {}
        elif key in names.taxa:
            out[key] = names.taxa[key]
        elif key != "a":
            out["name"] = names.texts["sci"]
    return out


def fill(template: str, names: Names, columns: Mapping[str, str], rng: np.random.Generator) -> str:
    """`template` with everything in braces replaced; what is unknown leaves nothing behind."""

    def value(found: re.Match[str]) -> str:
        key = found[1]
        if key == "mixed":
            return names.texts[TYPES[int(rng.integers(len(TYPES)))]]
        if key in TYPES:
            return names.texts[key]
        return "{a}" if key == "a" else names.taxa.get(key, "") or columns.get(key, "")

    text = " ".join(_BRACE.sub(value, template).split())
    text = re.sub(r"\s+([,.;])", r"\1", text.removesuffix("{a}")).strip(" ,;")
    return re.sub(r"\{a\} (?=(\w))", lambda m: "an " if m[1] in "aeiouAEIOU" else "a ", text)


def check(templates: Sequence[str]) -> None:
    """Refuse braces that mean nothing."""
    known = {*TYPES, *RANKS, *_COLUMNS, "mixed", "a"}
    for template in templates:
        for key in _BRACE.findall(template):
            if key not in known:
                raise InvalidSetting(
                    f"{{{key}}} in {template!r} means nothing: there are {', '.join(sorted(known))}"
                )


def prompts(templates: Sequence[str], names: Names) -> list[str]:
    """Every template filled for one class, {mixed} standing for each type of text once."""
    rng = np.random.default_rng(0)
    spread = [
        template.replace("{mixed}", f"{{{kind}}}")
        for template in templates
        for kind in (TYPES if "{mixed}" in template else TYPES[:1])
    ]
    return list(dict.fromkeys(fill(template, names, {}, rng) for template in spread))


def _texts(name: str, taxa: Mapping[str, str], common: str) -> dict[str, str]:
    above = [taxon for taxon in taxa.values() if taxon != name]
    # The binomial repeats its genus; said once is enough.
    if above and name.startswith(above[-1] + " "):
        above = above[:-1]
    lineage = " ".join([*above, name])
    also = f" with common name {common}" if common else ""
    return {
        "com": common or name,
        "sci": name,
        "taxon": lineage,
        "sci_com": name + also,
        "taxon_com": lineage + also,
    }
