"""Indexes for filters are made partition by partition, when each is full."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OVER = {
    "facets": "USING gin (facets)",
    "latitude_longitude": "(latitude, longitude)",
    "date_start": "(date_start)",
}


def upgrade() -> None:
    partitions = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'embedding'::regclass"
    tables = op.get_bind().scalars(sa.text(partitions)).all()
    for what, over in OVER.items():
        op.drop_index(f"ix_embedding_{what}", "embedding")
        for table in tables:
            op.execute(f"CREATE INDEX {table}_{what}_idx ON {table} {over}")


def downgrade() -> None:
    for what, over in OVER.items():  # takes over those of partitions, makes those that are not
        op.execute(f"CREATE INDEX ix_embedding_{what} ON embedding {over}")
