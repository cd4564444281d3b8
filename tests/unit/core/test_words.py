from core.words import begins, prefix_query, words


def test_words_lose_accents_capitals_and_punctuation() -> None:
    assert words("Ødegård, Née-Ångström’s (ÑANDÚ)") == ["odegard", "nee", "angstrom’s", "nandu"]
    assert words("Polygonia c-album") == ["polygonia", "c", "album"]
    assert words(" -- ") == []


def test_every_word_typed_begins_a_word() -> None:
    assert begins("Heliconius erato", ["era", "hel"])
    assert not begins("Heliconius erato", ["rato"])
    assert begins("anything", [])


def test_a_prefix_query_holds_only_words() -> None:
    assert prefix_query("mor' & | !(pel:*") == "'mor':* & 'pel':*"
    assert prefix_query("'--") == ""
