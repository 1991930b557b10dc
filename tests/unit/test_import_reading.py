"""Files of contacts: what is read is what was written, line by line; faults say where they are and no more."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.transfer.cells import escaped, unescaped
from deploy.transfer.columns import Columns
from deploy.transfer.records import MAX_LINE_BYTES, FileFaultError, Record, RecordFile
from deploy.transfer.rows import ContactFile
from tests.support.hypothesis_settings import unhurried

one_file = settings(unhurried, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6)
)
SECRET = "hunter2"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "contacts.csv"


def rows_of(path: Path, columns: Columns | None = None, **how: Any) -> list[Any]:
    file = RecordFile(path, is_csv=path.suffix == ".csv")
    return list(ContactFile(file, columns or Columns({}), **how).rows(0))


def fault_of(read: Callable[[], Any]) -> str:
    with pytest.raises(FileFaultError) as caught:
        read()
    return str(caught.value)


@one_file
@given(tables, st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_any_table_is_read_as_it_was_written(
    path: Path, table: list[list[str]], delimiter: str, end: str, bom: bool, quote_all: bool
) -> None:
    header = [f"c{number}" for number in range(len(table[0]))]
    text, lines = io.StringIO(newline=""), []
    # Where lines end in \n alone, Python's writer leaves a lone \r without the quotes that it needs.
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote_all or end == "\n" else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    for row in [header, *table]:
        lines.append(text.getvalue().count("\n") + 1)
        writer.writerow(row)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode())

    file = RecordFile(path, is_csv=True, delimiter=delimiter)
    assert file.header() == header
    found = list(file.records())
    assert [record.fields for record in found] == [dict(zip(header, row, strict=True)) for row in table]
    assert [record.line for record in found] == lines[1:]
    # What was skipped over is the file's first part, whatever stands in it.
    contacts = ContactFile(file, Columns({}))
    assert list(contacts.rows(1)) == list(contacts.rows(0))[1:]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=5,
)


@one_file
@given(st.lists(st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=4), max_size=5))
def test_any_objects_are_read_as_they_were_written(path: Path, objects: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(one, ensure_ascii=False)}\n\n" for one in objects), newline="")
    found = list(RecordFile(path, is_csv=False).records())
    assert [record.fields for record in found] == objects
    assert [record.line for record in found] == list(range(1, 2 * len(objects), 2))


@one_file
@given(st.binary(max_size=80) | st.text('",\n\r{}: a=', max_size=60).map(str.encode), st.booleans())
def test_any_bytes_are_records_or_a_sentence(path: Path, content: bytes, is_csv: bool) -> None:
    path.write_bytes(b"email,a\n" + content if is_csv else content)
    contacts = ContactFile(RecordFile(path, is_csv), Columns({}))
    try:
        count = contacts.check()
    except FileFaultError:
        return
    rows = list(contacts.rows(0))
    assert len(rows) == count
    assert all((row.wanted is None) == bool(row.reasons) for row in rows)


@given(cells)
def test_no_cell_is_a_formula_and_each_is_given_back(text: str) -> None:
    assert not escaped(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert unescaped(escaped(text)) == text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'email,a\nx@example.com,"hunter2\n', "begins in line 2"),
        (b'email,a\nx@example.com,"b"hunter2\n', "begins in line 2"),
        (b'email,a\nx@example.com,"1\n2"\ny@example.com,"b" hunter2"\n', "begins in line 4"),
        ("email,a\nx@example.com,hunter2 é\n".encode("latin-1"), "Line 2 is not UTF-8"),
        ("email,a\nhunter2".encode("utf-16"), "UTF-16"),
        (b"email,a\n" + b"hunter2" * MAX_LINE_BYTES, "Line 2 has more than"),
        (b"", "nothing in the file"),
        (b"email;a\nx@example.com;hunter2\n", "--delimiter"),
        (b"mail 2,a\nx@example.com,hunter2\n", "--map"),
        (b"email,E-Mail\nx@example.com,hunter2\n", "would both be email"),
        (b"email,a,a\nx@example.com,hunter2,\n", "same name"),
        (b"email,,a\nx@example.com,hunter2,\n", "Column 2 has no name"),
        (b"email,a.b\nx@example.com,hunter2\n", "cannot be a property"),
    ],
)
def test_a_doubtful_file_is_refused_whole(path: Path, content: bytes, told: str) -> None:
    path.write_bytes(content)
    sentence = fault_of(ContactFile(RecordFile(path, is_csv=True), Columns({})).check)
    assert told in sentence
    assert SECRET not in sentence


def test_columns_are_known_by_their_usual_names_and_the_rest_are_properties(path: Path) -> None:
    path.write_text(
        "E-Mail Address,First Name,LAST_NAME,Company Name,Job Title,LinkedIn URL,Visitor ID,created_at,Shoe size\n"
        "Ada@Example.com,Ada,Lovelace,Analytical,Countess,https://l.example/ada,v-1,2020,'+38\n"
        'bob@example.com,,,,,,"[""v-2"", ""v-3""]",,\n'
    )
    ada, bob = rows_of(path)
    assert ada.wanted.model_dump() == {
        "email": "ada@example.com",
        "visitor_id": ["v-1"],
        "company_id": None,
        "properties": {
            "firstname": "Ada",
            "lastname": "Lovelace",
            "company": "Analytical",
            "jobtitle": "Countess",
            "linkedin_url": "https://l.example/ada",
            "Shoe size": "+38",
        },
    }
    assert (bob.line, bob.wanted.visitor_id, bob.wanted.properties) == (3, ["v-2", "v-3"], {})
    removed = rows_of(path, clear_empty=True)[1].wanted.properties
    assert removed == dict.fromkeys(["firstname", "lastname", "company", "jobtitle", "linkedin_url", "Shoe size"])


def test_a_mapping_says_what_a_column_is(path: Path) -> None:
    path.write_text("Kontakt,Stufe,Notizen\nx@example.com,lead,secret\n")
    mapped = Columns({"Kontakt": "email", "Stufe": "lifecyclestage", "Notizen": ""})
    (row,) = rows_of(path, mapped)
    assert (row.wanted.email, row.wanted.properties) == ("x@example.com", {"lifecyclestage": "lead"})
    lost = Columns({"Kontakt": "email", "Anrede": "salutation"})
    assert "no column “Anrede”" in fault_of(ContactFile(RecordFile(path, is_csv=True), lost).check)


def test_a_row_is_refused_for_its_own_faults(path: Path) -> None:
    path.write_text(
        "email,lifecyclestage,properties,visitor_ids\n"
        "hunter2,lead,,\n"
        "x@example.com,hunter2,,\n"
        "x@example.com,lead,hunter2,\n"
        'x@example.com,lead,"{""lifecyclestage"": ""lead""}",\n'
        "x@example.com,lead,,undefined\n"
        "x@example.com,lead,,,hunter2\n"
    )
    rows = rows_of(path)
    assert [row.line for row in rows] == [2, 3, 4, 5, 6, 7]
    assert all(row.wanted is None and row.reasons for row in rows)
    told = [row.reasons[0] for row in rows]
    assert told[0].startswith("email: must be an e-mail address")
    assert told[1].startswith("properties.lifecyclestage: must be one of")
    assert told[2].startswith("properties is not valid JSON")
    assert told[3] == "lifecyclestage is given twice"
    assert told[4].startswith("visitor_id.0:")
    assert told[5].startswith("has 5 cells where the header has 4")
    assert SECRET not in str(told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[1]", "must be a JSON object"),
        ('{"email": "x@example.com", "email": "y@example.com"}', "key twice"),
        ('{"email": "x@example.com", "size": 1e999}', "finite"),
        ('{"email": "x@example.com", "properties": "hunter2"}', "must be an object"),
        ('{"email": "x@example.com", "associations": {"companies": ["a", "b"]}}', "at most one"),
        ('{"hunter2', "not valid JSON"),
        ('{"name": "hunter2"}', "email: "),
    ],
)
def test_a_json_line_is_refused_for_its_own_faults(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "contacts.jsonl"
    path.write_text(f'{{"email": "ok@example.com"}}\n{line}\n')
    good, bad = rows_of(path)
    assert good.wanted.email == "ok@example.com"
    assert (bad.line, bad.wanted) == (2, None)
    assert told in bad.reasons[0]
    assert SECRET not in str(bad.reasons)


def test_the_digest_is_the_contents_and_how_it_is_read(tmp_path: Path) -> None:
    here, there = tmp_path / "a.csv", tmp_path / "b.csv"
    for path in (here, there):
        path.write_text("email,a\nx@example.com,1\n")

    def digest(path: Path, given: dict[str, str], **how: Any) -> str:
        return ContactFile(RecordFile(path, is_csv=True), Columns(given), **how).digest()

    assert digest(here, {}) == digest(there, {})
    assert len({digest(here, {}), digest(here, {"a": ""}), digest(here, {}, clear_empty=True)}) == 3
    there.write_text("email,a\nx@example.com,2\n")
    assert digest(here, {}) != digest(there, {})


def test_records_say_how_large_they_are(path: Path) -> None:
    content = 'email,a\nx@example.com,"1\n2"\n'
    path.write_text(content)
    (record,) = RecordFile(path, is_csv=True).records()
    assert record == Record(2, len(content) - len("email,a\n"), {"email": "x@example.com", "a": "1\n2"})


@pytest.mark.parametrize("kind", [".csv", ".jsonl"])
def test_a_file_that_changes_while_it_is_imported_gives_no_more_rows(path: Path, kind: str) -> None:
    """Half a line of what is just being written would be a row, and the import would be kept for other content."""
    path = path.with_suffix(kind)
    line = '{"email": "ada@example.com"}\n' if kind == ".jsonl" else "ada@example.com\n"
    path.write_text(("" if kind == ".jsonl" else "email\n") + line * 20_000)
    contacts = ContactFile(RecordFile(path, is_csv=kind == ".csv"), Columns({}))
    contacts.check()
    contacts.digest()
    rows = contacts.rows(0)
    next(rows)
    with path.open("a") as file:
        file.write('"')
    changed = "The file was changed while it was read: give the command again once it is complete."
    assert fault_of(lambda: next(rows)) == changed
    for read_again in (contacts.check, contacts.digest, lambda: next(contacts.rows(0))):
        assert fault_of(read_again) == changed


def test_a_file_that_vanishes_is_told_in_a_sentence(path: Path) -> None:
    path.write_text("email\nada@example.com\n")
    contacts = ContactFile(RecordFile(path, is_csv=True), Columns({}))
    contacts.check()
    path.unlink()
    gone = "The file can no longer be read: No such file or directory."
    assert fault_of(contacts.digest) == gone
    assert fault_of(lambda: next(contacts.rows(0))) == gone


@pytest.mark.parametrize(
    "content",
    [
        b"email,firstname\ra@x.example,A\r",
        b"email,firstname\r" + b"a@x.example,A\r" * (MAX_LINE_BYTES // 14),
        b"email,firstname\na@x.example,A\rB\n",
    ],
    ids=["all of them", "more than a line may have", "one"],
)
def test_a_carriage_return_alone_is_named_and_not_the_quoting(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    told = fault_of(ContactFile(RecordFile(path, is_csv=True), Columns({})).check)
    assert "has a carriage return without a line feed" in told
    assert "quoting" not in told


@pytest.mark.parametrize(("broken", "column"), [(b'{"email": x}', 11), (b'{"email":', 10)])
def test_a_line_that_is_no_json_is_told_by_its_column_alone(tmp_path: Path, broken: bytes, column: int) -> None:
    path = tmp_path / "contacts.jsonl"
    path.write_bytes(b'{"email": "a@x.example"}\n\n' + broken + b"\r\n")
    row = rows_of(path)[1]
    assert row.line == 3
    assert row.reasons == (f"the line is not valid JSON: column {column} is where it breaks.",)
