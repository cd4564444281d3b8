"""The status page in a real browser, over a museum of its own with a worker beside."""

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests import museums
from tests.e2e.searching import SHIFTS
from tests.e2e.test_search_page import RUN_AXE
from tests.paths import ROOT, TINY
from tests.unit.ingestor.archives import simple

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / "frontend" / "dist" / "index.html").is_file(),
        reason="the page is not built; run bin/web build",
    ),
]

TOKEN = "an operator's secret"
SOON = 60_000
"""Milliseconds that a worker on a busy machine may take."""


@contextmanager
def museum() -> Iterator[tuple[Path, str]]:
    """A museum in which nothing has been loaded: its home and address.

    Outside pytest's folders: those are closed to the account that the database runs as.
    """
    with (
        tempfile.TemporaryDirectory(prefix="biocosmos-status-") as made,
        museums.serving(Path(made), BIOCOSMOS_OPERATOR_TOKEN=TOKEN) as url,
    ):
        yield Path(made), url


@pytest.fixture(scope="module")
def loaded() -> Iterator[tuple[Path, str]]:
    """A museum of three pictures."""
    with museum() as (home, url):
        museums.run(home, "ingestor.cli", "folder", pictures(home / "Papilio_machaon"))
        yield home, url


@contextmanager
def working(home: Path) -> Iterator[None]:
    """bin/worker over `home`."""
    command = [sys.executable, "-m", "ingestor.worker"]
    with (home / "worker.log").open("a") as log:
        process = subprocess.Popen(
            command, env=museums.environment(home), cwd=ROOT, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A fresh tab of a fresh profile."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def pictures(folder: Path) -> Path:
    """A folder of three pictures and one that is none."""
    folder.mkdir()
    for name in ("a", "b", "c"):
        Image.effect_noise((300, 200), 60).save(folder / f"{name}.png")
    (folder / "d.png").write_text("this is no picture")
    return folder


def token(page: Page, text: str = TOKEN) -> None:
    """Enter the operator's token."""
    page.get_by_label("Operator's token").fill(text)
    page.get_by_role("button", name="Use it").click()


def row(page: Page, name: str) -> object:
    """The row of a job."""
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))


def test_the_page_tells_a_whole_story(tab: Page) -> None:
    """From nothing, over jobs that wait, run, fail, are retried, to a museum that is covered."""
    with museum() as (home, server):
        story(tab, server, home)


def story(page: Page, server: str, home: Path) -> None:
    page.goto(f"{server}/status")
    expect(page.get_by_text("bin/demo", exact=True)).to_be_visible()
    expect(page.get_by_text("bin/ingest dwca archive.zip")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^(Retry|Cancel) "))).to_have_count(0)

    folder = pictures(home / "Papilio_machaon")
    museums.run(home, "ingestor.cli", "folder", folder, "--enqueue")
    museums.run(home, "ingestor.embed_cli", f"--model={TINY}", "--embed_version=tiny", "--enqueue")
    page.reload()
    expect(page.get_by_role("button", name=re.compile("^Waiting 2"))).to_be_visible()
    expect(page.get_by_text("no worker is running")).to_be_visible()
    reading = row(page, "Folder Papilio_machaon")
    expect(reading).to_contain_text("Waiting")

    with working(home):
        page.reload()
        expect(reading).to_contain_text("Done", timeout=SOON)  # it looks again by itself
        expect(row(page, "Embed tiny")).to_contain_text("Done", timeout=SOON)
        page.reload()
        stages = page.get_by_role("region", name="The way of the images").get_by_role("listitem")
        expect(stages).to_have_count(7)
        expect(stages.filter(has_text="Valid")).to_contain_text("3")
        expect(stages.filter(has_text="Embedded")).to_contain_text("3")
        coverage = page.get_by_role("region", name="Datasets by embed versions")
        expect(coverage).to_contain_text("100 %")
        coverage.get_by_role("button", name="Papilio_machaon").click()
        expect(coverage).to_contain_text("3 here, 0 still to be had, 1 not to be had")
        expect(page.get_by_role("region", name="Reasons with")).to_contain_text("d.png")

        reading.get_by_text("What it said").click()
        expect(reading).to_contain_text("4 new")
        expect(reading).to_contain_text("d.png")
        expect(reading).to_contain_text("records")

        token(page)
        page.get_by_label("Where from").select_option("dwca")
        page.get_by_label("Link or path").fill(str(home / "a.zip"))
        page.get_by_role("button", name="Start", exact=True).click()
        archive = row(page, "Archive a.zip")
        expect(archive).to_contain_text("Failed", timeout=SOON)
        expect(archive).to_contain_text("a.zip does not exist")
        expect(archive).not_to_contain_text(str(home))
        simple(home / "a.zip", {"a": [], "b": []})
        archive.get_by_role("button", name="Retry").click()
        expect(archive).to_contain_text("Done", timeout=SOON)

        page.get_by_role("button", name=re.compile("^Failed 0")).click()
        expect(page.get_by_text("No jobs in this state.")).to_be_visible()
        page.get_by_role("button", name=re.compile("^All")).click()
        expect(archive).to_contain_text("Done")
    page.emulate_media(reduced_motion="reduce", color_scheme="light")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


def violations(page: Page) -> list[str]:
    """What axe has against the page as it is."""
    axe = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed; run bin/web build")
    page.evaluate(axe.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(RUN_AXE)
    return found


def test_operators_only(tab: Page, loaded: tuple[Path, str]) -> None:
    page, (home, server) = tab, loaded
    simple(home / "b.zip", {"a": []})
    museums.run(home, "ingestor.cli", "dwca", home / "b.zip", "--enqueue")
    page.goto(f"{server}/status")
    archive = row(page, "Archive b.zip")
    expect(archive).to_contain_text("Waiting")
    expect(archive.get_by_role("button")).to_have_count(0)
    token(page, "a guess")
    archive.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("operator's token")
    expect(archive.get_by_role("button")).to_have_count(0)  # the guess is forgotten
    token(page)
    page.reload()  # it stays in this tab
    archive.get_by_role("button", name="Cancel").click()
    expect(archive).to_contain_text("Cancelled")
    expect(page.get_by_role("status").filter(has_text="Asked to stop")).to_have_count(1)
    page.get_by_role("button", name="Forget the token").click()
    expect(archive.get_by_role("button")).to_have_count(0)


def test_a_phone_shows_it_without_sideways_scrolling(
    browser: Browser, loaded: tuple[Path, str]
) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    page.goto(f"{loaded[1]}/status")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_looking_again_moves_nothing(browser: Browser, loaded: tuple[Path, str]) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.goto(f"{loaded[1]}/status")
    expect(page.get_by_role("heading", name="For operators")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.evaluate(SHIFTS.replace("buffered: true", "buffered: false"))
    for _ in range(2):
        with page.expect_response(re.compile("/api/v1/jobs")):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shifts") < 0.01
    page.close()
