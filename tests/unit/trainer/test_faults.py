"""Every fault of the predecessor that the documents name has the tests that they name."""

import ast
import re

from tests.paths import ROOT

HERE = ROOT / "tests" / "unit" / "trainer"
ROWS = [
    line.strip("| \n").split(" | ")
    for line in (ROOT / "docs" / "predecessor.md")
    .read_text()
    .split("## Its faults")[1]
    .splitlines()
    if line.startswith("| ") and "---" not in line
][1:]


def test_every_fault_has_tests_that_exist():
    assert len(ROWS) == 18
    for fault, now, tests in ROWS:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", tests)
        assert named, fault
        assert now
        for file, name in named:
            nodes = ast.walk(ast.parse((HERE / file).read_text()))
            functions = {n.name for n in nodes if isinstance(n, ast.FunctionDef)}
            assert name in functions, f"{file} has no {name}"
