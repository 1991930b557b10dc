"""Tables on a terminal, of text that may come from strangers."""

from collections.abc import Iterable, Sequence

import click


def safe(text: str) -> str:
    """The text on one line, without what a terminal would obey or show as nothing."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as their longest cell; numbers to the right."""
    kept = list(rows)
    cells = [[f"{cell:,}" if isinstance(cell, int) else safe(str(cell)) for cell in row] for row in kept]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    right = [bool(kept) and all(isinstance(row[at], int) for row in kept) for at in range(len(titles))]
    for line in (titles, *cells):
        padded = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        )
        click.echo("  ".join(padded).rstrip())
