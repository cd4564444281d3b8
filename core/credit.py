"""A picture's credit written into its file, so that it goes wherever the file goes.

As an XMP packet (ISO 16684-1): JPEG, PNG and WebP take one without a pixel being touched; a packet
that is already there gives way. Any other file is put into a ZIP archive beside its credit as text.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_KEYWORD = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00"
_NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "cc": "http://creativecommons.org/ns#",
}


@dataclass(frozen=True)
class Credit:
    """Whose picture it is, and what may be done with it."""

    line: str
    """The line to print beside it."""
    creator: str | None
    rights_holder: str | None
    licence: str
    licence_url: str | None
    source: str | None

    def packet(self) -> bytes:
        """The XMP packet, UTF-8."""
        parts = [
            ("dc:creator", _listed("Seq", self.creator)),
            ("dc:rights", _listed("Alt", self.line)),
            ("dc:source", self.source and escape(self.source)),
            ("photoshop:Credit", escape(self.line)),
            ("xmpRights:Marked", "True"),
            ("xmpRights:Owner", _listed("Bag", self.rights_holder)),
            ("xmpRights:UsageTerms", _listed("Alt", self.licence)),
            ("xmpRights:WebStatement", self.licence_url and escape(self.licence_url)),
        ]
        body = "".join(f"<{name}>{value}</{name}>" for name, value in parts if value)
        if self.licence_url:
            body += f"<cc:license rdf:resource={quoteattr(self.licence_url)}/>"
        spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in _NAMESPACES.items())
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            f'<rdf:RDF {spaces}><rdf:Description rdf:about="">{body}</rdf:Description></rdf:RDF>'
            '</x:xmpmeta><?xpacket end="w"?>'
        ).encode()


def _listed(kind: str, value: str | None) -> str | None:
    if not value:
        return None
    language = ' xml:lang="x-default"' if kind == "Alt" else ""
    return f"<rdf:{kind}><rdf:li{language}>{escape(value)}</rdf:li></rdf:{kind}>"


def credited(data: bytes, credit: Credit, size: tuple[int, int], name: str) -> tuple[bytes, str]:
    """The file with its credit, and the end of its name; `name` is what it is called in a ZIP."""
    packet = credit.packet()
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data, packet), "jpg"
    if data.startswith(b"\x89PNG"):
        return _png(data, packet), "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data, packet, size), "webp"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(name, data)
        archive.writestr("CREDIT.txt", f"{credit.line}\n{credit.source or ''}\n")
    return packed.getvalue(), "zip"


def _jpeg(data: bytes, packet: bytes) -> bytes:
    """After the segments that say what the file is (APP0, Exif), which readers want first."""
    at = 2
    head, tail = [data[:2]], list[bytes]()
    while data[at : at + 1] == b"\xff" and data[at + 1] & 0xF0 == 0xE0:
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        segment = data[at:end]
        first = segment[1] == 0xE0 or segment[4:10] == b"Exif\x00\x00"
        if not segment[4:].startswith(_XMP):
            (head if first else tail).append(segment)
        at = end
    own = b"\xff\xe1" + struct.pack(">H", 2 + len(_XMP) + len(packet)) + _XMP + packet
    return b"".join([*head, own, *tail, data[at:]])


def _png(data: bytes, packet: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = 8 + 12 + struct.unpack_from(">I", data, 8)[0]
    rest, at = [], header
    while at < len(data):
        end = at + 12 + struct.unpack_from(">I", data, at)[0]
        if not (data[at + 4 : at + 8] == b"iTXt" and data[at + 8 :].startswith(b"XML:com.adobe")):
            rest.append(data[at:end])
        at = end
    return data[:header] + chunk(b"iTXt", _KEYWORD + packet) + b"".join(rest)


def _webp(data: bytes, packet: bytes, size: tuple[int, int]) -> bytes:
    """The extended form of the container (RFC 9649), which alone may hold a packet."""
    chunks = [(kind, body) for kind, body in _riff(data) if kind != b"XMP "]
    flags = chunks[0][1][0] if chunks[0][0] == b"VP8X" else 0
    if chunks[0][0] == b"VP8L" and chunks[0][1][4] & 0x10:
        flags = 0x10  # it has transparent parts
    canvas = b"".join(struct.pack("<I", side - 1)[:3] for side in size)
    if chunks[0][0] == b"VP8X":
        canvas = chunks.pop(0)[1][4:]
    chunks.insert(0, (b"VP8X", bytes([flags | 0x04, 0, 0, 0]) + canvas))
    return _as_riff([*chunks, (b"XMP ", packet)])


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        size = struct.unpack_from("<I", data, at + 4)[0]
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _as_riff(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(part)) + part + b"\x00" * (len(part) % 2)
        for kind, part in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body
