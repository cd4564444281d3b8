"""Every error this program raises on purpose.

BioCosmosError                       500  a fault of ours
├── UserError                        400  the caller can put it right
│   ├── BadRequest                   400  a parameter is missing or contradicts another
│   ├── NotFound                     404  no such record, image or upload
│   │   └── UnknownVersion           404  no embed version of that name
│   ├── Conflict                     409  the request contradicts what is stored
│   │   ├── WrongSpace               409  a vector of one embed version used in another
│   │   ├── VersionConflict          409  a version name reused with another model or weights
│   │   └── VersionNotReady          409  the version is being built or retired
│   ├── UnreadableImage              422  not a picture, truncated, or too large to decode safely
│   ├── TooLarge                     413  more bytes than allowed
│   ├── TooManyRequests              429  more of something than is taken from one address
│   ├── InvalidSetting               400  a setting or command-line value makes no sense
│   ├── UnreadableSource             400  an archive, folder or table cannot be read at all
│   └── Forbidden                    403  an operator's token is needed
├── RejectedRow                      -    one row cannot be kept; recorded, never fatal
├── FetchError                       -    an image could not be fetched; carries the state to set
├── ModelError                       500  a model or its weights could not really be loaded
├── TrainingError                    500  a training run cannot go on as it is set
├── JobCancelled                     -    somebody asked that the job ends; not a failure
└── Unavailable                      503  the database or an encoder cannot be reached just now
    ├── GettingReady                 503  something is being worked out once; says how far it is
    ├── DatabaseBusy                 503  another process owns the embedded database
    └── PortalError                  503  a portal gave no usable answer; a later run goes on there
"""

from typing import ClassVar, Literal


class BioCosmosError(Exception):
    """Base of all; `status` is the HTTP status, `slug` the stable last part of the problem type."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.title
        super().__init__(self.detail)


class UserError(BioCosmosError):
    """The caller can put it right."""

    status = 400
    slug = "user-error"
    title = "The request cannot be answered as it stands"


class BadRequest(UserError):
    """A parameter is missing or contradicts another."""

    slug = "bad-request"
    title = "The request is incomplete or contradicts itself"


class NotFound(UserError):
    """No such record, image or upload."""

    status = 404
    slug = "not-found"
    title = "Not found"


class UnknownVersion(NotFound):
    """No embed version of that name."""

    slug = "unknown-version"
    title = "There is no embed version of that name"


class Conflict(UserError):
    """The request contradicts what is stored."""

    status = 409
    slug = "conflict"
    title = "The request contradicts what is stored"


class WrongSpace(Conflict):
    """A vector of one embed version used in another."""

    slug = "wrong-space"
    title = "A vector of one embed version cannot be compared with another's"


class VersionConflict(Conflict):
    """A version name reused with another model, weights or preprocessing."""

    slug = "version-conflict"
    title = "That embed version name already means another model"


class VersionNotReady(Conflict):
    """The version is being built or retired."""

    slug = "version-not-ready"
    title = "That embed version cannot be searched now"


class UnreadableImage(UserError):
    """Not a picture, truncated, or too large to decode safely."""

    status = 422
    slug = "unreadable-image"
    title = "That file cannot be read as a picture"


class TooLarge(UserError):
    """More bytes than allowed."""

    status = 413
    slug = "too-large"
    title = "That is larger than allowed"


class TooManyRequests(UserError):
    """More of something than is taken from one address in a while."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests; wait a minute"


class InvalidSetting(UserError):
    """A setting or command-line value makes no sense."""

    slug = "invalid-setting"
    title = "A setting makes no sense"


class UnreadableSource(UserError):
    """An archive, folder or table cannot be read at all."""

    slug = "unreadable-source"
    title = "That source cannot be read"


class Forbidden(UserError):
    """An operator's token is needed."""

    status = 403
    slug = "forbidden"
    title = "An operator's token is needed for this"


class RejectedRow(BioCosmosError):
    """One row of a source cannot be kept; recorded with its reason, never fatal."""

    slug = "rejected-row"
    title = "The row cannot be kept"


class FetchError(BioCosmosError):
    """An image could not be fetched; `state` is the image state to set (see tables.image)."""

    slug = "fetch"
    title = "The image could not be fetched"

    def __init__(
        self,
        detail: str,
        *,
        state: str,
        retry_after: float | None = None,
        tries: int = 10,
        then: str = "blocked",
        host: Literal["fine", "trouble", "refused", "unasked"] | None = None,
    ) -> None:
        super().__init__(detail)
        self.state = state
        self.retry_after = retry_after
        """Seconds to wait, where the host said so or we know."""
        self.tries = tries
        """Attempts at the image after which `retry` becomes the state `then`."""
        self.then = then
        self.host = host or ("trouble" if state == "retry" else "fine")
        """What it says of the host. refused: it turned us away altogether; unasked: nothing."""
        self.marks: tuple[str | None, str | None] = (None, None)
        """ETag and Last-Modified of an answer that was of no use."""


class ModelError(BioCosmosError):
    """A model or its weights could not really be loaded."""

    slug = "model"
    title = "The model could not be loaded"


class TrainingError(BioCosmosError):
    """A training run cannot go on as it is set; the message names what to change."""

    slug = "training"
    title = "The training run cannot go on"


class JobCancelled(BioCosmosError):
    """Somebody asked that the job ends; not a failure."""

    slug = "job-cancelled"
    title = "The job was cancelled"


class Unavailable(BioCosmosError):
    """The database or an encoder cannot be reached just now."""

    status = 503
    slug = "unavailable"
    title = "Not available just now; try again in a moment"


class GettingReady(Unavailable):
    """Something is worked out once and not done yet; asking again in a moment helps."""

    slug = "getting-ready"
    title = "This is being prepared; ask again in a moment"


class DatabaseBusy(Unavailable):
    """Another process owns the embedded database and cannot be joined."""

    slug = "database-busy"
    title = "Another process owns the embedded database"


class PortalError(Unavailable):
    """A portal of records gave no usable answer; the next run goes on where this one stopped."""

    slug = "portal"
    title = "A portal gave no usable answer"
