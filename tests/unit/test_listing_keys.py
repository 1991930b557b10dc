"""What contacts are sorted and searched by."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.contacts.listing_keys import (
    MAX_SORT_KEY,
    MAX_WORD,
    MAX_WORDS_PER_FIELD,
    fold,
    fold_case,
    listing_keys,
    search_terms,
    sort_key,
    words_of,
)
from service.contacts.model import Contact
from tests.support.events import MORNING

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def a_contact(**properties: object) -> Contact:
    return Contact("ct_1", "t", "ada.lovelace@mail.example.com", dict(properties), MORNING, MORNING, MORNING)


def finds(search: str, contact: Contact) -> bool:
    """As a store searches: each term begins a stored word."""
    words = listing_keys(contact).words
    return all(any(word.startswith(term) for word in words) for term in search_terms(search))


@pytest.mark.parametrize(
    ("given", "folded"),
    [
        ("ÉCOLE", "ecole"),
        ("E\u0301cole", "ecole"),
        ("Straße", "strasse"),
        ("Łódź Øre Đorđe", "lodz ore dorde"),
        ("ΆΝΝΑΣ", "αννασ"),
        ("Ёлка й", "елка и"),
        ("İstanbul Işık", "istanbul isik"),
        ("ﬁnance Ⅷ Ａｄａ", "finance viii ada"),
        ("ガ が", "ガ が"),  # an accent here makes another letter
        ("नी", "नी"),
        ("zero\u200bwidth\ufe0f so\u00adft", "zerowidth soft"),
        ("O’Brien, Марʼяна", "o'brien, мар'яна"),
        ("a\0b\tc", "a b c"),
    ],
)
def test_folding(given: str, folded: str) -> None:
    assert fold(given) == folded


@given(text)
@example("\u1e9e\u0345\u0390")
def test_folding_twice_changes_nothing(value: str) -> None:
    assert fold(fold(value)) == fold(value)
    assert fold_case(fold_case(value)) == fold_case(value)


@given(text)
def test_canonically_equal_texts_fold_alike(value: str) -> None:
    assert fold(unicodedata.normalize("NFD", value)) == fold(unicodedata.normalize("NFC", value))


@pytest.mark.parametrize(
    "search",
    [
        "ada",
        "ADA.LOVE",
        "lovelace",
        "ada.lovelace@mail.example.com",
        "mail.exa",
        "@mail.example.com",
        "example",
        "com",
        "Lovelace, Ada",
        '"Ada" <ada.lovelace@mail.example.com>',
        "eng ada",
        "o'bri",
        "brien-s",
        "c++",
        "chief engi",
        "acme & s",
    ],
)
def test_word_beginnings_find(search: str) -> None:
    contact = a_contact(firstname="Ada", lastname="O'Brien-Smith", company="Acme & Sons", jobtitle="Chief C++ Engineer")

    assert finds(search, contact)


@pytest.mark.parametrize("name", ["O'Brien", "O’Brien", "OʼBrien", "O‘Brien"])
@pytest.mark.parametrize("search", ["o'brien", "O’BRI", "Oʼbrien", "brien"])
def test_an_apostrophe_is_one_however_it_was_typed(name: str, search: str) -> None:
    assert finds(search, a_contact(lastname=name))
    assert sort_key(name) == "o'brien"


@pytest.mark.parametrize("search", ["ovelace", "adam", "ada grace", ".*", "^ada", "$where", "\\", "a.a", "c+++"])
def test_nothing_else_finds(search: str) -> None:
    assert not finds(search, a_contact(firstname="Ada", jobtitle="Chief C++ Engineer"))


@pytest.mark.parametrize("literal", [".*", "$where", "\\", "[object", "(a|b)+", "🦆", "שלום", "%00", "{{7*7}}"])
def test_a_text_that_looks_like_a_pattern_finds_itself(literal: str) -> None:
    assert finds(literal, a_contact(company=f"The {literal} Company"))


@pytest.mark.parametrize(
    ("name", "searches"),
    [
        ("王小明", ["王", "小明", "明"]),
        ("東京Tower株式会社", ["京tower", "tower", "株式", "会社"]),
        ("สมชาย", ["สม", "ชาย"]),
        ("ひらがなカタカナ", ["がな", "カナ"]),
        ("ၸြႃး", ["ၸ"]),
    ],
)
def test_where_a_script_has_no_blanks_each_character_starts_a_word(name: str, searches: list[str]) -> None:
    for search in searches:
        assert finds(search, a_contact(lastname=name)), search


def test_only_what_is_said_to_be_searched_is_searched() -> None:
    contact = a_contact(city="Paris", website="https://x.example", nickname="Countess")

    assert not any(finds(search, contact) for search in ("paris", "https", "countess"))


def test_a_search_without_anything_to_look_for_has_no_terms() -> None:
    assert [search_terms(blank) for blank in ("", "  \t", "\u200b", "\0")] == [(), (), (), ()]


@given(text)
def test_every_text_is_found_by_itself(value: str) -> None:
    assert finds(value, a_contact(company=value))


@given(text, text)
def test_stored_words_find_what_all_words_would_find(company: str, search: str) -> None:
    words = [word for value in ("ada.lovelace@mail.example.com", company) for word in words_of(value)]

    assert finds(search, a_contact(company=company)) == all(
        any(word.startswith(term) for word in words) for term in search_terms(search)
    )


def test_keys_are_bounded() -> None:
    keys = listing_keys(a_contact(lastname="ﷺ" * 1024, company="明" * 1024, jobtitle="a-" * 512, linkedin_url=" "))

    assert max(len(key) for key in keys.sort.values()) == MAX_SORT_KEY
    assert max(len(word) for word in keys.words) == MAX_WORD
    assert len(keys.words) <= 5 * MAX_WORDS_PER_FIELD
    assert not keys.has_linkedin


def test_a_missing_value_sorts_as_empty_and_a_strange_one_is_missing() -> None:
    keys = listing_keys(a_contact(firstname=7, company=" Über  Corp "))

    assert keys.sort == {
        "email": "ada.lovelace@mail.example.com",
        "firstname": "",
        "lastname": "",
        "company": "uber corp",
    }
    assert sort_key("Zoë") == "zoe"
    assert keys.job_title == ""


def test_a_job_title_keeps_its_accents() -> None:
    assert listing_keys(a_contact(jobtitle="Chargé D'Affaires")).job_title == "chargé d'affaires"
