import json
import os
import subprocess
import sys

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from core import versions
from core.vectors import copy_vectors
from tests.integration.collection import add_images, spec, vectors
from tests.paths import ROOT


def cli(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ingestor.versions_cli", *arguments],
        env=os.environ | {"BIOCOSMOS_DATABASE_URL": url, "COLUMNS": "120", "NO_COLOR": "1"},
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.mark.slow
async def test_look_choose_index_and_retire(engine: AsyncEngine, database_url: str) -> None:
    async with engine.begin() as conn:
        ids = await add_images(conn, 4)
        await versions.ensure(conn, "old", spec(8))
        new = await versions.ensure(conn, "new", spec(16))
        await copy_vectors(conn, new, ids[:3], vectors(3, 16))
    listed = cli(database_url, "list").stdout
    assert "old (default)" in listed
    assert [line.split()[-4:] for line in listed.splitlines() if "new" in line] == [
        ["3", "│", "4", "│"]
    ]
    assert json.loads(cli(database_url, "show", "new").stdout)["dim"] == 16
    refused = cli(database_url, "retire", "old", "--yes")
    assert refused.returncode == 1
    assert refused.stderr.strip().startswith("error: Embed version 'old' is the default")
    assert "new is now the default" in cli(database_url, "default", "new").stdout
    assert "new: exact" in cli(database_url, "index", "new").stdout
    assert "no index" in cli(database_url, "verify", "new").stdout
    assert "new: hnsw m 16" in cli(database_url, "index", "new", "--kind", "hnsw").stdout
    no_model = cli(database_url, "verify", "new")
    assert no_model.returncode == 1
    assert no_model.stderr.startswith("error: ")
    assert "new: exact" in cli(database_url, "index", "new", "--kind", "exact").stdout
    assert cli(database_url, "retire", "old").returncode == 1, "asks, and nobody answers"
    assert "old is retired" in cli(database_url, "retire", "old", "--yes").stdout
    unknown = cli(database_url, "show", "none")
    assert unknown.returncode == 1
    assert "there are: old, new" in unknown.stderr
