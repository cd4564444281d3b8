"""What binds all who fetch: the host of every image, and the pace and robots.txt of every host."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HOST = """lower("substring"(fetch_url, '(?i)^https?://(?:[^/?#]*@)?([^/?#]+)'::text))"""


def upgrade() -> None:
    op.add_column("image", sa.Column("host", sa.Text(), sa.Computed(HOST, persisted=True)))
    op.create_index(
        "ix_image_host_retry_at",
        "image",
        ["host", "retry_at"],
        postgresql_where=sa.text("state IN ('pending', 'leased', 'retry')"),
    )
    op.add_column("host", sa.Column("pace", sa.Float(), server_default="1", nullable=False))
    op.add_column("host", sa.Column("trouble", sa.Text()))
    op.add_column("host", sa.Column("robots", sa.Text()))
    op.add_column("host", sa.Column("robots_at", sa.DateTime(timezone=True)))
    op.add_column("host", sa.Column("crawl_delay", sa.Float()))


def downgrade() -> None:
    for name in ("crawl_delay", "robots_at", "robots", "trouble", "pace"):
        op.drop_column("host", name)
    op.drop_index("ix_image_host_retry_at", "image")
    op.drop_column("image", "host")
