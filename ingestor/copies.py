"""What is kept of a picture on this machine: itself, and a thumbnail where it may be shown."""

from core import images
from core.settings import Settings
from core.storage import Store

THUMBNAIL = 512
"""Pixels of the longer side."""


def keep(
    data: bytes, store: Store, settings: Settings, *, private: bool = False
) -> dict[str, object]:
    """Store an image and its thumbnail; return its columns. UnreadableImage, TooLarge.

    Of a `private` one only a working copy is kept, for embedding: nothing that could be shown.
    """
    small = images.decode(
        data,
        max_pixels=settings.max_image_pixels,
        max_bytes=settings.max_image_bytes,
        min_size=(2 * THUMBNAIL, 2 * THUMBNAIL),
    )
    width, height, _ = images.probe(data)
    key = store.put(data, "private" if private else "images")
    if not private:
        store.put(images.thumbnail(small, THUMBNAIL), "thumbs", key=key)
    return {
        "width": width,
        "height": height,
        "bytes": len(data),
        "sha256": key,
        "phash": images.dhash(small),
    }


def publish(store: Store, key: str, settings: Settings) -> bool:
    """Make a working copy one that can be shown, with its thumbnail; False where there is none."""
    private = store.path(key, "private")
    if not private.is_file():
        return False
    keep(private.read_bytes(), store, settings)
    private.unlink(missing_ok=True)
    return True
