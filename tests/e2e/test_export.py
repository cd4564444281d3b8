"""Export, receipt and citation in a browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.searching import RUN_AXE
from tests.e2e.test_atlas_page import SLOW, api
from tests.paths import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def bounds(live_server: str) -> str:
    """The whole map as a selection."""
    left, bottom, right, top = api(live_server, "atlas/specimen-tiny")["bounds"]
    return f"{left},{bottom} {right},{bottom} {right},{top} {left},{top}"


def ask(page: Page, server: str, bounds: str, button: str) -> None:
    """Open a dialog over the Lepidoptera of the map."""
    page.goto(f"{server}/atlas?taxon=Lepidoptera&atlas={bounds}")
    page.get_by_role("button", name=button, exact=True).click(timeout=SLOW)


def test_a_receipt_opens_again(page: Page, live_server: str, bounds: str) -> None:
    ask(page, live_server, bounds, "Export")
    dialog = page.get_by_role("dialog", name="Export")
    total = api(live_server, "facets", taxon="Lepidoptera")["total"]
    expect(dialog.get_by_text(re.compile(f"^{total} images of"))).to_be_visible(timeout=SLOW)
    dialog.get_by_role("radio", name="Table (Parquet)").check()
    dialog.get_by_label(re.compile("^With the vectors")).check()
    dialog.get_by_role("button", name="Make the file").click()
    expect(page.get_by_role("heading", name="Ready")).to_be_visible(timeout=SLOW)
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^Download")).click()
    shown = page.locator(".mono").first.inner_text()
    assert download.value.suggested_filename in shown
    address = page.url
    page.goto(f"{live_server}/")
    page.goto(address)
    expect(page.get_by_role("heading", name="Ready")).to_be_visible(timeout=SLOW)
    expect(page.locator(".mono").first).to_have_text(shown)
    expect(page.get_by_text(address, exact=True)).to_be_visible()
    expect(page.get_by_role("cell", name=re.compile(r"^\d+$")).first).to_be_visible()


def test_citing_copies_the_citation(page: Page, live_server: str, bounds: str) -> None:
    ask(page, live_server, bounds, "Cite")
    dialog = page.get_by_role("dialog", name="Cite")
    dialog.get_by_role("button", name="Copy the citation").click(timeout=SLOW)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.match(r"BioCosmos \(\d{4}\): \d+ images of \d+ records from 1 dataset", copied)
    assert "an area of the atlas" in copied
    dialog.get_by_text("BibTeX").click()
    expect(dialog.get_by_text("@misc{")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(page.get_by_role("button", name="Cite", exact=True)).to_be_focused()


def test_no_such_receipt(page: Page, live_server: str) -> None:
    page.goto(f"{live_server}/receipt/00000000-0000-0000-0000-000000000000")
    expect(page.get_by_role("alert")).to_contain_text("no such receipt", timeout=SLOW)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, live_server: str, bounds: str, scheme: Any) -> None:
    axe = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed; run bin/web build")
    page = browser.new_page(color_scheme=scheme, reduced_motion="reduce")
    ask(page, live_server, bounds, "Export")
    button = page.get_by_role("button", name="Make the file")
    expect(button).to_be_enabled(timeout=SLOW)
    page.evaluate(axe.read_text(encoding="utf-8"))
    assert page.evaluate(RUN_AXE) == []
    button.click()
    expect(page.get_by_role("heading", name="Ready")).to_be_visible(timeout=SLOW)
    page.evaluate(axe.read_text(encoding="utf-8"))
    assert page.evaluate(RUN_AXE) == []
    page.close()


def test_on_a_phone_nothing_is_cut_off(browser: Browser, live_server: str, bounds: str) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    ask(page, live_server, bounds, "Export")
    page.get_by_role("button", name="Make the file").click(timeout=SLOW)
    expect(page.get_by_role("heading", name="Ready")).to_be_visible(timeout=SLOW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()
