"""What photos really show, by those who know better than the model that named them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("photo", sa.Text(), nullable=False),
        sa.Column("judge", sa.Text(), server_default="", nullable=False),
        sa.Column("version_id", sa.SmallInteger(), nullable=False),
        sa.Column("named", sa.Text()),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.ForeignKeyConstraint(["version_id"], ["embed_version.id"]),
        sa.PrimaryKeyConstraint("photo", "judge", "version_id"),
    )


def downgrade() -> None:
    op.drop_table("correction")
