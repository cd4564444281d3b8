"""What filters need of an image, worked out once for all versions; vectors stored in whole batches.

Of images that have no vector it is worked out when they get one.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMNS = "facets, latitude, longitude, date_start, date_end, months"


def upgrade() -> None:
    op.create_table(
        "image_fact",
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("facets", ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("latitude", sa.Float()),
        sa.Column("longitude", sa.Float()),
        sa.Column("date_start", sa.Date()),
        sa.Column("date_end", sa.Date()),
        sa.Column("months", sa.SmallInteger()),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image_id"),
    )
    op.execute(
        f"INSERT INTO image_fact SELECT DISTINCT ON (image_id) image_id, {COLUMNS}"
        " FROM embedding ORDER BY image_id, version_id"
    )
    op.create_index("ix_image_fact_facets", "image_fact", ["facets"], postgresql_using="gin")
    op.create_index("ix_image_fact_latitude_longitude", "image_fact", ["latitude", "longitude"])
    op.create_index("ix_image_fact_date_start", "image_fact", ["date_start"])
    for column, table in (("image_id", "image"), ("version_id", "embed_version")):
        op.drop_constraint(f"fk_embedding_{column}_{table}", "embedding")


def downgrade() -> None:
    for column, table in (("image_id", "image"), ("version_id", "embed_version")):
        op.create_foreign_key(
            f"fk_embedding_{column}_{table}", "embedding", table, [column], ["id"]
        )
    op.drop_table("image_fact")
