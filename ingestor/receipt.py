"""What an ingest came to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Receipt:
    """Counts of one run over a source, over all its goes."""

    label: str
    seen: int
    new: int
    changed: int
    unchanged: int
    withdrawn: int
    rejected: dict[str, int]
    """Rows and media that were not kept, by reason."""
    images_linked: int
    """Pairs of record and image."""
    images_new: int
    complete: bool
    """Whether the whole source was read."""
    notes: Sequence[str] = ()


def make_receipt(
    label: str, counts: Counter[str], *, complete: bool, notes: Sequence[str]
) -> Receipt:
    """Build a receipt from the counts stored with a job."""
    prefix = "rejected: "
    reasons = {k.removeprefix(prefix): n for k, n in counts.most_common() if k.startswith(prefix)}
    return Receipt(
        label=label,
        seen=counts["new"] + counts["changed"] + counts["unchanged"],
        new=counts["new"],
        changed=counts["changed"],
        unchanged=counts["unchanged"],
        withdrawn=counts["withdrawn"],
        rejected=reasons,
        images_linked=counts["images_linked"],
        images_new=counts["images_new"],
        complete=complete,
        notes=tuple(notes),
    )
