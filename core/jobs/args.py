"""What a job of each kind is told: the same from a command line, the API and the clock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import InvalidSetting

Positive = Annotated[int, Field(ge=1)]
Names = tuple[str, ...]


class Args(BaseModel):
    """Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def label(self) -> str:
        """What it is, in a line for people."""
        return ""


class _Reading(Args):
    limit: Positive | None = None
    """Rows of the source to read."""
    images: bool = True
    """Whether to fetch the images that are due once the records are read."""
    rate: float = Field(default=1.0, ge=0.01)
    """Requests a second to one host."""


class Dwca(_Reading):
    """A Darwin Core Archive: a file, a directory or a URL."""

    source: Literal["dwca"]
    path: str

    @property
    def remote(self) -> bool:
        """Whether it has to be fetched."""
        return self.path.startswith(("http://", "https://"))

    @property
    def label(self) -> str:
        """Its name."""
        return f"Archive {self.path if self.remote else Path(self.path).name}"


class Folder(_Reading):
    """A directory of images."""

    source: Literal["folder"]
    path: str
    records: str | None = None
    title: str | None = None

    @property
    def label(self) -> str:
        """Its title."""
        return f"Folder {self.title or Path(self.path).name}"


class Gbif(_Reading):
    """A search of GBIF; the values of one option are alternatives."""

    source: Literal["gbif"]
    taxon: Names = ()
    checklist: str = ""
    dataset: Names = ()
    institution: Names = ()
    basis: Names = ()
    country: Names = ()
    year: Names = ()
    licence: Names = ()
    geometry: Names = ()
    param: Names = ()
    rendition: Literal["small", "cache", "original"] = "small"
    download: bool = False

    @property
    def label(self) -> str:
        """What is asked."""
        asked = ("taxon", "dataset", "institution", "basis", "country", "year", "licence", "param")
        said = [f"{name} {', '.join(found)}" for name in asked if (found := getattr(self, name))]
        return f"GBIF: {'; '.join(said)}" if said else "GBIF"


class Idigbio(_Reading):
    """A record query of iDigBio."""

    source: Literal["idigbio"]
    rq: dict[str, Any]
    rendition: Literal["small", "original"] = "small"

    @property
    def label(self) -> str:
        """What is asked."""
        return "iDigBio: " + ", ".join(f"{name} {value}" for name, value in self.rq.items())


class Iiif(_Reading):
    """A manifest, collection or image service."""

    source: Literal["iiif"]
    url: str

    @property
    def label(self) -> str:
        """Its address."""
        return f"IIIF {self.url}"


Ingest = Annotated[Dwca | Folder | Gbif | Idigbio | Iiif, Field(discriminator="source")]


class Download(Args):
    """Fetch the images that are due."""

    limit: Positive | None = None
    rate: float = Field(default=1.0, ge=0.01)

    @property
    def label(self) -> str:
        """What it does."""
        return "Fetch images" if self.limit is None else f"Fetch {self.limit:,} images"


class Embed(Args):
    """Embed what has no vector in a version."""

    model: str
    pretrained: str = ""
    embed_version: str = "default"
    preprocess: dict[str, Any] = {}
    batch_size: Positive | None = None
    limit: Positive | None = None
    where: dict[str, list[str]] = {}
    """Filters that images have to pass, written as in core/filter_text."""
    compile: bool = False
    """Run the model through torch.compile."""

    @property
    def label(self) -> str:
        """Which version."""
        return f"Embed {self.embed_version}"


class Index(Args):
    """Build the index of a version and measure it."""

    embed_version: str
    kind: str = "auto"

    @property
    def label(self) -> str:
        """Which version."""
        return f"Index {self.embed_version}"


class Project(Args):
    """Make the atlas of a version, or add to it what is new."""

    embed_version: str
    fresh: bool = False
    seed: Annotated[int, Field(ge=0)] | None = None

    @property
    def label(self) -> str:
        """Which version."""
        return f"Atlas of {self.embed_version}"


class Sync(Args):
    """Bring what changed at the sources since they were last read."""

    source: Literal["dwca", "folder", "gbif", "idigbio", "iiif"] | None = None
    dataset: str | None = None
    """Part of a source's name or address."""
    whole: bool = False
    """Read everything again, not only what changed."""
    images: bool = True
    rate: float = Field(default=1.0, ge=0.01)

    @property
    def label(self) -> str:
        """What of."""
        of = ", ".join(filter(None, (self.source, self.dataset))) or "all sources"
        return f"Sync {of}"


class Train(Args):
    """Train a model, and put it to use."""

    config: str
    """YAML of all settings of the run."""
    name: str
    """What reports and people call it."""
    out: str
    """Folder of the run."""
    publish: str | None = None
    """Directory to make of the finished run."""
    embed_version: str | None = None
    """Version to embed with what was published."""
    launch: Names = ()
    """Command that starts the trainer instead of plain Python, such as torchrun's."""

    @property
    def label(self) -> str:
        """Its name."""
        return f"Train {self.name}"


class Other(Args):
    """Whatever the program that does it wants to know."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def label(self) -> str:
        """The name it was given, if any."""
        given = self.model_extra or {}
        return str(given.get("label") or given.get("embed_version") or given.get("name") or "")


_FORMS: dict[str, TypeAdapter[Any]] = {
    "ingest": TypeAdapter(Ingest),
    "download": TypeAdapter(Download),
    "embed": TypeAdapter(Embed),
    "index": TypeAdapter(Index),
    "project": TypeAdapter(Project),
    "sync": TypeAdapter(Sync),
    "train": TypeAdapter(Train),
}


def parse(kind: str, args: Mapping[str, Any]) -> Any:
    """Return the arguments of a kind of job, typed; InvalidSetting says what is wrong."""
    form = _FORMS.get(kind) or TypeAdapter(Other)
    try:
        return form.validate_python(dict(args))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][-1:]) or kind
        raise InvalidSetting(f"{kind}: {name}: {first['msg']}") from error


def dump(args: Args) -> dict[str, Any]:
    """Return arguments as they are stored: what is as usual is left out."""
    found: dict[str, Any] = args.model_dump(mode="json", exclude_defaults=True)
    return found


def label(kind: str, args: Args) -> str:
    """Return what to call a job in front of people."""
    return args.label if kind in _FORMS else f"{kind.capitalize()} {args.label}".strip()
