"""One row of a multimedia table (GBIF Multimedia, Audiovisual Core, Simple Image) to an image."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.darwincore.record import ParsedRecord, is_link, stated_licence
from core.darwincore.terms import cells, verbatim
from core.errors import RejectedRow


@dataclass(frozen=True)
class ParsedMedia:
    """A still image as its publisher describes it."""

    identifier: str
    """Link, or path within the source."""
    media_type: str | None
    """As published, e.g. image/jpeg."""
    kind: str
    """Dublin Core type; always "StillImage", everything else is rejected."""
    title: str | None
    view: str | None
    """dorsal, ventral, lateral, …, label; lower case."""
    licence_raw: str | None
    licence: str
    """Code of core.licences; "UNKNOWN" where nothing is stated."""
    rights_holder: str | None
    creator: str | None
    references_url: str | None


_LINKS = ("accessURI", "goodQualityAccessURI", "bestQualityAccessURI", "identifier")
_STILL = {"", "stillimage", "image", "images", "photograph", "photo", "picture"}
_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".jp2"}
_OTHER_FILES = {
    **dict.fromkeys((".mp3", ".wav", ".ogg", ".oga", ".flac", ".m4a", ".aac"), "sound"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mpg", ".mpeg", ".webm", ".mkv", ".wmv"), "video"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "a web page"),
    **dict.fromkeys((".pdf", ".doc", ".docx", ".txt", ".csv", ".zip", ".svg"), "no picture"),
    **dict.fromkeys((".obj", ".stl", ".ply", ".glb", ".gltf", ".nexus"), "a 3D model"),
}


def parse_media(row: Mapping[str, str], record: ParsedRecord | None = None) -> ParsedMedia:
    """Interpret one row of media; the record's licence and holder stand in where it names none.

    Raises RejectedRow with the reason for sound, video, pages and rows without a link.
    """
    verbatim(row)
    found = cells(row)
    media_type = found.get("format")
    _refuse_other_kinds(found.get("type", ""), media_type or "")
    raw, licence = stated_licence(found)
    if raw is None and record is not None:
        raw, licence = record.licence_raw, record.licence
    holder = found.get("rightsHolder") or found.get("Owner")
    references = found.get("references")
    return ParsedMedia(
        identifier=_identifier(found),
        media_type=media_type,
        kind="StillImage",
        title=found.get("title") or found.get("caption") or found.get("description"),
        view=_view(found),
        licence_raw=raw,
        licence=licence,
        rights_holder=holder or (record.rights_holder if record else None),
        creator=found.get("creator"),
        references_url=references if references and is_link(references) else None,
    )


def _refuse_other_kinds(kind: str, media_type: str) -> None:
    if not kind and not media_type:
        return
    word = re.sub(r"[\W_]", "", re.split(r"[/#:]", kind.rstrip("/"))[-1]).lower()
    if word not in _STILL:
        raise RejectedRow(f"the medium is of type {kind!r}, not a still image")
    family = media_type.lower().partition("/")[0]
    if family in {"audio", "video", "text", "model"} or "svg" in media_type.lower():
        raise RejectedRow(f"the medium has the format {media_type!r}, not that of a still image")
    if media_type.lower() == "application/pdf":
        raise RejectedRow("the medium is a PDF document, not a still image")


def _identifier(found: Mapping[str, str]) -> str:
    given = [found[name] for name in _LINKS if name in found]
    identifier = next((text for text in given if _is_locator(text)), None)
    if identifier is None:
        if given:
            raise RejectedRow(f"the medium's identifier {given[0][:200]!r} is no link to a file")
        if "references" in found:
            raise RejectedRow("the medium links only to a page about it, not to an image file")
        raise RejectedRow("the medium has no identifier to fetch it by")
    what = _OTHER_FILES.get(_suffix(identifier))
    if what:
        raise RejectedRow(f"the medium {identifier[:200]!r} is {what}, not a still image")
    return identifier


def _is_locator(text: str) -> bool:
    """Whether it is a link, or a path with a file name: not a number, a UUID or an URN."""
    if is_link(text) or re.match(r"(?:file|zip):/", text):
        return True
    if re.match(r"https?://", text):  # with a space in it: one file, not a list of links
        return text.count("://") == 1 and _suffix(text) in _IMAGE_SUFFIXES
    return not re.match(r"[a-z][a-z0-9+]*:", text, re.IGNORECASE) and bool(
        re.fullmatch(r"\.[a-z][a-z0-9]{1,4}", _suffix(text))
    )


def _suffix(identifier: str) -> str:
    try:
        path = urlsplit(identifier).path if is_link(identifier) else identifier
    except ValueError:  # an address such as http://[
        return ""
    name = path.rstrip("/").rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


_ORIENTATIONS = (  # numbers: http://rs.tdwg.org/acorient/values/
    ("dorsal", r"dorsal|dorsum|\bd\b|recto|upper ?side|\br0006\b"),
    ("ventral", r"ventral|venter|\bv\b|verso|under ?side|\br0007\b"),
    ("left", r"\bleft\b|\br0005\b"),
    ("right", r"\bright\b|\br0004\b"),
    ("lateral", r"lateral|\bside\b|profile|\br0003\b"),
    ("anterior", r"anterior|frontal|\bfront\b|\bhead on\b|\br0001\b"),
    ("posterior", r"posterior|\bback\b|\brear\b|\br0002\b"),
    ("upper", r"\bupper\b|adaxial|\br0008\b"),
    ("lower", r"\blower\b|abaxial|\br0009\b"),
    ("apical", r"apical|\br0010\b"),
    ("basal", r"basal|\br0011\b"),
    ("oral", r"\boral\b|\br0012\b"),
    ("aboral", r"\baboral\b|\br0013\b"),
)
_IN_TITLES = re.compile(r"\b(dorsal|ventral|lateral)\b|\b(labels?)\b", re.IGNORECASE)


def _view(found: Mapping[str, str]) -> str | None:
    """What the picture shows: "label", else its orientation, else what its title says."""
    part = " ".join(found.get(n, "") for n in ("subjectPart", "subjectPartLiteral", "CVterm"))
    if re.search(r"\blabels?\b", part, re.IGNORECASE):
        return "label"
    given = found.get("subjectOrientation") or found.get("subjectOrientationLiteral")
    if given:
        return _orientation(given.lower().replace("_", " "))
    titles = " ".join(found.get(n, "") for n in ("title", "caption", "description"))
    words = {"label" if label else side.lower() for side, label in _IN_TITLES.findall(titles)}
    return words.pop() if len(words) == 1 else None


def _orientation(text: str) -> str | None:
    if re.search(r"\blabels?\b", text):
        return "label"
    if re.search(r"unspecified|unknown|\br0000\b", text):
        return None
    named = (view for view, pattern in _ORIENTATIONS if re.search(pattern, text))
    return next(named, text)
