"""Person names (PS3.5 6.2.1) and the form in which they are searched."""

import re
import unicodedata
from dataclasses import dataclass

# Letters that Unicode does not decompose into a base letter and a mark.
_UNDECOMPOSED = str.maketrans(
    {
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "ħ": "h",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)
# Three groups of four-byte characters still fit in an entry of a B-tree of PostgreSQL (2704 bytes).
_MAX_FOLDED = 200
_SEPARATORS = re.compile(r"[\s^=,]+")


@dataclass(frozen=True, slots=True)
class PersonName:
    """One name in its three component groups, each `Family^Given^Middle^Prefix^Suffix`."""

    alphabetic: str = ""
    ideographic: str = ""
    phonetic: str = ""

    @classmethod
    def from_text(cls, text: str) -> "PersonName":
        groups = [group.rstrip("^ ").strip() for group in text.split("=")[:3]]
        return cls(*groups)

    def __str__(self) -> str:
        return "=".join((self.alphabetic, self.ideographic, self.phonetic)).rstrip("=")

    @property
    def folded(self) -> str:
        """The groups as search words (see `fold`), separated by `=`, bounded for the index."""
        groups = (
            fold(g)[:_MAX_FOLDED].strip()
            for g in (self.alphabetic, self.ideographic, self.phonetic)
        )
        return "=".join(groups).rstrip("=")

    def as_json(self) -> dict[str, str]:
        """The groups that are present, as PS3.18 F.2.2 names them."""
        groups = {
            "Alphabetic": self.alphabetic,
            "Ideographic": self.ideographic,
            "Phonetic": self.phonetic,
        }
        return {name: value for name, value in groups.items() if value}


def fold(text: str) -> str:
    """Words without case, accents and separators, one space between: what a search compares."""
    # Compatibility forms such as a modifier letter A become capitals only by NFKD.
    small = unicodedata.normalize("NFKD", text).casefold()
    decomposed = unicodedata.normalize("NFKD", small)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    recomposed = unicodedata.normalize("NFC", bare.translate(_UNDECOMPOSED))
    return _SEPARATORS.sub(" ", recomposed).strip()


def readable(name: str) -> str:
    """A name as people write it: prefix, given, middle, family, and the suffix after a comma."""
    family, given, middle, prefix, suffix = ([*name.split("^"), "", "", "", ""])[:5]
    text = " ".join(part.strip() for part in (prefix, given, middle, family) if part.strip())
    return f"{text}, {suffix.strip()}" if suffix.strip() else text
