"""Identifiers that come out the same at every ingest of the same thing."""

import hashlib
from functools import lru_cache
from pathlib import Path
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f0c8f3e-52d1-5d5b-9a63-0d6a3d1c7b11")


def local_key(path: Path) -> str:
    """Return the key of a dataset known only by where it lies; says nothing of the folders above.

    Moved elsewhere it is another dataset.
    """
    return f"{path.name}-{hashlib.sha256(str(path).encode()).hexdigest()[:10]}"


@lru_cache(maxsize=1024)  # of every row and image
def dataset_id(source: str, key: str) -> UUID:
    """Return the id of dataset `key` of a kind of source."""
    return uuid5(_NAMESPACE, f"dataset:{source}:{key}")


def record_id(source: str, source_record_id: str) -> UUID:
    """Return the id of the record that the source calls so."""
    return uuid5(_NAMESPACE, f"{source}:{source_record_id}")


def image_id(source: str, dataset_key: str, identifier: str) -> UUID:
    """Return the id of an image: records of one dataset that name the same one share it."""
    digest = hashlib.md5(identifier.encode()).hexdigest()
    return uuid5(_NAMESPACE, f"{source}:{dataset_key}:{digest}")
