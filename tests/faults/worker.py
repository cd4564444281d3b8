"""One process that fetches what is due, with manners given as JSON; for tests that kill it."""

import asyncio
import json
import sys
from pathlib import Path

from core.db.engine import create_engine
from core.errors import BioCosmosError
from core.settings import Settings
from ingestor.manners import Manners
from ingestor.pictures import fetch_images


async def main(options):
    engine = create_engine(options["url"])
    settings = Settings(home=Path(options["home"]), database_url=options["url"])
    try:
        await fetch_images(
            engine, settings, rate=options["rate"], manners=Manners(**options["manners"])
        )
    finally:
        await engine.dispose()


if __name__ == "__main__":
    try:
        asyncio.run(main(json.loads(sys.argv[1])))
    except BioCosmosError as error:
        sys.exit(error.detail)
