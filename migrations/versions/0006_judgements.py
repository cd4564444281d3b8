"""What a judgement is a judgement of: which query, by whom, and how versions ranked the image."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("judgement", sa.Column("query_key", sa.Text()))
    op.execute("UPDATE judgement SET query_key = 'unknown-' || id")
    op.alter_column("judgement", "query_key", nullable=False)
    op.add_column("judgement", sa.Column("judge", sa.Text(), server_default="", nullable=False))
    op.add_column("judgement", sa.Column("ranks", JSONB(), server_default="{}", nullable=False))
    op.create_unique_constraint(None, "judgement", ["query_key", "image_id", "judge"])
    op.add_column("query_set", sa.Column("description", sa.Text()))
    op.add_column(
        "query_set",
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
    )


def downgrade() -> None:
    op.drop_column("query_set", "updated_at")
    op.drop_column("query_set", "description")
    op.drop_constraint(op.f("uq_judgement_query_key_image_id_judge"), "judgement")
    op.drop_column("judgement", "ranks")
    op.drop_column("judgement", "judge")
    op.drop_column("judgement", "query_key")
