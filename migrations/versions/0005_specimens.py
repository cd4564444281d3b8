"""The same specimen from several sources: keys to know it by, what is shown, and what is not."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "record", sa.Column("interpreter", sa.SmallInteger(), server_default="0", nullable=False)
    )
    for name in ("occurrence_key", "catalog_key"):
        op.add_column("record", sa.Column(name, sa.BigInteger()))
        _partial_index("record", name)
    op.add_column("record", sa.Column("specimen_id", sa.Uuid()))
    op.create_foreign_key(
        "fk_record_specimen_id_record",
        "record",
        "record",
        ["specimen_id"],
        ["id"],
        ondelete="SET NULL",
    )
    _partial_index("record", "specimen_id")
    op.add_column("image", sa.Column("same_as", sa.Uuid()))
    op.create_foreign_key(
        "fk_image_same_as_image", "image", "image", ["same_as"], ["id"], ondelete="SET NULL"
    )
    _partial_index("image", "same_as")
    op.add_column(
        "record_image", sa.Column("merged", sa.Boolean(), server_default="false", nullable=False)
    )


def _partial_index(table: str, column: str) -> None:
    where = sa.text(f"{column} IS NOT NULL")
    op.create_index(f"ix_{table}_{column}", table, [column], postgresql_where=where)


def downgrade() -> None:
    op.execute("DELETE FROM record_image WHERE merged")
    op.drop_column("record_image", "merged")
    op.drop_column("image", "same_as")
    for name in ("specimen_id", "catalog_key", "occurrence_key", "interpreter"):
        op.drop_column("record", name)
