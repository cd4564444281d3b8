"""What a host's answer means for an image and for the host."""

import datetime
import email.utils
import re
import zlib

import aiohttp

from core.errors import FetchError

_BLOCKED = {401, 402, 407, 451}
_GONE = {404, 410}
_CALM = 420
_LATER = {408, _CALM, 425, 429}
_HIGHEST_WAIT = 86400.0
_REFUSED = re.compile(
    rb"access (?:is |was |has been )?(?:denied|blocked|restricted)|ip(?: address)?[^<>]{0,60}"
    rb"(?:blocked|banned)|(?:been|are|temporarily) (?:blocked|banned)|too many requests"
    rb"|rate limit|unusual traffic|captcha|verify (?:that )?you are (?:a )?human|forbidden",
    re.IGNORECASE,
)
_PAGE = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)\b", re.I | re.S)
_DRAWING = re.compile(rb"\s*(?:<(?:\?xml|!--|!doctype svg)[^>]*>\s*)*<svg\b", re.IGNORECASE)
_PENDING = re.compile(rb"preview\s+pending|pending\s+preview|not\s+yet\s+available", re.IGNORECASE)
_HEAD = 4096
"""Bytes that are looked at to tell a page from a picture."""


def check_status(answer: aiohttp.ClientResponse) -> None:
    """Raise FetchError unless the host gave what was asked for."""
    status = answer.status
    if status == 200:
        return
    said = f"the host answered {status} {answer.reason or ''}".strip()
    if status == 304:
        raise FetchError(said, state="same")
    if status in _GONE:
        raise FetchError(said, state="gone")
    if status in _BLOCKED:
        raise FetchError(said, state="blocked")
    if status == 403:
        raise refused(said)
    if status in _LATER or status >= 500:
        wait = retry_after(answer.headers.get("Retry-After"), answer.headers.get("Date"))
        raise FetchError(said, state="retry", retry_after=wait)
    raise FetchError(said, state="invalid")


def refused(said: str) -> FetchError:
    """The host turns us away: perhaps for this image, perhaps for all; a few tries will tell."""
    return FetchError(said, state="retry", tries=3, host="refused")


def check_rights(answer: aiohttp.ClientResponse, agent: str) -> None:
    """Raise FetchError (blocked) where X-Robots-Tag forbids use by machines that learn."""
    for line in answer.headers.getall("X-Robots-Tag", []):
        words = line.lower()
        bot, colon, rest = words.partition(":")
        if colon and bot.strip() not in ("*", agent.lower()) and "," not in bot:
            continue  # said to another
        rules = {word.strip() for word in (rest if colon else words).split(",")}
        for rule in ("noai", "noimageai"):
            if rule in rules:
                raise FetchError(f"the host forbids it (X-Robots-Tag: {rule})", state="blocked")


def check_content(data: bytes, placeholder: float) -> None:
    """Raise FetchError where the bytes are a page or a drawing that stands for the image.

    `placeholder`: seconds to wait for an image that the host is still making.
    """
    head = data[:_HEAD]
    if _DRAWING.match(head) and _PENDING.search(head):
        raise FetchError(
            "the host has only a placeholder so far (preview pending)",
            state="retry",
            retry_after=placeholder,
            tries=4,
            then="invalid",
            host="fine",
        )
    if _PAGE.match(head) and _REFUSED.search(data[: 16 * _HEAD]):
        raise refused("the host sent a page that says we are blocked")


def retry_after(header: str | None, date: str | None = None) -> float | None:
    """Return the seconds that Retry-After (seconds or an HTTP date, RFC 9110 10.2.3) asks for.

    `date` is the answer's Date: with it a host whose clock is wrong is still understood.
    """
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        at = _moment(header)
        if at is None:
            return None
        seconds = (at - (_moment(date) or datetime.datetime.now(datetime.UTC))).total_seconds()
    return min(max(seconds, 0.0), _HIGHEST_WAIT) if seconds == seconds else None


def _moment(header: str | None) -> datetime.datetime | None:
    try:
        at = email.utils.parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=datetime.UTC)


async def body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body, unpacked; FetchError (invalid) beyond `most` bytes, without reading on.

    The session must leave the body as it is: here a packed one is unpacked piece by piece, so
    that one that grows a thousandfold never does so in memory.
    """
    unpack = _unpacker(answer.headers.get("Content-Encoding", ""))
    data = bytearray()
    async for block in answer.content.iter_chunked(1 << 16):
        try:
            data += unpack.decompress(block, most + 1 - len(data)) if unpack else block
        except zlib.error as error:
            raise FetchError("the answer cannot be unpacked", state="invalid") from error
        if len(data) > most:
            raise FetchError(f"larger than the {most:,} bytes allowed", state="invalid")
    if not data:
        raise FetchError("the host sent nothing", state="invalid")
    return bytes(data)


def _unpacker(encoding: str) -> "zlib._Decompress | None":
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise FetchError(f"the answer is packed as {encoding[:20]}, unasked", state="invalid")
