"""From the identifier of a medium to a URL it can be fetched from."""

import re
from collections.abc import Callable, Container
from urllib.parse import quote, unquote

from core.errors import RejectedRow

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def fetchable(identifier: str, members: Container[str], url: Callable[[str], str]) -> str:
    """Return an http(s) link made safe, or the `url` of a member of the source.

    RejectedRow for other kinds of links and for paths that the source does not hold: a path can
    never lead out of it.
    """
    text = identifier.strip()
    if re.match(r"https?://[^/\s]", text, re.IGNORECASE):
        return quote(text, safe="%/:=&?~#+!$,;'@()*[]|")
    if text.startswith("//"):
        return fetchable(f"https:{text}", members, url)
    for path in (text, unquote(text)):
        path = path.replace("\\", "/").removeprefix("./")
        if path in members:
            return url(path)
    if _SCHEME.match(text):
        raise RejectedRow(f"the link is not one that can be fetched (http, https): {text[:80]}")
    raise RejectedRow(f"the source holds no such file: {text[:120]}")
