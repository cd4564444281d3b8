import psycopg
import pytest
from sqlalchemy import exc

from core.db.engine import normalise, translate_errors
from core.errors import Unavailable


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_the_scheme_gets_our_driver(scheme: str) -> None:
    url = normalise(f"{scheme}://me:s%40cret@db.example:6543/museum?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.port, url.query["sslmode"]) == ("s@cret", 6543, "require")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (psycopg.OperationalError("connection refused\nIs it running?"), "connection refused"),
        (exc.OperationalError("SELECT 1", {}, psycopg.OperationalError("gone")), "gone"),
        (psycopg.errors.UndefinedTable("no such table"), "bin/migrate"),
        (exc.TimeoutError("QueuePool limit"), "in use"),
    ],
)
def test_a_missing_database_is_unavailable_in_one_line(error: Exception, says: str) -> None:
    with pytest.raises(Unavailable, match=says) as caught, translate_errors():
        raise error
    assert "\n" not in caught.value.detail


def test_faults_of_ours_pass_through() -> None:
    with pytest.raises(psycopg.errors.UniqueViolation), translate_errors():
        raise psycopg.errors.UniqueViolation("duplicate key")
