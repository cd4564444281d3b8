"""Every table. Migrations are written against this metadata; `alembic check` keeps them equal.

Identifiers of records and images are uuid5 of what the source calls them, so that a second
ingest of the same thing finds the same row.
"""

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")

IMAGE_STATES = ("pending", "leased", "ok", "retry", "gone", "blocked", "invalid")
"""gone, blocked and invalid are final until a sync looks again; each carries a `reason`."""

HOST = "lower(\"substring\"(fetch_url, '(?i)^https?://(?:[^/?#]*@)?([^/?#]+)'::text))"
"""Host and port of a link, as PostgreSQL computes it; ingestor.hosts.name_of does the same."""

WORDS = (
    "to_tsvector('simple'::regconfig, regexp_replace(regexp_replace(translate(NORMALIZE({}, NFD),"
    " 'ØøŁłĐđı'::text, 'OoLlDdi'::text), '[\u0300-\u036f]+'::text, ''::text, 'g'::text),"
    " '[!-/:-@[-`{{-~]+'::text, ' '::text, 'g'::text))"
)
"""Words of a text without accents and punctuation, as PostgreSQL computes them; core.words asks."""

VERSION_STATES = ("building", "ready", "retired")
INDEX_KINDS = ("exact", "ivfflat", "hnsw")
RECEIPT_STATES = ("waiting", "running", "done", "failed")
JOB_STATES = ("queued", "running", "done", "failed", "cancelled")
EVENT_LEVELS = ("info", "warning", "error")


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


dataset = Table(
    "dataset",
    metadata,
    Column("id", Uuid, primary_key=True),  # uuid5(source, key)
    Column("source", Text, nullable=False),  # dwca, folder, gbif, idigbio, iiif
    Column("key", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("publisher", Text),
    Column("description", Text),
    Column("licence_raw", Text),
    Column("licence", Text),
    Column("citation", Text),
    Column("doi", Text),
    Column("url", Text),
    _now("retrieved_at"),
    UniqueConstraint("source", "key"),
)

taxon = Table(
    "taxon",
    metadata,
    Column("checklist_key", Text, nullable=False),  # "" where the source names none
    Column("taxon_key", Text, nullable=False),  # always text: checklists use strings
    Column("canonical_name", Text, nullable=False),
    Column("authorship", Text),
    Column("rank", Text),
    *(Column(rank, Text) for rank in RANKS),
    Column("common_names", ARRAY(Text), nullable=False, server_default="{}"),
    Column("accepted_taxon_key", Text),
    Column("lineage", Text, nullable=False),  # "Animalia|Arthropoda|…" from the top
    PrimaryKeyConstraint("checklist_key", "taxon_key"),
    Index("ix_taxon_canonical_name", "canonical_name"),
)

record = Table(
    "record",
    metadata,
    Column("id", Uuid, primary_key=True),  # uuid5(source, source_record_id)
    Column("dataset_id", Uuid, ForeignKey("dataset.id"), nullable=False),
    Column("source", Text, nullable=False),
    Column("source_record_id", Text, nullable=False),
    # what and where it is kept
    Column("occurrence_id", Text),
    Column("basis_of_record", Text),
    Column("institution_code", Text),
    Column("collection_code", Text),
    Column("catalog_number", Text),
    Column("type_status", Text),
    Column("sex", Text),
    Column("life_stage", Text),
    Column("preparations", Text),
    # taxon as identified
    Column("checklist_key", Text),
    Column("taxon_key", Text),
    Column("scientific_name", Text),  # as given, with authorship
    Column("canonical_name", Text),  # without authorship
    Column("authorship", Text),
    Column("taxon_rank", Text),
    Column("vernacular_name", Text),
    *(Column(rank, Text) for rank in RANKS),
    Column("identified_by", Text),
    # when and by whom
    Column("event_date", Text),  # verbatim: a year stays a year
    Column("event_start", Date),
    Column("event_end", Date),
    Column("recorded_by", Text),
    # where
    Column("country", Text),
    Column("country_code", Text),  # ISO 3166-1 alpha-2
    Column("state_province", Text),
    Column("county", Text),
    Column("locality", Text),
    Column("decimal_latitude", Float),
    Column("decimal_longitude", Float),
    Column("coordinate_uncertainty_m", Float),
    Column("geodetic_datum", Text),
    Column("information_withheld", Text),
    # rights and provenance
    Column("licence_raw", Text),
    Column("licence", Text),
    Column("rights_holder", Text),
    Column("references_url", Text),
    Column("issues", ARRAY(Text), nullable=False, server_default="{}"),
    Column("verbatim", JSONB, nullable=False),
    Column("content_hash", Text, nullable=False),  # sha256 of `verbatim`: unchanged or not
    Column("interpreter", SmallInteger, nullable=False, server_default="0"),  # its version
    # the same specimen from several sources: ingestor/merging.py
    Column("occurrence_key", BigInteger),  # hashes of what a specimen is known by everywhere
    Column("catalog_key", BigInteger),
    Column("specimen_id", Uuid, ForeignKey("record.id", ondelete="SET NULL")),  # shown instead
    _now("first_seen"),
    _now("last_seen"),
    Column("withdrawn_at", DateTime(timezone=True)),
    UniqueConstraint("source", "source_record_id"),
    ForeignKeyConstraint(
        ["checklist_key", "taxon_key"], ["taxon.checklist_key", "taxon.taxon_key"]
    ),
    Index("ix_record_dataset_id", "dataset_id"),
    Index("ix_record_species", "species"),
    Index("ix_record_catalog_number", text("lower(catalog_number)")),
    Index(
        "ix_record_occurrence_key",
        "occurrence_key",
        postgresql_where=text("occurrence_key IS NOT NULL"),
    ),
    Index("ix_record_catalog_key", "catalog_key", postgresql_where=text("catalog_key IS NOT NULL")),
    Index("ix_record_specimen_id", "specimen_id", postgresql_where=text("specimen_id IS NOT NULL")),
)

image = Table(
    "image",
    metadata,
    Column("id", Uuid, primary_key=True),  # uuid5(source, record, md5(identifier)), or the source's
    Column("dataset_id", Uuid, ForeignKey("dataset.id"), nullable=False),
    Column("identifier", Text, nullable=False),  # as published: a link, or a path in the source
    Column("fetch_url", Text, nullable=False),  # http(s):, file:///…, or zip:///archive!/member
    Column("host", Text, Computed(HOST, persisted=True)),  # null where it lies on this machine
    Column("media_type", Text),  # as published, e.g. image/jpeg
    Column("title", Text),
    Column("view", Text),  # dorsal, ventral, lateral, label, …
    Column("licence_raw", Text),
    Column("licence", Text),
    Column("rights_holder", Text),
    Column("creator", Text),
    Column("references_url", Text),
    Column("width", Integer),  # pixels, after orientation
    Column("height", Integer),
    Column("bytes", BigInteger),
    Column("sha256", Text),  # of the bytes as fetched; the key of the stored file
    Column("phash", BigInteger),  # 64-bit difference hash, for near-duplicates
    Column("etag", Text),  # of the answer that brought it: asked again, the host need not resend
    Column("last_modified", Text),
    # the same bytes of the same specimen, shown instead of this one
    Column("same_as", Uuid, ForeignKey("image.id", ondelete="SET NULL")),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("reason", Text),  # why the state is what it is, in words
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("retry_at", DateTime(timezone=True)),
    Column("lease_until", DateTime(timezone=True)),
    _now("created_at"),
    _now("updated_at"),
    _one_of("state", IMAGE_STATES),
    Index("ix_image_state_retry_at", "state", "retry_at"),
    Index(
        "ix_image_host_retry_at",
        "host",
        "retry_at",
        postgresql_where=text("state IN ('pending', 'leased', 'retry') AND same_as IS NULL"),
    ),
    Index("ix_image_sha256", "sha256"),
    Index("ix_image_same_as", "same_as", postgresql_where=text("same_as IS NOT NULL")),
)

record_image = Table(
    "record_image",
    metadata,
    Column("record_id", Uuid, ForeignKey("record.id", ondelete="CASCADE"), nullable=False),
    Column("image_id", Uuid, ForeignKey("image.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),  # order of display only, never a join key
    # not published with this record, but with another of the same specimen
    Column("merged", Boolean, nullable=False, server_default="false"),
    PrimaryKeyConstraint("record_id", "image_id"),
    Index("ix_record_image_image_id", "image_id"),
)

embed_version = Table(
    "embed_version",
    metadata,
    Column("id", SmallInteger, Identity(), primary_key=True),
    Column("embed_version", Text, nullable=False, unique=True),
    Column("model", Text, nullable=False),
    Column("pretrained", Text, nullable=False),
    Column("weights_sha256", Text, nullable=False),
    Column("preprocess", JSONB, nullable=False),  # size, resize mode, interpolation, mean, std
    Column("dim", SmallInteger, nullable=False),
    Column("precision", Text, nullable=False, server_default="halfvec"),
    Column("metric", Text, nullable=False, server_default="cosine"),
    Column("index_kind", Text, nullable=False, server_default="exact"),
    Column("index_params", JSONB, nullable=False, server_default="{}"),
    Column("state", Text, nullable=False, server_default="building"),
    Column("is_default", Boolean, nullable=False, server_default="false"),
    _now("created_at"),
    _one_of("state", VERSION_STATES),
    _one_of("index_kind", INDEX_KINDS),
    CheckConstraint("dim BETWEEN 1 AND 4000", name="dim"),
    Index(
        "uq_embed_version_default", "is_default", unique=True, postgresql_where=text("is_default")
    ),
)

embedding = Table(
    "embedding",
    metadata,
    # Each partition fixes its version; images are looked up for a whole batch (core/db/copying.py).
    Column("version_id", SmallInteger, nullable=False),
    Column("image_id", Uuid, nullable=False),
    Column("vector", HALFVEC(), nullable=False),  # unit length; each partition fixes the dimension
    # what filters need, where the scan can use it: copied from image_fact
    Column("facets", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("date_start", Date),
    Column("date_end", Date),
    Column("months", SmallInteger),  # a bit each, January the lowest
    PrimaryKeyConstraint("version_id", "image_id"),
    # indexes: each partition has its own, made when it is full (core/db/partitions.py)
    postgresql_partition_by="LIST (version_id)",
)

image_fact = Table(  # core/db/facts.py
    "image_fact",
    metadata,
    Column("image_id", Uuid, ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    Column("facets", ARRAY(BigInteger), nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("date_start", Date),
    Column("date_end", Date),
    Column("months", SmallInteger),
    Index("ix_image_fact_facets", "facets", postgresql_using="gin"),
    Index("ix_image_fact_latitude_longitude", "latitude", "longitude"),
    Index("ix_image_fact_date_start", "date_start"),
)

fact = Table(
    "fact",
    metadata,
    Column("hash", BigInteger, primary_key=True, autoincrement=False),  # as in embedding.facets
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),  # spelt as first seen
    Column("words", TSVECTOR, Computed(WORDS.format("value"), persisted=True)),
    Index("ix_fact_words", "words", postgresql_using="gin"),
)

alias = Table(
    "alias",
    metadata,
    Column("target", BigInteger, nullable=False),  # fact.hash of the name that is meant
    Column("kind", Text, nullable=False),  # synonym, common
    Column("name", Text, nullable=False),
    Column("words", TSVECTOR, Computed(WORDS.format("name"), persisted=True)),
    PrimaryKeyConstraint("target", "kind", "name"),
    Index("ix_alias_words", "words", postgresql_using="gin"),
)

host = Table(
    "host",
    metadata,
    Column("name", Text, primary_key=True),
    Column("requests_per_second", Float, nullable=False, server_default="1"),  # at most
    Column("pace", Float, nullable=False, server_default="1"),  # requests a second just now
    Column("connections", Integer, nullable=False, server_default="2"),
    Column("next_request_at", DateTime(timezone=True)),
    Column("cooldown_until", DateTime(timezone=True)),  # nothing is asked before
    Column("breaker", Text, nullable=False, server_default="closed"),
    Column("failures", Integer, nullable=False, server_default="0"),  # consecutive
    Column("requests", BigInteger, nullable=False, server_default="0"),
    Column("errors", BigInteger, nullable=False, server_default="0"),
    Column("trouble", Text),  # what last went wrong
    Column("robots", Text),  # its robots.txt; "" allows everything
    Column("robots_at", DateTime(timezone=True)),
    Column("crawl_delay", Float),  # seconds between requests that robots.txt asks for
    _one_of("breaker", ("closed", "open", "half_open")),
)

job = Table(
    "job",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),  # ingest, embed, index, …
    Column("label", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="running"),
    Column("args", JSONB, nullable=False, server_default="{}"),
    Column("cursor", JSONB),  # where the next run goes on
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    Column("counts", JSONB, nullable=False, server_default="{}"),  # the receipt
    Column("error", Text),
    _now("started_at"),
    _now("updated_at"),
    Column("finished_at", DateTime(timezone=True)),
    # what is queued for workers: core/jobs
    Column("parent_id", Uuid, ForeignKey("job.id", ondelete="CASCADE")),  # it is a part of
    Column("queue_id", BigInteger),  # of procrastinate.procrastinate_jobs, while it is there
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("worker", Text),  # host and process
    Column("heartbeat_at", DateTime(timezone=True)),
    Column("cancel_requested", Boolean, nullable=False, server_default="false"),
    Column("message", Text),  # the last word on how it goes
    _now("created_at"),
    _one_of("state", JOB_STATES),
    Index("ix_job_parent_id", "parent_id"),
    Index("ix_job_created_at", "created_at"),
    Index("ix_job_open", "state", postgresql_where=text("state IN ('queued', 'running')")),
)

job_event = Table(
    "job_event",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    _now("at"),
    Column("level", Text, nullable=False),
    Column("message", Text, nullable=False),
    _one_of("level", EVENT_LEVELS),
    Index("ix_job_event_job_id_id", "job_id", "id"),
)

source = Table(
    "source",
    metadata,
    Column("source", Text, nullable=False),  # dwca, folder, gbif, idigbio, iiif
    Column("key", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("request", JSONB, nullable=False),  # how to open it again: ingestor/requests.py
    Column("fingerprint", Text),  # of what was last read to its end
    Column("read_at", DateTime(timezone=True)),  # begin of the last reading that reached the end
    Column("whole_at", DateTime(timezone=True)),  # the same, of all there is, not of what is new
    PrimaryKeyConstraint("source", "key"),
)

rejection = Table(
    "rejection",
    metadata,
    Column("dataset_id", Uuid, ForeignKey("dataset.id", ondelete="CASCADE"), nullable=False),
    Column("locator", Text, nullable=False),  # file and line, or the source's id
    Column("reason", Text, nullable=False),
    Column("verbatim", JSONB, nullable=False),
    Column("job_id", Uuid, ForeignKey("job.id", ondelete="SET NULL")),
    _now("at"),
    PrimaryKeyConstraint("dataset_id", "locator"),
)

projection = Table(
    "projection",
    metadata,
    Column("version_id", SmallInteger, ForeignKey("embed_version.id"), nullable=False),
    Column("image_id", Uuid, ForeignKey("image.id", ondelete="CASCADE"), nullable=False),
    Column("x", Float, nullable=False),
    Column("y", Float, nullable=False),
    Column("number", Integer),  # from 0: the order in which points are sent
    PrimaryKeyConstraint("version_id", "image_id"),
    UniqueConstraint("version_id", "number"),
    Index("ix_projection_version_id_x_y", "version_id", "x", "y"),
)

atlas = Table(
    "atlas",
    metadata,
    Column("version_id", SmallInteger, ForeignKey("embed_version.id"), primary_key=True),
    Column("method", Text, nullable=False),  # in words: "PCA to 50 dimensions, then UMAP"
    Column("params", JSONB, nullable=False),  # all that is needed to compute it again
    Column("fitted", Integer, nullable=False),  # images that the map was made of
    Column("placed", Integer, nullable=False),  # images put among them later
    Column("bounds", ARRAY(Float), nullable=False),  # left, bottom, right, top
    Column("labels", JSONB, nullable=False),  # a list per level of zoom, core/atlas/labels.py
    _now("fitted_at"),
    _now("updated_at"),
)

judgement = Table(
    "judgement",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("query", JSONB, nullable=False),
    Column("image_id", Uuid, ForeignKey("image.id", ondelete="CASCADE"), nullable=False),
    Column("version_id", SmallInteger, ForeignKey("embed_version.id")),
    Column("relevant", Boolean, nullable=False),
    Column("query_key", Text, nullable=False),  # sha256 of `query`: the same question, one key
    Column("judge", Text, nullable=False, server_default=""),  # a random word kept by a browser
    # {version: rank, or null where the image was not among the first} as they stood when judged
    Column("ranks", JSONB, nullable=False, server_default="{}"),
    _now("at"),
    UniqueConstraint("query_key", "image_id", "judge"),
)

correction = Table(
    "correction",
    metadata,
    Column("photo", Text, nullable=False),  # sha256 of an upload, or id of an image or a record
    Column("judge", Text, nullable=False, server_default=""),  # as in `judgement`
    Column("version_id", SmallInteger, ForeignKey("embed_version.id"), nullable=False),
    Column("named", Text),  # what the version named it: "genus:Morpho"
    Column("said", Text, nullable=False),  # what it is
    _now("at"),
    PrimaryKeyConstraint("photo", "judge", "version_id"),
)

query_set = Table(
    "query_set",
    metadata,
    Column("name", Text, primary_key=True),
    Column("queries", JSONB, nullable=False),
    _now("created_at"),
    Column("description", Text),
    _now("updated_at"),
)

eval_run = Table(
    "eval_run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("version_id", SmallInteger, ForeignKey("embed_version.id"), nullable=False),
    Column("query_set", Text, ForeignKey("query_set.name")),
    Column("args", JSONB, nullable=False, server_default="{}"),
    _now("at"),
)

eval_metric = Table(
    "eval_metric",
    metadata,
    Column(
        "eval_run_id", BigInteger, ForeignKey("eval_run.id", ondelete="CASCADE"), nullable=False
    ),
    Column("metric", Text, nullable=False),
    Column("value", Float, nullable=False),
    PrimaryKeyConstraint("eval_run_id", "metric"),
)

receipt = Table(
    "receipt",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("query", JSONB, nullable=False),  # as it would stand in the address
    Column("options", JSONB, nullable=False, server_default="{}"),  # format, columns, vectors
    Column("made_with", JSONB, nullable=False, server_default="{}"),  # embed version, program
    Column("counts", JSONB, nullable=False),  # in all, per dataset, per licence
    Column("citation", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    Column("file_name", Text),
    Column("file_bytes", BigInteger),
    Column("file_sha256", Text),
    Column("file_removed_at", DateTime(timezone=True)),  # the receipt stays
    _now("at"),
    Column("finished_at", DateTime(timezone=True)),
    _one_of("state", RECEIPT_STATES),
)

receipt_image = Table(
    "receipt_image",
    metadata,
    Column("receipt_id", Uuid, ForeignKey("receipt.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("image_id", Uuid, nullable=False),  # kept even when the image is gone
    Column("score", Float),
    PrimaryKeyConstraint("receipt_id", "position"),
)

upload = Table(
    "upload",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),  # WebP without loss, metadata stripped
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
