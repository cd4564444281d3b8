"""Documentation that cannot rot: what it names exists, and what exists it names."""

import re
from pathlib import Path

import pytest
import yaml

from core.settings import Settings
from tests.paths import ROOT

COMMANDS = sorted(p.name for p in (ROOT / "bin").iterdir() if not p.name.startswith("_"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("field", sorted(Settings.model_fields))
def test_every_setting_is_documented_with_its_default(field):
    line = next(
        (
            row
            for row in text("docs/settings.md").splitlines()
            if f"`BIOCOSMOS_{field.upper()}`" in row
        ),
        "",
    )
    default = Settings.model_fields[field].default
    shown = "none" if default is None else f"`{default:g}`" if isinstance(default, float) else None
    assert (shown or f"`{default}`") in line


def test_no_setting_is_documented_that_does_not_exist():
    known = {f"BIOCOSMOS_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"`(BIOCOSMOS_\w+)`", text("docs/settings.md"))) - known == {
        "BIOCOSMOS_VENV"
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command):
    assert f"bin/{command}" in text("README.md")


def test_every_command_the_documents_name_exists():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"\bbin/([a-z_]+)", page.read_text())}
    assert named - set(COMMANDS) - {"_env"} == set()


def test_every_module_is_in_the_architecture_page():
    page = text("docs/architecture.md")
    for package in ("core", "ingestor", "backend", "trainer"):
        for path in sorted((ROOT / package).rglob("*.py")):
            module = path.relative_to(ROOT).with_suffix("").as_posix()
            name = module.removesuffix("/__init__")
            in_feature = path.stem in {"routes", "schemas", "queries", "service"}
            assert in_feature or f"`{name}`" in page, f"docs/architecture.md does not name {name}"


def test_links_in_the_documents_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("dockerfile", ["Dockerfile.api", "Dockerfile.gpu"])
def test_what_a_dockerfile_copies_exists(dockerfile):
    for line in text(dockerfile).splitlines():
        words = line.split()
        if words[:1] != ["COPY"] or words[1].startswith("--from"):
            continue
        for source in words[1:-1]:
            assert (ROOT / source).exists(), f"{dockerfile}: {source}"


def test_compose_builds_from_dockerfiles_that_exist():
    compose = yaml.safe_load(text("docker-compose.yml"))
    builds = [s["build"]["dockerfile"] for s in compose["services"].values() if "build" in s]
    assert builds
    assert all((ROOT / name).is_file() for name in builds)


@pytest.mark.parametrize(
    "name", ["requirements/run.txt", "requirements/dev.txt", "frontend/package-lock.json"]
)
def test_locked_dependencies_name_no_host(name):
    assert not re.search(r"https?://[^\s\"]*(\.whl|\.tgz|\.tar\.gz|/simple)", text(name))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda p: p.name
)
def test_a_decision_fits_on_a_page(path: Path):
    assert len(path.read_text().splitlines()) <= 40
