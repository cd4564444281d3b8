"""The built web page: its files, and index.html for every address that the page itself answers."""

import os
from pathlib import Path, PurePosixPath

from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

DIST = Path(__file__).resolve().parent.parent / "frontend" / "dist"

_NOT_BUILT = """<!doctype html><html lang="en"><title>BioCosmos</title>
<h1>The page has not been built yet</h1>
<p>Run <code>bin/web build</code> and reload. The REST API answers already:
<a href="/api/v1/summary">summary</a>, <a href="/openapi.json">openapi.json</a>.</p>"""


def _is_file(parts: PurePosixPath) -> bool:
    """Whether an address names a file; the name of a taxon may end in `f.alba`."""
    return bool(parts.suffix) and parts.parts[:1] != ("taxon",)


class WebPage(StaticFiles):
    """Answers what no route of the API answers."""

    def __init__(self, dist: Path = DIST) -> None:
        super().__init__(directory=dist, check_dir=False)
        self._dist = dist

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file of the page, the page itself for its own addresses, or 404."""
        parts = PurePosixPath(path.replace(os.sep, "/"))
        if parts.parts[:1] == ("api",) or "\0" in path:
            raise HTTPException(404, "There is nothing at this address; see docs/api.md")
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or _is_file(parts):
                raise
            response = await self._index(scope)
        hashed = parts.parts[:1] == ("assets",) and response.status_code == 200
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if hashed else "no-cache"
        )
        return response

    async def _index(self, scope: Scope) -> Response:
        if not (self._dist / "index.html").is_file():
            return HTMLResponse(_NOT_BUILT, 503)
        return await super().get_response("index.html", scope)
