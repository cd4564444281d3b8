"""Everything of first light: collections, images, embeddings, jobs, uploads.

Written against core/db/tables.py; a test compares the two. One file although it is long: it is
one step, and never edited again.
"""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")

    op.create_table("dataset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("publisher", sa.Text()),
        sa.Column("description", sa.Text()),
        sa.Column("licence_raw", sa.Text()),
        sa.Column("licence", sa.Text()),
        sa.Column("citation", sa.Text()),
        sa.Column("doi", sa.Text()),
        sa.Column("url", sa.Text()),
        sa.Column("retrieved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_dataset_source_key"))
    )

    op.create_table("embed_version",
        sa.Column("id", sa.SmallInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("embed_version", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("pretrained", sa.Text(), nullable=False),
        sa.Column("weights_sha256", sa.Text(), nullable=False),
        sa.Column("preprocess", JSONB(), nullable=False),
        sa.Column("dim", sa.SmallInteger(), nullable=False),
        sa.Column("precision", sa.Text(), server_default="halfvec", nullable=False),
        sa.Column("metric", sa.Text(), server_default="cosine", nullable=False),
        sa.Column("index_kind", sa.Text(), server_default="exact", nullable=False),
        sa.Column("index_params", JSONB(), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="building", nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("index_kind IN ('exact', 'ivfflat', 'hnsw')", name=op.f("ck_embed_version_index_kind")),
        sa.CheckConstraint("state IN ('building', 'ready', 'retired')", name=op.f("ck_embed_version_state")),
        sa.CheckConstraint("dim BETWEEN 1 AND 4000", name=op.f("ck_embed_version_dim")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embed_version")),
        sa.UniqueConstraint("embed_version", name=op.f("uq_embed_version_embed_version"))
    )
    op.create_index("uq_embed_version_default", "embed_version", ["is_default"], unique=True, postgresql_where=sa.text("is_default"))
    op.create_table("host",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("requests_per_second", sa.Float(), server_default="1", nullable=False),
        sa.Column("connections", sa.Integer(), server_default="2", nullable=False),
        sa.Column("next_request_at", sa.DateTime(timezone=True)),
        sa.Column("cooldown_until", sa.DateTime(timezone=True)),
        sa.Column("breaker", sa.Text(), server_default="closed", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("errors", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("breaker IN ('closed', 'open', 'half_open')", name=op.f("ck_host_breaker")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_host"))
    )

    op.create_table("job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("args", JSONB(), server_default="{}", nullable=False),
        sa.Column("cursor", JSONB()),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("counts", JSONB(), server_default="{}", nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'cancelled')", name=op.f("ck_job_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job"))
    )

    op.create_table("query_set",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("queries", JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_query_set"))
    )

    op.create_table("receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("query", JSONB(), nullable=False),
        sa.Column("counts", JSONB(), nullable=False),
        sa.Column("citation", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt"))
    )

    op.create_table("taxon",
        sa.Column("checklist_key", sa.Text(), nullable=False),
        sa.Column("taxon_key", sa.Text(), nullable=False),
        sa.Column("canonical_name", sa.Text(), nullable=False),
        sa.Column("authorship", sa.Text()),
        sa.Column("rank", sa.Text()),
        sa.Column("kingdom", sa.Text()),
        sa.Column("phylum", sa.Text()),
        sa.Column("class", sa.Text()),
        sa.Column("order", sa.Text()),
        sa.Column("family", sa.Text()),
        sa.Column("genus", sa.Text()),
        sa.Column("species", sa.Text()),
        sa.Column("common_names", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("accepted_taxon_key", sa.Text()),
        sa.Column("lineage", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("checklist_key", "taxon_key", name=op.f("pk_taxon"))
    )
    op.create_index("ix_taxon_canonical_name", "taxon", ["canonical_name"], unique=False)
    op.create_table("upload",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_upload"))
    )

    op.create_table("eval_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version_id", sa.SmallInteger(), nullable=False),
        sa.Column("query_set", sa.Text()),
        sa.Column("args", JSONB(), server_default="{}", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["query_set"], ["query_set.name"], name=op.f("fk_eval_run_query_set_query_set")),
        sa.ForeignKeyConstraint(["version_id"], ["embed_version.id"], name=op.f("fk_eval_run_version_id_embed_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eval_run"))
    )

    op.create_table("image",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("fetch_url", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text()),
        sa.Column("title", sa.Text()),
        sa.Column("view", sa.Text()),
        sa.Column("licence_raw", sa.Text()),
        sa.Column("licence", sa.Text()),
        sa.Column("rights_holder", sa.Text()),
        sa.Column("creator", sa.Text()),
        sa.Column("references_url", sa.Text()),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("bytes", sa.BigInteger()),
        sa.Column("sha256", sa.Text()),
        sa.Column("phash", sa.BigInteger()),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'leased', 'ok', 'retry', 'gone', 'blocked', 'invalid')", name=op.f("ck_image_state")),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_image_dataset_id_dataset")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image"))
    )
    op.create_index("ix_image_sha256", "image", ["sha256"], unique=False)
    op.create_index("ix_image_state_retry_at", "image", ["state", "retry_at"], unique=False)
    op.create_table("record",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_record_id", sa.Text(), nullable=False),
        sa.Column("occurrence_id", sa.Text()),
        sa.Column("basis_of_record", sa.Text()),
        sa.Column("institution_code", sa.Text()),
        sa.Column("collection_code", sa.Text()),
        sa.Column("catalog_number", sa.Text()),
        sa.Column("type_status", sa.Text()),
        sa.Column("sex", sa.Text()),
        sa.Column("life_stage", sa.Text()),
        sa.Column("preparations", sa.Text()),
        sa.Column("checklist_key", sa.Text()),
        sa.Column("taxon_key", sa.Text()),
        sa.Column("scientific_name", sa.Text()),
        sa.Column("canonical_name", sa.Text()),
        sa.Column("authorship", sa.Text()),
        sa.Column("taxon_rank", sa.Text()),
        sa.Column("vernacular_name", sa.Text()),
        sa.Column("kingdom", sa.Text()),
        sa.Column("phylum", sa.Text()),
        sa.Column("class", sa.Text()),
        sa.Column("order", sa.Text()),
        sa.Column("family", sa.Text()),
        sa.Column("genus", sa.Text()),
        sa.Column("species", sa.Text()),
        sa.Column("identified_by", sa.Text()),
        sa.Column("event_date", sa.Text()),
        sa.Column("event_start", sa.Date()),
        sa.Column("event_end", sa.Date()),
        sa.Column("recorded_by", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("country_code", sa.Text()),
        sa.Column("state_province", sa.Text()),
        sa.Column("county", sa.Text()),
        sa.Column("locality", sa.Text()),
        sa.Column("decimal_latitude", sa.Float()),
        sa.Column("decimal_longitude", sa.Float()),
        sa.Column("coordinate_uncertainty_m", sa.Float()),
        sa.Column("geodetic_datum", sa.Text()),
        sa.Column("information_withheld", sa.Text()),
        sa.Column("licence_raw", sa.Text()),
        sa.Column("licence", sa.Text()),
        sa.Column("rights_holder", sa.Text()),
        sa.Column("references_url", sa.Text()),
        sa.Column("issues", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("verbatim", JSONB(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["checklist_key", "taxon_key"], ["taxon.checklist_key", "taxon.taxon_key"], name=op.f("fk_record_checklist_key_taxon")),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_record_dataset_id_dataset")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
        sa.UniqueConstraint("source", "source_record_id", name=op.f("uq_record_source_source_record_id"))
    )
    op.create_index("ix_record_catalog_number", "record", ["catalog_number"], unique=False)
    op.create_index("ix_record_dataset_id", "record", ["dataset_id"], unique=False)
    op.create_index("ix_record_species", "record", ["species"], unique=False)
    op.create_table("rejection",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("locator", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("verbatim", JSONB(), nullable=False),
        sa.Column("job_id", sa.Uuid()),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_rejection_dataset_id_dataset"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_rejection_job_id_job"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("dataset_id", "locator", name=op.f("pk_rejection"))
    )

    op.create_table("embedding",
        sa.Column("version_id", sa.SmallInteger(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("vector", HALFVEC(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_embedding_image_id_image")),
        sa.ForeignKeyConstraint(["version_id"], ["embed_version.id"], name=op.f("fk_embedding_version_id_embed_version")),
        sa.PrimaryKeyConstraint("version_id", "image_id", name=op.f("pk_embedding")),
        postgresql_partition_by="LIST (version_id)"
    )

    op.create_table("eval_metric",
        sa.Column("eval_run_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["eval_run_id"], ["eval_run.id"], name=op.f("fk_eval_metric_eval_run_id_eval_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("eval_run_id", "metric", name=op.f("pk_eval_metric"))
    )

    op.create_table("judgement",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("query", JSONB(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.SmallInteger()),
        sa.Column("relevant", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_judgement_image_id_image"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["version_id"], ["embed_version.id"], name=op.f("fk_judgement_version_id_embed_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judgement"))
    )

    op.create_table("projection",
        sa.Column("version_id", sa.SmallInteger(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("x", sa.Float(), nullable=False),
        sa.Column("y", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_projection_image_id_image"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["version_id"], ["embed_version.id"], name=op.f("fk_projection_version_id_embed_version")),
        sa.PrimaryKeyConstraint("version_id", "image_id", name=op.f("pk_projection"))
    )

    op.create_table("record_image",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_record_image_image_id_image"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_record_image_record_id_record"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("record_id", "image_id", name=op.f("pk_record_image"))
    )
    op.create_index("ix_record_image_image_id", "record_image", ["image_id"], unique=False)


def downgrade() -> None:
    """Drop every table; partitions go with `embedding`, the extension stays."""
    for table in (
        "record_image",
        "projection",
        "judgement",
        "eval_metric",
        "embedding",
        "rejection",
        "record",
        "image",
        "eval_run",
        "upload",
        "taxon",
        "receipt",
        "query_set",
        "job",
        "host",
        "embed_version",
        "dataset",
    ):
        op.drop_table(table)
