"""Receipts as tables on the terminal."""

from rich.console import Console
from rich.table import Table

from ingestor.pictures import PictureCounts
from ingestor.receipt import Receipt

_console = Console()


def print_receipt(receipt: Receipt) -> None:
    """Print what an ingest came to."""
    table = _table(f"Records of {receipt.label}")
    for name in ("seen", "new", "changed", "unchanged", "withdrawn"):
        table.add_row(name, f"{getattr(receipt, name):,}")
    table.add_row("rejected", f"{sum(receipt.rejected.values()):,}")
    for reason, count in receipt.rejected.items():
        table.add_row(f"  {reason}", f"{count:,}")
    table.add_row("images linked", f"{receipt.images_linked:,}")
    table.add_row("images new", f"{receipt.images_new:,}")
    _console.print(table)
    for note in receipt.notes:
        _console.print(note, style="dim", markup=False)
    if not receipt.complete:
        _console.print("Only a part was read; nothing was withdrawn.", style="dim")


def print_pictures(counts: PictureCounts) -> None:
    """Print what fetching came to."""
    table = _table("Images")
    table.add_row("ok", f"{counts.states['ok']:,}")
    for state in ("invalid", "gone", "blocked", "retry"):
        if counts.states[state]:
            table.add_row(state, f"{counts.states[state]:,}")
        for (of, reason), count in counts.reasons.most_common():
            if of == state:
                table.add_row(f"  {reason}", f"{count:,}")
    _console.print(table)
    if counts.states["retry"]:
        _console.print("Run bin/ingest images later to try the rest again.", style="dim")


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    return table
