import json
import logging
from collections.abc import Iterator

import pytest

from core import logs
from core.settings import Settings


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_json_is_one_object_a_line_with_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(Settings(log_format="json"))
    with logs.bound(request="r1"), logs.bound(job="j1"):
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logging.getLogger("core.test").exception("could not read %s", "x")
    logging.getLogger("core.test").info("after")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["message"] == "could not read x"
    assert (first["level"], first["logger"]) == ("error", "core.test")
    assert (first["request_id"], first["job_id"]) == ("r1", "j1")
    assert "ValueError: two\nlines" in first["exception"]
    assert "request_id" not in second


def test_console_names_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(Settings())
    with logs.bound(request="r1"):
        logging.getLogger("core.test").warning("slow")
    assert "core.test: slow [request_id=r1]" in capsys.readouterr().err


def test_the_level_holds_and_setup_again_does_not_double(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.setup(Settings(log_level="debug"))
    logs.setup(Settings(log_level="warning"))
    logging.getLogger("core.test").info("quiet")
    logging.getLogger("core.test").warning("loud")
    assert capsys.readouterr().err.count("core.test") == 1
