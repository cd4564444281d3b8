"""Catalogue numbers are found however their letters are written."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_record_catalog_number", "record")
    op.create_index("ix_record_catalog_number", "record", [sa.text("lower(catalog_number)")])


def downgrade() -> None:
    op.drop_index("ix_record_catalog_number", "record")
    op.create_index("ix_record_catalog_number", "record", ["catalog_number"])
