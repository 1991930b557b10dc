"""The API's document, sentence by sentence: each has a test, and the routes have its scopes."""

import ast
import re
from pathlib import Path

import pytest

from service.api.app import ENDPOINTS
from tests.architecture.contract_table import TABLE

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT.parent / "shared" / "contract" / "contacts-api.txt"
ROWS = [(section, sentence, tests) for section, rows in TABLE.items() for sentence, tests in rows]
# Navigation, column heads, and what only opens or closes an example.
FURNITURE = re.compile(r"Skip to content|Pathbound DOCS|(Field|Parameter)Type(Required|Default)Description|[{}\s]*")


@pytest.mark.parametrize(("section", "sentence", "tests"), ROWS)
def test_each_sentence_has_a_test(section: str, sentence: str, tests: list[str]) -> None:
    assert tests, f"{section}: no test shows: {sentence}"
    for test in tests:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / "tests" / "integration" / file).resolve().read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}, (
            f"{test} is gone, and showed: {sentence}"
        )


def test_each_sentence_of_the_document_is_in_the_table() -> None:
    """Where the document is at hand; the table is what the build knows of it everywhere."""
    if not DOCUMENT.exists():
        assert len(ROWS) > 70
        return
    section, missing = "", []
    known = {section: {sentence for sentence, _ in rows} for section, rows in TABLE.items()}
    for line in DOCUMENT.read_text().splitlines():
        rest = line.strip()
        if rest and rest in TABLE:
            section = rest
            continue
        for sentence in known[section] | known["Notes"]:
            rest = rest.replace(sentence, "") if len(sentence) > 25 or rest == sentence else rest
        if not FURNITURE.fullmatch(rest):
            missing.append((section, rest))
    assert not missing


def test_scopes_are_the_documents() -> None:
    paths = {endpoint: re.sub(r"{(\w+)}", r":\1", endpoint.path) for endpoint in ENDPOINTS}
    scopes = {f"{endpoint.method} {path}": endpoint.scope for endpoint, path in paths.items()}
    for section, rows in TABLE.items():
        for sentence, _ in rows:
            if sentence.startswith("Required scope: "):
                assert scopes[section] == sentence.removeprefix("Required scope: "), section
