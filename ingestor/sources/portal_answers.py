"""What a portal is asked, and what its answer means: JSON, come again later, or no."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from core.errors import UnreadableSource
from ingestor.answers import retry_after

Check = Callable[[object], str | None]
"""What is wrong with an answer, or None."""

_CALM = 420
"""GBIF's "Enhance Your Calm": too many downloads at once."""
_LATER = {408, _CALM, 425, 429}


@dataclass(frozen=True)
class Request:
    """One question to a portal."""

    method: str
    url: str
    options: Mapping[str, object] = field(default_factory=dict)
    """What aiohttp is to send with it."""
    check: Check | None = None
    plain: bool = False
    """Whether the answer is text."""
    target: Path | None = None
    """Where the answer is stored."""
    robots: bool = False
    """Whether robots.txt holds for it."""


@dataclass(frozen=True)
class Moved:
    """The answer is a redirect."""

    location: str


class Again(Exception):
    """It may go better another time."""

    def __init__(
        self, reason: str, seconds: float | None = None, *, calm: bool = False, asked: bool = True
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.calm = calm
        self.asked = asked
        """Whether a request was sent: else it says nothing of the portal."""
        self.seconds = seconds
        """How long to wait, where the portal said so."""


class Refused(UnreadableSource):
    """The portal understood the question and does not answer it."""

    def __init__(self, detail: str, status: int) -> None:
        super().__init__(detail)
        self.answered = status


async def check_status(answer: aiohttp.ClientResponse) -> None:
    """Raise Again or Refused unless the portal gave what was asked for."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status in _LATER or status >= 500:
        seconds = retry_after(answer.headers.get("Retry-After"), answer.headers.get("Date"))
        said = f"answered {status} {answer.reason or ''}".strip()
        raise Again(said, seconds, calm=status == _CALM and seconds is None)
    said = " ".join((await answer.text(errors="replace")).split())[:200]
    raise Refused(f"{answer.url} answered {status} {answer.reason or ''}: {said}", status)


async def store(answer: aiohttp.ClientResponse, target: Path) -> None:
    """Write the answer's body to a file, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with part.open("wb") as file:
        async for block in answer.content.iter_chunked(1 << 20):
            file.write(block)
    part.replace(target)


def decoded(text: str, check: Check | None) -> object:
    """Return JSON that is to be believed; Again where it is not."""
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise Again("sent what is no JSON") from error
    if check and (wrong := check(found)):
        raise Again(wrong)
    return found
