"""What earlier work reported, and whether it may be compared with; data in reported.yaml."""

from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("reported.yaml")


@dataclass(frozen=True)
class Reported:
    """Figures of one report: `rows` have a model, the data, and figures by name."""

    source: str
    measure: str
    comparable: bool
    why: str
    """Why it is comparable, or why not."""
    rows: tuple[dict[str, str | float], ...]


def reported() -> list[Reported]:
    """All that is known, in the order of the file."""
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return [Reported(**{**one, "rows": tuple(one["rows"])}) for one in found]


def markdown(found: list[Reported]) -> str:
    """A table for each report, headed by what it is and how far to trust it."""
    parts = []
    for one in found:
        names = list(dict.fromkeys(name for row in one.rows for name in row))
        lines = [names, ["---"] * len(names)]
        lines += [[str(row.get(name, "–")) for name in names] for row in one.rows]
        said = "comparable" if one.comparable else "not comparable"
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        head = f"### {one.source}\n\n{one.measure}. {said.capitalize()}: {one.why}."
        parts.append(f"{head}\n\n{table}\n")
    return "\n".join(parts)
