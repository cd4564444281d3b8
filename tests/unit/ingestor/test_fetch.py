"""How we present ourselves, what waits a host may ask for, and images on this machine."""

import datetime
import email.utils
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FetchError
from ingestor.fetch import is_loopback, retry_after
from ingestor.hosts import name_of
from ingestor.local import LocalFiles
from ingestor.manners import LIMITS, Manners, limit_of


def outcome(files, url):
    try:
        return files.read(url, 10_000)
    except FetchError as error:
        return error


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/a", True),
        ("http://LOCALHOST/a", True),
        ("http://[::1]:1/a", True),
        ("http://127.0.0.1.museum.example/a", False),
        ("http://museum.example/127.0.0.1", False),
    ],
)
def test_loopback_is_told_from_other_hosts(url, here):
    assert is_loopback(url) is here


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://Museum.example/1.jpg", "museum.example"),
        ("HTTPS://museum.example:8443?x=/", "museum.example:8443"),
        ("http://user:pw@museum.example/a@b", "museum.example"),
        ("http://[::1]:80/1.jpg", "[::1]:80"),
        ("file:///1.jpg", None),
        ("http:///1.jpg", None),
    ],
)
def test_the_host_of_a_link(url, name):
    assert name_of(url) == name


def test_fragile_hosts_have_limits_of_their_own():
    assert limit_of("museum.example", 5.0).requests_per_second == 5.0
    assert limit_of("api.gbif.org:443", 5.0).connections == 1
    assert limit_of("api.gbif.org", 5.0).requests_per_second == 1.0
    assert limit_of("www.tropicos.org", 5.0) == LIMITS["tropicos.org"]
    assert limit_of("nottropicos.org", 5.0).requests_per_second == 5.0
    assert limit_of("ph.ansp.org", 0.1).requests_per_second == 0.1


def test_files_and_members_of_archives(tmp_path):
    (tmp_path / "a b.jpg").write_bytes(b"file")
    (tmp_path / "big.jpg").write_bytes(b"x" * 10_001)
    with zipfile.ZipFile(tmp_path / "a b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ü/a.jpg", b"member")
        archive.writestr("bomb.jpg", b"\0" * 1_000_000)
    files = LocalFiles()
    base = (tmp_path / "a b.zip").as_uri().replace("file://", "zip://")
    assert outcome(files, (tmp_path / "a b.jpg").as_uri()) == b"file"
    assert outcome(files, f"{base}!/%C3%BC/a.jpg") == b"member"
    for url, state in [
        (f"{base}!/bomb.jpg", "invalid"),
        ((tmp_path / "big.jpg").as_uri(), "invalid"),
        (f"{base}!/none.jpg", "gone"),
        (f"zip://{tmp_path}/none.zip!/a.jpg", "gone"),
        ((tmp_path / "none.jpg").as_uri(), "gone"),
    ]:
        assert outcome(files, url).state == state, url
    files.close()


@given(st.integers(0, 10**7))
def test_retry_after_in_seconds(seconds):
    assert retry_after(str(seconds)) == min(seconds, 86400)


@given(st.integers(5, 80_000))
def test_retry_after_as_a_date(seconds):
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    assert retry_after(email.utils.format_datetime(at, usegmt=True)) == pytest.approx(
        seconds, abs=3
    )


@pytest.mark.parametrize("header", [None, "", "soon", "nan", "Fri, 99 Foo 2020"])
def test_retry_after_that_says_nothing(header):
    assert retry_after(header) is None


def test_the_hosts_own_clock_counts_for_a_date():
    date, later = "Fri, 01 Jan 2021 00:00:00 GMT", "Fri, 01 Jan 2021 00:00:07 GMT"
    assert retry_after(later, date) == 7
    assert retry_after(later) == 0


@given(st.integers(1, 200))
def test_backing_off_doubles_and_has_an_end(failures):
    manners = Manners()
    assert manners.back_off(failures) == min(900.0, 2.0 ** (failures - 1))
    assert manners.probe_after(5) == 60.0
    assert manners.probe_after(5 + failures) <= 3600.0
