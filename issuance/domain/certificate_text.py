"""The alphabet of ICP-Brasil certificates: A-Z, 0-9 and a little punctuation; no accents, no lower case.

DOC-ICP-04 v8.1 item 7.1.4 (names) and 7.1.2.3 (otherName fields). What cannot be written in that alphabet is refused,
never dropped: a name that lost letters in silence is somebody else's name.
"""

import re
import unicodedata
from typing import Final

from foundation.errors import BadInput

# Letters that decompose into nothing plain by Unicode's rules, as Portuguese, Spanish and German names need them.
_LETTERS: Final = str.maketrans({"Æ": "AE", "Œ": "OE", "Ø": "O", "Ð": "D", "Þ": "TH", "Ł": "L", "ẞ": "SS", "Đ": "D"})
_TYPED_SIGNS: Final = str.maketrans("\u2019\u2018\u00b4`\u2013\u2014", "''''--")

_IN_NAME: Final = re.compile(r"[A-Z0-9 '&(),./-]*\Z")
"""What the norm allows in a distinguished name and people's or companies' names really have. No colon: it separates
the name from the CPF in the common name, and readers cut there."""
_IN_FIELD: Final = re.compile(r"[A-Z0-9 ]*\Z")
_PUNCTUATION: Final = re.compile(r"['&(),./-]+")


class BadCertificateText(BadInput):
    """A text with letters that no ICP-Brasil certificate can carry."""

    code = "bad_certificate_text"
    summary = "This text has characters that a certificate cannot carry; write it with the letters A to Z."
    may_disclose = True


def folded(text: str) -> str:
    """Upper case, accents folded, spaces single, for a distinguished name. Raises BadCertificateText."""
    # "ß".upper() is "SS" already; NFKD takes the accents apart so that they can be left out.
    apart = unicodedata.normalize("NFKD", text.translate(_TYPED_SIGNS)).upper().translate(_LETTERS)
    plain = " ".join("".join(char for char in apart if not unicodedata.combining(char)).split())
    if not _IN_NAME.match(plain):
        raise BadCertificateText
    return plain


def field_text(text: str) -> str:
    """As ``folded``, and punctuation becomes a space: otherName fields know letters, digits and spaces only."""
    plain = " ".join(_PUNCTUATION.sub(" ", folded(text)).split())
    if not _IN_FIELD.match(plain):
        raise BadCertificateText
    return plain


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters, cut between words where one ends in the last third."""
    if len(text) <= limit:
        return text
    cut = text[:limit]
    if text[limit] != " " and " " in cut[limit * 2 // 3 :]:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip()
