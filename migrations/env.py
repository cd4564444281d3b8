"""Runs migrations on the connection it is given, or on the database of the settings."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.schema import SchemaItem

from core import settings
from core.db.embedded import open_database
from core.db.partitions import is_partition
from core.db.tables import metadata

Kind = Literal["schema", "table", "column", "index", "unique_constraint", "foreign_key_constraint"]


def include_object(
    _item: SchemaItem, name: str | None, kind: Kind, reflected: bool, _other: SchemaItem | None
) -> bool:
    """Partitions are made and dropped with their embed version, not by migrations."""
    return not (kind == "table" and reflected and is_partition(name or ""))


def run(connection: Connection) -> None:
    """Run the asked migrations in the transaction of `connection`."""
    options: dict[str, Any] = {"target_metadata": metadata, "include_object": include_object}
    context.configure(connection=connection, **options)
    with context.begin_transaction():
        context.run_migrations()


def from_settings() -> None:
    """For the alembic command line: open the settings' database first."""
    with open_database(settings.load()) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            run(connection)
        engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    from_settings()
