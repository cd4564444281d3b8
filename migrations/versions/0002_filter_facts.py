"""What filters need beside every vector: facets, place, date; filled in for vectors there are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = ("facets", "latitude", "longitude", "date_start", "date_end", "months")

# As core/db/facts.py was at this step.
FACTS = """
SELECT i.id AS image_id,
  ARRAY(
    SELECT DISTINCT hashtextextended(lower(kind || ':' || value), 0) FROM (
      SELECT * FROM (VALUES ('view', i.view), ('licence', i.licence), ('dataset', i.dataset_id::text)) AS of_image(kind, value)
      UNION ALL
      SELECT fact.* FROM record_image ri JOIN record r ON r.id = ri.record_id
        CROSS JOIN LATERAL (VALUES ('kingdom', r.kingdom), ('phylum', r.phylum), ('class', r.class), ('order', r."order"), ('family', r.family), ('genus', r.genus), ('species', r.species), ('name', r.canonical_name), ('dataset', r.dataset_id::text), ('institution', r.institution_code), ('collection', r.collection_code), ('country', coalesce(r.country_code, r.country)), ('basis', r.basis_of_record), ('sex', r.sex), ('life_stage', r.life_stage)) AS fact(kind, value) WHERE ri.image_id = i.id AND r.withdrawn_at IS NULL
      UNION ALL
      SELECT 'type_status', word FROM record_image ri JOIN record r ON r.id = ri.record_id
        CROSS JOIN LATERAL regexp_split_to_table(r.type_status, '[^A-Za-z]+') AS word
        WHERE ri.image_id = i.id AND r.withdrawn_at IS NULL
    ) AS facts(kind, value) WHERE value <> '' ORDER BY 1
  ) AS facets,
  first.decimal_latitude AS latitude, first.decimal_longitude AS longitude,
  first.event_start AS date_start, first.event_end AS date_end,
  ((first.spanned & 4095) | (first.spanned >> 12))::smallint AS months
FROM image i LEFT JOIN LATERAL (
  SELECT r.decimal_latitude, r.decimal_longitude, r.event_start, r.event_end,
    ((1 << greatest(1, least(12, 1
      + (extract(year FROM r.event_end) - extract(year FROM r.event_start)) * 12
      + extract(month FROM r.event_end) - extract(month FROM r.event_start)))::int) - 1)
      << (extract(month FROM r.event_start)::int - 1) AS spanned
  FROM record_image ri JOIN record r ON r.id = ri.record_id WHERE ri.image_id = i.id AND r.withdrawn_at IS NULL ORDER BY r.id LIMIT 1
) AS first ON true
"""


def upgrade() -> None:
    for column in (
        sa.Column("facets", ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        sa.Column("latitude", sa.Float()),
        sa.Column("longitude", sa.Float()),
        sa.Column("date_start", sa.Date()),
        sa.Column("date_end", sa.Date()),
        sa.Column("months", sa.SmallInteger()),
    ):
        op.add_column("embedding", column)
    partitions = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'embedding'::regclass"
    for partition in op.get_bind().scalars(sa.text(partitions)).all():
        op.execute(f"ALTER TABLE {partition} ALTER facets SET STORAGE MAIN")
        sets = ", ".join(f"{column} = fact.{column}" for column in COLUMNS)
        fill = f"UPDATE {partition} AS e SET {sets} FROM ({FACTS}) AS fact WHERE e.image_id = fact.image_id"
        op.get_bind().execute(sa.text(fill))
    op.create_index("ix_embedding_facets", "embedding", ["facets"], postgresql_using="gin")
    op.create_index("ix_embedding_latitude_longitude", "embedding", ["latitude", "longitude"])
    op.create_index("ix_embedding_date_start", "embedding", ["date_start"])
    # probes or ef_search, whichever the index has, are its effort now
    op.execute(
        "UPDATE embed_version SET index_params = index_params - 'probes' - 'ef_search' || jsonb_build_object("
        "'effort', coalesce(index_params->'probes', index_params->'ef_search')) WHERE index_kind <> 'exact'"
    )


def downgrade() -> None:
    op.execute(
        "UPDATE embed_version SET index_params = index_params - 'effort' - 'recall' || jsonb_build_object("
        "CASE index_kind WHEN 'hnsw' THEN 'ef_search' ELSE 'probes' END, index_params->'effort')"
        " WHERE index_kind <> 'exact'"
    )
    for column in COLUMNS:
        op.drop_column("embedding", column)
