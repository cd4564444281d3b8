"""Jobs queued for workers, what they say, the sources they read; what a picture was sent with."""

import importlib.resources

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD = ("running", "done", "failed", "cancelled")
COLUMNS = (
    ("parent_id", sa.Uuid(), None),
    ("queue_id", sa.BigInteger(), None),
    ("attempts", sa.Integer(), "0"),
    ("worker", sa.Text(), None),
    ("heartbeat_at", sa.DateTime(timezone=True), None),
    ("cancel_requested", sa.Boolean(), "false"),
    ("message", sa.Text(), None),
    ("created_at", sa.DateTime(timezone=True), sa.func.now()),
)


def upgrade() -> None:
    _queue()
    for name, kind, default in COLUMNS:
        op.add_column(
            "job", sa.Column(name, kind, nullable=default is None, server_default=default)
        )
    op.create_foreign_key(None, "job", "job", ["parent_id"], ["id"], ondelete="CASCADE")
    op.create_index("ix_job_parent_id", "job", ["parent_id"])
    op.create_index("ix_job_created_at", "job", ["created_at"])
    op.create_index(
        "ix_job_open", "job", ["state"], postgresql_where=sa.text("state IN ('queued', 'running')")
    )
    _states("queued", *OLD)
    _tables()
    for name in ("etag", "last_modified"):
        op.add_column("image", sa.Column(name, sa.Text()))


def _queue() -> None:
    """Procrastinate's own schema, in one of its own, so that nothing of ours meets it.

    Its functions find its tables from any connection, so that a job can be queued in the same
    transaction as the rows it is about.
    """
    ours = importlib.resources.files("procrastinate.sql").joinpath("schema.sql")
    op.execute("CREATE SCHEMA procrastinate")
    op.execute("SET LOCAL search_path = procrastinate, public")
    op.get_bind().exec_driver_sql(ours.read_text(encoding="utf-8").replace("%", "%%"))
    op.execute("SET LOCAL search_path TO DEFAULT")
    op.execute(
        "DO $$ DECLARE each regprocedure; BEGIN"
        " FOR each IN SELECT oid FROM pg_proc WHERE pronamespace = 'procrastinate'::regnamespace"
        " LOOP EXECUTE format("
        "'ALTER FUNCTION %s SET search_path = procrastinate, pg_catalog', each);"
        " END LOOP; END $$"
    )


def _tables() -> None:
    op.create_table(
        "job_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.CheckConstraint(
            "level IN ('info', 'warning', 'error')", name=op.f("ck_job_event_level")
        ),
    )
    op.create_index("ix_job_event_job_id_id", "job_event", ["job_id", "id"])
    op.create_table(
        "source",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("request", JSONB(), nullable=False),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.Column("whole_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("source", "key"),
    )


def _states(*states: str) -> None:
    listed = ", ".join(f"'{state}'" for state in states)
    op.drop_constraint(op.f("ck_job_state"), "job")
    op.create_check_constraint(op.f("ck_job_state"), "job", f"state IN ({listed})")


def downgrade() -> None:
    for name in ("last_modified", "etag"):
        op.drop_column("image", name)
    op.drop_table("source")
    op.drop_table("job_event")
    op.execute("UPDATE job SET state = 'failed' WHERE state = 'queued'")
    _states(*OLD)
    for name in ("ix_job_open", "ix_job_created_at", "ix_job_parent_id"):
        op.drop_index(name, "job")
    for name, _, _ in reversed(COLUMNS):
        op.drop_column("job", name)
    op.execute("DROP SCHEMA procrastinate CASCADE")
