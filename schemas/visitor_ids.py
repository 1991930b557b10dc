"""Visitor ids: which strings identify somebody, and which are what broken trackers send for everybody."""

import re

MAX_IDENTITY_LENGTH = 256

# Trackers send these when they know nobody. Believed, they would merge strangers into one contact.
# Source: contract/sources.md "Trackers"; PostHog's list of illegal distinct ids is the same.
_JUNK_ANY_CASE = frozenset(
    "anonymous|guest|distinct_id|distinctid|id|email|undefined|true|false|not_authenticated|"
    "[object object]|nan|none|null|0|-1".split("|")
)
_ONLY_ZEROS_AND_DASHES = re.compile(r"[0\-\u2010-\u2015{}\s]*")
# Quotes, and all that `str.isspace` says is white space.
_AROUND = (
    "\"'`\u2018\u2019\u201c\u201d"
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def is_junk_identity(value: str) -> bool:
    """True for an id that must never link events to a contact: blank, `undefined`, `0`, only zeros and dashes, …

    Quotes and white space around it do not make it better.
    """
    bare = value.strip(_AROUND)
    return not bare or bare.casefold() in _JUNK_ANY_CASE or _ONLY_ZEROS_AND_DASHES.fullmatch(bare) is not None
