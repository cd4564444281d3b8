"""From identifiers to what can be fetched."""

import pytest

from core.errors import RejectedRow
from ingestor.sources.links import fetchable


def locate(identifier, members=("img/a b.jpg", "c.jpg")):
    return fetchable(identifier, set(members), lambda name: f"in:{name}")


@pytest.mark.parametrize(
    ("identifier", "url"),
    [
        ("http://h/a.jpg", "http://h/a.jpg"),
        (" HTTPS://H/A.JPG ", "HTTPS://H/A.JPG"),
        ("http://h/a b/ü.jpg?x=1&y=%20", "http://h/a%20b/%C3%BC.jpg?x=1&y=%20"),
        ("//h/a.jpg", "https://h/a.jpg"),
        ("img/a b.jpg", "in:img/a b.jpg"),
        ("./img/a%20b.jpg", "in:img/a b.jpg"),
        (r"img\a b.jpg", "in:img/a b.jpg"),
    ],
)
def test_links_and_members_are_found(identifier, url):
    assert locate(identifier) == url


@pytest.mark.parametrize(
    "identifier", ["ftp://h/a.jpg", "file:///c.jpg", "javascript:x", "http://"]
)
def test_other_kinds_of_links_are_rejected(identifier):
    with pytest.raises(RejectedRow, match="can be fetched"):
        locate(identifier)


@pytest.mark.parametrize("identifier", ["../c.jpg", "/c.jpg", "d.jpg", "", "img/../c.jpg"])
def test_what_the_source_does_not_hold_is_rejected(identifier):
    with pytest.raises(RejectedRow, match="no such file"):
        locate(identifier)
