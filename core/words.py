"""Words of names and places without accents: the same here and in PostgreSQL (tables.WORDS)."""

import re
import unicodedata

_PLAIN = str.maketrans("ØøŁłĐđı", "OoLlDdi")
_MARKS = re.compile("[\u0300-\u036f]+")
_BREAKS = re.compile(r"[!-/:-@\[-`{-~\s]+")


def words(text: str) -> list[str]:
    """The words of a text in small letters, without accents and punctuation."""
    if text.isascii():
        plain = text
    else:
        plain = _MARKS.sub("", unicodedata.normalize("NFD", text).translate(_PLAIN))
    return [word for word in _BREAKS.split(plain.lower()) if word]


def begins(text: str, typed: list[str]) -> bool:
    """Whether each word `typed` begins a word of `text`."""
    own = words(text)
    return all(any(word.startswith(part) for word in own) for part in typed)


def prefix_query(typed: str) -> str:
    """What is typed as a query of PostgreSQL's: each word begins one of the text's; '' for none."""
    return " & ".join(f"'{word}':*" for word in words(typed))
