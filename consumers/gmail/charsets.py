"""Bytes as text, whatever charset they claim. Never raises."""

import base64
import string
from encodings.aliases import aliases

_ALPHABET = (string.ascii_letters + string.digits + "-_+/").encode()
_NOT_ALPHABET = bytes(set(range(256)) - set(_ALPHABET))
_STANDARD = bytes.maketrans(b"-_", b"+/")

# Not of the aliases are modules that have none. Left out are transformations, and codecs that are quadratic (punycode)
# or Python's own inventions. Only what is in here is looked up: Python remembers every name that it was ever asked for.
_WITHOUT_ALIAS = (
    "cp720 cp737 cp856 cp874 cp875 cp1006 koi8_t koi8_u utf_8_sig mac_croatian mac_farsi mac_romanian".split()
)
_NOT_TEXT = "base64_codec bz2_codec hex_codec quopri_codec rot_13 uu_codec zlib_codec mbcs".split()


def _bare(charset: str) -> str:
    return charset.strip().lower().replace("-", "").replace("_", "")


_KNOWN = {_bare(name): module for name, module in aliases.items() if module not in _NOT_TEXT}
_KNOWN |= {_bare(module): module for module in (*_KNOWN.values(), *_WITHOUT_ALIAS)}
# As browsers read them (WHATWG): mail says the left, and means the right, which holds all of it and more.
_KNOWN |= {
    "usascii": "windows-1252",
    "ascii": "windows-1252",
    "iso88591": "windows-1252",
    "latin1": "windows-1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",
    "ksc56011987": "cp949",
    "euckr": "cp949",
    "shiftjis": "cp932",
    "sjis": "cp932",
    "iso2022jp": "iso2022_jp_ext",
    "iso88598i": "iso8859_8",
    "iso88596i": "iso8859_6",
    "windows874": "cp874",
    "iso885911": "cp874",
}
# Written with ASCII bytes only, which are valid UTF-8, too.
_SEVEN_BIT = ("iso2022", "utf7", "hz")
_WITH_ZEROS = ("utf16", "utf32")
_BEYOND_ASCII = bytes(range(128, 256))


def decoded_base64(data: str) -> bytes:
    """Of either alphabet, padded or not, with anything in between, cut off anywhere."""
    digits = data.encode("ascii", "ignore").translate(_STANDARD, _NOT_ALPHABET)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + b"=" * (-len(digits) % 4))


def decoded_body(data: bytes, charset: str) -> str:
    """A part's bytes. Gmail turns nearly all into UTF-8 and leaves the header as it was, so that UTF-8 goes before what
    the header says: bytes of another charset are practically never valid UTF-8."""
    name = _bare(charset)
    may_be_utf8 = not (data.isascii() if name.startswith(_SEVEN_BIT) else name.startswith(_WITH_ZEROS) and 0 in data)
    text = _utf8(data, _named(charset)) if may_be_utf8 else None
    return decoded(data, charset) if text is None else text


def decoded(data: bytes, charset: str) -> str:
    """As the charset says, else as UTF-8. What is neither has damage, which is marked, and is as the charset says after
    all: windows-1252 if it says nothing, or UTF-8."""
    named = _named(charset)
    text = _as(data, named)
    if text is None and not (named.startswith("iso2022") and data.isascii()):
        text = _utf8(data, named)
    return data.decode("windows-1252" if named == "utf-8" else named, "replace") if text is None else text


def _named(charset: str) -> str:
    """Python's name of it; UTF-8 if it has none."""
    name = _bare(charset)
    found = _KNOWN.get(name) or _KNOWN.get(name.removeprefix("x"), "utf-8")
    return "utf-8" if found.startswith("utf_8") else found


def _utf8(data: bytes, named: str) -> str | None:
    """None if it is no UTF-8. Some is damaged, or cut off within a character, and is none the less: more of what is
    beyond ASCII is whole than broken, by far if it is named as something else, which a short text may well be."""
    text = _as(data, "utf-8")
    if text is None:
        lenient = data.decode("utf-8", "replace")
        broken = lenient.count("\ufffd")
        whole = len(lenient) - len(data.translate(None, _BEYOND_ASCII)) - broken
        text = lenient if whole > broken * (1 if named == "utf-8" else 8) else None
    return text


def _as(data: bytes, charset: str) -> str | None:
    try:
        return data.decode(charset)
    except ValueError:
        return None
