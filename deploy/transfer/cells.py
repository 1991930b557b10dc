"""Cells that a spreadsheet does not take for formulas, and the way back.

A spreadsheet evaluates a cell that begins with one of `= + - @`, a tab or a line break; strangers' data would run.
Such a text is exported behind an apostrophe, and so is one that would be mistaken for it, so that an import gives back
exactly what was exported.
"""

_MARK = "'"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the full-width forms, which some spreadsheets take for the same."""
_MARKED = (*_FORMULA, _MARK)


def escaped(text: str) -> str:
    """The text as a cell."""
    dangerous = text.startswith(_FORMULA) or (text.startswith(_MARK) and text[1:].startswith(_MARKED))
    return _MARK + text if dangerous else text


def unescaped(cell: str) -> str:
    """The text that a cell was made of."""
    return cell[1:] if cell.startswith(_MARK) and cell[1:].startswith(_MARKED) else cell
