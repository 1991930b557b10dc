"""A contact in a CSV file: no cell is a formula, and reading it again gives the same contact."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.transfer.columns import Columns
from deploy.transfer.export import CONTACT_COLUMNS, NAMED, contact_cells, csv_lines, json_lines
from deploy.transfer.records import RecordFile
from deploy.transfer.rows import ContactFile
from schemas.contacts import LIFECYCLE_STAGES, NAMED_PROPERTIES
from service.contacts.model import Contact
from service.contacts.view import contact_object
from tests.support.events import MORNING
from tests.support.hypothesis_settings import unhurried

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["=1+1", "'=1", "''", "'", "-", "+49 1", "@x", "\t", "\r\n=x", "﹦", "＝1", '"', ",", "0", "null", "[1]", "{}"]
)
names = st.sampled_from(sorted(NAMED_PROPERTIES - {"lifecyclestage"}))
keys = st.text(st.characters(codec="utf-8", exclude_characters="\0.$"), min_size=1, max_size=8).filter(
    lambda key: key != "email" and key not in NAMED_PROPERTIES
) | st.sampled_from(["contact_id", "created_at", "E-Mail", "properties", "visitor_ids", "First Name"])
values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner | st.none(), max_size=2) | st.dictionaries(keys, inner | st.none(), max_size=2),
    max_leaves=4,
)
visitor_ids = st.lists(
    text.map(str.strip).filter(lambda one: len(one) > 1 and one.casefold() not in ("null",)).map("v{}".format),
    max_size=3,
    unique=True,
)
properties = st.builds(
    lambda named, stage, free: {**named, **stage, **free},
    st.dictionaries(names, text, max_size=4),
    st.just({}) | st.sampled_from(sorted(LIFECYCLE_STAGES)).map(lambda stage: {"lifecyclestage": stage}),
    st.dictionaries(keys, values, max_size=3),
)
emails = st.sampled_from(["ada@example.com", "=cmd@example.com", "+49@example.com", "'-x@example.com", "-@example.com"])


@settings(unhurried, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(emails, properties, visitor_ids, st.none() | st.just("co_1"))
def test_a_contact_is_read_as_it_was_written(
    tmp_path: Path, email: str, properties: dict[str, Any], visitors: list[str], company: str | None
) -> None:
    contact = Contact(
        *("ct_1", "t", email, properties, MORNING, MORNING, MORNING),
        visitor_ids=tuple(visitors),
        company_ids=(company,) if company else (),
    )
    shown = contact_object(contact, None)
    written = {"a.csv": csv_lines([CONTACT_COLUMNS, contact_cells(shown)]), "a.jsonl": json_lines([shown])}
    cells = list(csv.reader(io.StringIO(written["a.csv"].decode(), newline="")))[1]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)
    for name, content in written.items():
        path = tmp_path / name
        path.write_bytes(content)
        (row,) = ContactFile(RecordFile(path, is_csv=name == "a.csv"), Columns({})).rows(0)
        assert row.wanted is not None, row.reasons
        found = row.wanted.model_dump()
        # As JSON: 1 and 1.0 and true are the same to Python.
        assert json.dumps(found.pop("properties"), sort_keys=True) == json.dumps(properties, sort_keys=True)
        assert found == {"email": email, "visitor_id": visitors, "company_id": company}


def test_every_named_property_has_a_column() -> None:
    assert set(NAMED) == NAMED_PROPERTIES
