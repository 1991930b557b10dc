"""Which column of a file is what of a contact."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from deploy.cli.tables import safe
from deploy.transfer.cells import unescaped
from deploy.transfer.records import FileFaultError
from schemas.contacts import NAMED_PROPERTIES, check_properties
from schemas.json_values import UnstorableValueError
from service.api.errors import RequestRefusedError
from service.api.validation import parse_json

EMAIL, VISITORS, COMPANY, PROPERTIES, ASSOCIATIONS = "email", "visitor_ids", "company_id", "properties", "associations"
OWN = frozenset({EMAIL, VISITORS, COMPANY, PROPERTIES, ASSOCIATIONS})
"""What a contact has beside its properties. The rest of a contact object is ours to say, and is left out:"""
TOLD = (
    *("creation_source", "enrichment_status", "enriched_at", "enriched_by", "first_seen_at", "last_activity_at"),
    *("created_at", "updated_at", "version"),
)
LEFT_OUT = frozenset({"contact_id", "_id", "segment_ids", *TOLD})

_ALSO_CALLED = {
    EMAIL: "mail emailaddress",
    VISITORS: "visitorid",
    "firstname": "givenname forename",
    "lastname": "surname familyname",
    "company": "companyname organization organisation",
    "country": "countryregion",
    "state": "stateregion region",
    "linkedin_url": "linkedin linkedinprofile",
    "phone": "phonenumber telephone",
    "website": "websiteurl",
}


_MOST_SHOWN = 100


def _plain(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


_BY_PLAIN_NAME = {
    **{_plain(name): name for name in (*OWN, *NAMED_PROPERTIES)},
    **{plain: name for name, others in _ALSO_CALLED.items() for plain in others.split()},
}


@lru_cache(4_096)
def _by_default(name: str) -> str:
    return "" if name in LEFT_OUT else _BY_PLAIN_NAME.get(_plain(name), name)


class RecordFaultError(Exception):
    """A record that cannot be read as a contact; the text repeats no value of it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """`given` is what was said of columns by name: the target, or empty to leave it out."""

    given: Mapping[str, str]

    def target(self, column: str) -> str:
        """What the column is; empty for one that is left out. A name that says nothing to us is a property's."""
        name = column.strip()
        if (said := self.given.get(name)) is not None:
            return said
        return _by_default(name)

    def check(self, header: Sequence[str]) -> dict[str, str]:
        """The targets by column. Raises FileFaultError for a header that does not say clearly what is what."""
        names = [column.strip() for column in header]
        for missing in self.given.keys() - set(names):
            raise FileFaultError(f"There is no column “{missing}”; there are: {', '.join(names)}.")
        if "" in names:
            raise FileFaultError(f"Column {names.index('') + 1} has no name: give it one in the file.")
        targets = {name: self.target(name) for name in names}
        if len(targets) < len(names):
            raise FileFaultError("Two columns have the same name: rename or remove one in the file.")
        by_target: dict[str, str] = {}
        for name, target in targets.items():
            if target and target in by_target:
                both = f"“{by_target[target]}” and “{name}”"
                raise FileFaultError(f"{both} would both be {target}: say --map “{name}=” to leave one out.")
            by_target[target] = name
            _check_property(name, target)
        if EMAIL not in by_target:
            raise FileFaultError(f"No column is the e-mail address: say which, as in --map “{names[0]}=email”.")
        return targets

    def body(self, fields: Mapping[str, Any], *, is_csv: bool, clear_empty: bool) -> dict[str, Any]:
        """The record as `schemas.contacts.UpsertContact` takes it, not validated. Raises RecordFaultError."""
        body: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for column, value in fields.items():
            target = self.target(column)
            if not target:
                continue
            if is_csv:
                value = _of_cell(target, value, clear_empty=clear_empty)
                if value is _NOTHING:
                    continue
            if target not in OWN:
                _add(properties, [(target, value)])
            elif target == PROPERTIES:
                _add(properties, _pairs(value))
            else:
                _add(body, [_own(target, value)])
        return {**{name: value for name, value in body.items() if value is not None}, PROPERTIES: properties}


_NOTHING = object()


def _check_property(name: str, target: str) -> None:
    if target and target not in OWN | NAMED_PROPERTIES:
        try:
            check_properties({target: ""})
        except UnstorableValueError as error:
            leave_out = f"say --map “{name}=NAME”, or --map “{name}=” to leave the column out"
            raise FileFaultError(f"Column “{name}” cannot be a property: it {error.message}; {leave_out}.") from None


def _add(into: dict[str, Any], pairs: Iterable[tuple[str, Any]]) -> None:
    for name, value in pairs:
        if name in into:
            raise RecordFaultError(f"{safe(name)[:_MOST_SHOWN]} is given twice")
        into[name] = value


def _pairs(value: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict | None):
        raise RecordFaultError("properties must be an object")
    return value.items() if value else ()


def _of_cell(target: str, cell: str, *, clear_empty: bool) -> Any:
    if not cell:
        return None if clear_empty and target not in OWN else _NOTHING
    text = unescaped(cell)
    if target == PROPERTIES or (target == VISITORS and text.startswith("[")):
        try:
            return parse_json(text.encode())
        except RequestRefusedError as refused:
            reason = refused.answer.sentence.replace("The body", "")
            raise RecordFaultError(f"{target}{reason}") from None
    return text


def _own(target: str, value: Any) -> tuple[str, Any]:
    """The field of UpsertContact, and its value."""
    if target == VISITORS:
        return "visitor_id", value
    if target == ASSOCIATIONS:
        companies = value.get("companies") if isinstance(value, dict) else None
        if not isinstance(companies, list) or len(companies) > 1:
            raise RecordFaultError("associations must be an object with at most one id in “companies”")
        return COMPANY, companies[0] if companies else None
    return target, value


def listed(values: Sequence[str]) -> str:
    """Several ids in one cell."""
    return orjson.dumps(values).decode() if values else ""
