"""What the hashes of facts mean, and what else the things they name are called."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# As core/db/tables.py and core/db/facts.py were at this step.
WORDS = (
    "to_tsvector('simple'::regconfig, regexp_replace(regexp_replace(translate(NORMALIZE({}, NFD),"
    " 'ØøŁłĐđı'::text, 'OoLlDdi'::text), '[\u0300-\u036f]+'::text, ''::text, 'g'::text),"
    " '[!-/:-@[-`{{-~]+'::text, ' '::text, 'g'::text))"
)
MEANINGS = """
INSERT INTO fact (hash, kind, value)
SELECT DISTINCT ON (1) hashtextextended(lower(kind || ':' || value), 0), kind, value FROM (
  SELECT given.* FROM image i
    CROSS JOIN LATERAL (VALUES ('view', i.view), ('licence', i.licence), ('dataset', i.dataset_id::text)) AS given(kind, value)
  UNION
  SELECT given.* FROM record r
    CROSS JOIN LATERAL (VALUES ('kingdom', r.kingdom), ('phylum', r.phylum), ('class', r.class), ('order', r."order"), ('family', r.family), ('genus', r.genus), ('species', r.species), ('name', r.canonical_name), ('dataset', r.dataset_id::text), ('institution', r.institution_code), ('collection', r.collection_code), ('country', coalesce(r.country_code, r.country)), ('basis', r.basis_of_record), ('sex', r.sex), ('life_stage', r.life_stage)) AS given(kind, value)
  UNION
  SELECT 'type_status', lower(word) FROM record r
    CROSS JOIN LATERAL regexp_split_to_table(r.type_status, '[^A-Za-z]+') AS word
) AS facts(kind, value) WHERE value <> '' ORDER BY 1, value COLLATE "C"
"""
ALIASES = """
INSERT INTO alias (target, kind, name)
SELECT DISTINCT hashtextextended(lower(target), 0), kind, name FROM (
  SELECT 'species:' || species AS target, 'synonym' AS kind, canonical_name AS name FROM record
  WHERE taxon_rank = 'species' AND lower(canonical_name) <> lower(species)
  UNION ALL
  SELECT CASE WHEN species IS NULL THEN 'name:' || canonical_name ELSE 'species:' || species END,
    'common', vernacular_name FROM record
) AS given WHERE target <> '' AND name <> ''
"""


def upgrade() -> None:
    op.create_table(
        "fact",
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("words", TSVECTOR(), sa.Computed(WORDS.format("value"), persisted=True)),
        sa.PrimaryKeyConstraint("hash", name="pk_fact"),
    )
    op.create_index("ix_fact_words", "fact", ["words"], postgresql_using="gin")
    op.create_table(
        "alias",
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("words", TSVECTOR(), sa.Computed(WORDS.format("name"), persisted=True)),
        sa.PrimaryKeyConstraint("target", "kind", "name", name="pk_alias"),
    )
    op.create_index("ix_alias_words", "alias", ["words"], postgresql_using="gin")
    for statement in (MEANINGS, ALIASES):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("alias")
    op.drop_table("fact")
