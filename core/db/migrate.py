"""Bring a database up to the newest schema; `python -m core.db.migrate` does it for the settings'.

Works from any working directory, also when several processes start at once.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine, text

from core import settings
from core.db.embedded import open_database
from core.db.engine import normalise, translate_errors
from core.errors import BioCosmosError, Unavailable

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "migrations"
LOCK = 0x62696F63  # "bioc": the advisory lock that one migration at a time holds


def config() -> Config:
    """Alembic's configuration, built here so that no ini file has to be found."""
    made = Config()
    made.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return made


def migrate(url: str, revision: str = "head") -> None:
    """Upgrade the database at `url`; raises Unavailable when that cannot be done."""
    engine = create_engine(normalise(url))
    try:
        with translate_errors(), engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            made = config()
            made.attributes["connection"] = connection
            _upgrade(made, revision)
    finally:
        engine.dispose()


def _upgrade(made: Config, revision: str) -> None:
    try:
        command.upgrade(made, revision)
    except CommandError as error:
        raise Unavailable(
            f"The database has a schema that this program does not know ({error}); update the"
            " program, or set BIOCOSMOS_HOME or BIOCOSMOS_DATABASE_URL to another database"
        ) from error


def main() -> None:
    """Migrate the settings' database; an error of ours becomes one line."""
    try:
        with open_database(settings.load()) as url:
            migrate(url)
    except BioCosmosError as error:
        raise SystemExit(f"error: {error.detail}") from None


if __name__ == "__main__":
    main()
