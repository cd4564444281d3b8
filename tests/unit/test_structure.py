"""Rules of the house that a tool can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGES = ("core", "ingestor", "trainer", "backend")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST_FILE = 300
LONGEST_FUNCTION = 40
TABLE_OF_TABLES = {"core/db/tables.py"}  # one declaration a table; reads best in one piece


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_stay_small(path):
    source = path.read_text()
    if name(path) not in TABLE_OF_TABLES:
        assert len(source.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_settings_reads_the_environment(path):
    if name(path) != "core/settings.py":
        assert not re.search(r"\bos\.(environ|getenv)\b", path.read_text())


@pytest.mark.parametrize(
    "module", ["backend.app", "core.encoders.registry", "core.vectors", "ingestor.cli"]
)
def test_importing_it_imports_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
