"""What becomes a vector, and the vector."""

from typing import Annotated

from pydantic import ConfigDict, Field

from backend.schemas import Shown
from backend.search.schemas import LONGEST_TEXT, UploadId, VersionName
from backend.versions.schemas import VersionRef

MOST_TEXTS = 64
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"\S")]


class EmbedRequest(Shown):
    """Texts, or an uploaded picture."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    texts: Annotated[list[Text], Field(max_length=MOST_TEXTS)] = []
    """Up to 64."""
    image: UploadId = None
    """Id of an uploaded picture."""
    embed_version: VersionName = None
    """Absent: the default version."""


class Embedded(Shown):
    """Vectors of one version; to be compared with no other's."""

    embed_version: VersionRef
    vectors: list[list[float]]
    """Of unit length, one for each text in their order, or one for the picture."""
