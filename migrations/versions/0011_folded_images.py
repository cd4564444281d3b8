"""Images that another one is shown for are not looked for where images to be fetched are."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OPEN = "state IN ('pending', 'leased', 'retry')"


def _index(where: str) -> None:
    op.drop_index("ix_image_host_retry_at", "image")
    op.create_index(
        "ix_image_host_retry_at", "image", ["host", "retry_at"], postgresql_where=sa.text(where)
    )


def upgrade() -> None:
    _index(f"{_OPEN} AND same_as IS NULL")


def downgrade() -> None:
    _index(_OPEN)
