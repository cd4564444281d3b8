"""How each atlas was made, the order of its points, and all that a receipt of an export keeps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATES = ("waiting", "running", "done", "failed")
NAMES = (
    "options", "made_with", "state", "done", "total", "error", "file_name", "file_bytes",
    "file_removed_at", "finished_at",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("projection", sa.Column("number", sa.Integer()))
    op.create_unique_constraint(None, "projection", ["version_id", "number"])
    op.create_index("ix_projection_version_id_x_y", "projection", ["version_id", "x", "y"])
    op.create_table(
        "atlas",
        sa.Column("version_id", sa.SmallInteger(), sa.ForeignKey("embed_version.id")),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("params", JSONB(), nullable=False),
        sa.Column("fitted", sa.Integer(), nullable=False),
        sa.Column("placed", sa.Integer(), nullable=False),
        sa.Column("bounds", ARRAY(sa.Float()), nullable=False),
        sa.Column("labels", JSONB(), nullable=False),
        *(
            sa.Column(
                name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
            )
            for name in ("fitted_at", "updated_at")
        ),
        sa.PrimaryKeyConstraint("version_id"),
    )
    for column in (
        sa.Column("options", JSONB(), server_default="{}", nullable=False),
        sa.Column("made_with", JSONB(), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("file_name", sa.Text()),
        sa.Column("file_bytes", sa.BigInteger()),
        sa.Column("file_removed_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("receipt", column)
    op.create_check_constraint(
        "state", "receipt", f"state IN ({', '.join(repr(s) for s in STATES)})"
    )
    op.create_table(
        "receipt_image",
        sa.Column(
            "receipt_id", sa.Uuid(), sa.ForeignKey("receipt.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Float()),
        sa.PrimaryKeyConstraint("receipt_id", "position"),
    )


def downgrade() -> None:
    op.drop_table("receipt_image")
    op.drop_constraint(op.f("ck_receipt_state"), "receipt")
    for name in reversed(NAMES):
        op.drop_column("receipt", name)
    op.drop_table("atlas")
    op.drop_index("ix_projection_version_id_x_y", "projection")
    op.drop_constraint(op.f("uq_projection_version_id_number"), "projection")
    op.drop_column("projection", "number")
