"""Which metrics and labels a PromQL query names. No parser: `promtool` is one, and says whether the query is sound."""

import re
from dataclasses import dataclass, field

_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_WORD = re.compile(r"([a-zA-Z_:][\w:]*)(\s*\()?")
_RANGE = re.compile(r"\[[^\]]*\]")
_OPERATORS = {"and", "or", "unless", "bool", "offset"}
FUNCTIONS = set(
    "absent changes count histogram_quantile increase max max_over_time min_over_time rate sum time vector".split()
)


@dataclass(frozen=True, slots=True)
class Query:
    """`matchers`: metric, label, operator, value. `grouping`: the labels that something is summed or joined by."""

    metrics: set[str] = field(default_factory=set)
    matchers: list[tuple[str, str, str, str]] = field(default_factory=list)
    grouping: set[str] = field(default_factory=set)


def read(text: str) -> Query:
    """The names in a query. Raises ValueError for a function that is not known here."""
    query = Query()
    for metric, inside in _SELECTOR.findall(text):
        query.matchers.extend((metric, *matcher) for matcher in _MATCHER.findall(inside))
    rest = _RANGE.sub(" ", re.sub(r"\{[^}]*\}", " ", text))
    for labels in _GROUPING.findall(rest):
        query.grouping.update(label.strip() for label in labels.split(","))
    for word, call in _WORD.findall(_GROUPING.sub(" ", rest)):
        if call and word not in FUNCTIONS:
            raise ValueError(f"{word}() is no function that our queries use")
        if not call and word not in _OPERATORS:
            query.metrics.add(word)
    return query
