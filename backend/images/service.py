"""From a row to a picture with its rights; the gate that decides what may be shown."""

from pathlib import Path
from typing import Literal

import PIL.Image
from sqlalchemy import RowMapping

from backend.images.schemas import Image, Licence
from core import citation, credit, images, licences
from core.errors import Forbidden, NotFound
from core.storage import Store

Row = RowMapping
Part = Literal["thumbnail", "file"]


def may_show(row: Row) -> bool:
    """Whether a copy may be shown: what lies here already, or what its licence lets us copy."""
    local = not row["image_fetch_url"].startswith(("http://", "https://"))
    return local or licences.describe(row["image_licence"]).allows_copy


def describe(row: Row) -> Image:
    """A row of `queries.COLUMNS` as the API shows it."""
    showable = row["image_state"] == "ok" and may_show(row)
    return Image(
        id=row["image_id"],
        thumbnail_url=_url(row, "thumbnail") if showable else None,
        image_url=_url(row, "file") if showable else None,
        source_url=source_url(row),
        width=row["image_width"],
        height=row["image_height"],
        view=row["image_view"],
        title=row["image_title"],
        licence=licence(row["image_licence"]),
        rights_holder=row["image_rights_holder"],
        creator=row["image_creator"],
        credit=citation.image_credit(
            creator=row["image_creator"],
            rights_holder=row["image_rights_holder"],
            licence=row["image_licence"],
        ),
    )


def licence(code: str | None) -> Licence:
    """A licence code in words."""
    described = licences.describe(code)
    return Licence(code=described.code, label=described.label, url=described.url)


def credited(row: Row | None, store: Store) -> tuple[bytes, str]:
    """The file with its credit inside, and what to call it; errors as of `stored`."""
    path, media_type = stored(row, "file", store)
    assert row is not None
    shown = describe(row)
    own = credit.Credit(
        line=shown.credit,
        creator=shown.creator,
        rights_holder=shown.rights_holder,
        licence=shown.licence.label,
        licence_url=shown.licence.url,
        source=shown.source_url,
    )
    size = shown.width or 1, shown.height or 1
    inside = f"{shown.id}.{media_type.rpartition('/')[2]}"
    data, kind = credit.credited(path.read_bytes(), own, size, inside)
    return data, f"{shown.id}.{kind}"


def source_url(row: Row) -> str | None:
    """Where the publisher shows the picture: its page if there is one, else the picture itself."""
    return web_link(row["image_references_url"], row["image_identifier"])


def web_link(*candidates: str | None) -> str | None:
    """The first of `candidates` that is a link one may follow."""
    return next((c for c in candidates if c and c.startswith(("http://", "https://"))), None)


def _url(row: Row, part: Part) -> str:
    return f"/api/v1/images/{row['image_id']}/{part}?v={etag(row)}"


def etag(row: Row) -> str:
    """Names the content of a picture: the address carries it, so a copy may be kept for ever."""
    return str(row["image_sha256"])[:16]


def stored(row: Row | None, part: Part, store: Store) -> tuple[Path, str]:
    """The file to send and its media type; NotFound, or Forbidden where the licence says so."""
    if row is None or row["image_state"] != "ok":
        raise NotFound("There is no such image here")
    if not may_show(row):
        where = source_url(row) or row["image_identifier"]
        raise Forbidden(f"The licence of this picture allows no copy; see it at {where}")
    path = store.path(row["image_sha256"], "images" if part == "file" else "thumbs")
    try:
        with PIL.Image.open(path, formats=images.FORMATS) as opened:
            return path, PIL.Image.MIME.get(opened.format or "", "application/octet-stream")
    except OSError as error:
        raise NotFound("The stored file is missing; bin/ingest images fetches it again") from error
