"""Every page held to the same bar: what Lighthouse asks, what axe finds, what fingers hit."""

import re
import urllib.parse
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.e2e.searching import RUN_AXE, SHIFTS, TOO_SMALL, api, built
from tests.paths import ROOT

pytestmark = [*built, pytest.mark.slow]
PAGES = {
    "start": "",
    "results": "?q=blue+wings",
    "grouped": "?q=blue+wings&group_by=family&per_group=6&fold=true",
    "filters only": "?taxon=order:Lepidoptera",
    "table": "?q=blue+wings&tab=table",
    "map": "?q=blue+wings&tab=map",
    "atlas tab": "?q=blue+wings&tab=atlas",
    "nothing found": "?q=blue+wings&country=AQ",
    "record": "record/{record}",
    "taxon": "taxon/{taxon}",
    "compare": "compare?q=blue+wings",
    "atlas": "atlas",
    "identify": "identify",
    "identified": "identify?like={image}",
    "receipt": "receipt/{receipt}",
    "status": "status",
    "versions": "versions",
    "about": "about",
    "nowhere": "nowhere",
}
HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1]))"""
UNSEEN_FOCUS = """() => {
  const all = [document.activeElement, document.activeElement.closest("form, label, li")];
  const lined = (one) => one && getComputedStyle(one).outlineStyle !== "none"
    && parseFloat(getComputedStyle(one).outlineWidth) > 0;
  return all.some(lined) ? null : document.activeElement.outerHTML.slice(0, 200);
}"""
MOVING = """() => document.getAnimations().filter((one) => one.playState === "running").length"""
# What a slow machine is still waiting for.
SETTLED = "() => !document.querySelector('[aria-busy=true]')"


@pytest.fixture(scope="module")
def addresses(live_server: str) -> dict[str, str]:
    """Where each page is, its things filled in."""
    first = api(live_server, "search", q="blue wings")["hits"][0]
    asked = {"taxon": ["order:Lepidoptera"], "format": "csv"}
    made = httpx.post(f"{live_server}/api/v1/exports", json=asked, timeout=60).json()
    things = {
        "record": first["record"]["id"],
        "image": first["image"]["id"],
        "taxon": urllib.parse.quote(f"species:{first['record']['species']}"),
        "receipt": made["id"],
    }
    httpx.get(f"{live_server}/api/v1/identify", params={"like": things["image"]}, timeout=120)
    return {name: f"{live_server}/{path.format(**things)}" for name, path in PAGES.items()}


@pytest.fixture
def visit(browser: Browser, live_server: str) -> Iterator[Any]:
    """Opens a page and waits for all of it; what it complained of or asked elsewhere is kept."""
    contexts = []

    def opened(address: str, **how: Any) -> Page:
        context = browser.new_context(**how)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(SHIFTS)
        complaints: list[str] = []

        def asked(request: Request) -> None:
            if not request.url.startswith((live_server, "data:", "blob:")):
                complaints.append(f"asked {request.url}")

        page.on("request", asked)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.wait_for_function(SETTLED)
        expect(page.locator("h1").first).to_be_attached()
        assert complaints == []
        return page

    yield opened
    for context in contexts:
        context.close()


def found_by_axe(page: Page) -> list[str]:
    axe = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed; run bin/web build")
    page.evaluate(axe.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(RUN_AXE)
    return found


WIDE = {"width": 1280, "height": 900}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound(name: str, addresses: dict[str, str], visit: Any) -> None:
    """Title, language, landmarks, headings, nothing jumps, nothing fails, axe finds nothing."""
    page = visit(addresses[name], viewport=WIDE)
    assert page.evaluate("window.shifts") < 0.1  # what web.dev calls good
    assert re.search(r"\S.* · BioCosmos$", page.title())
    assert page.evaluate("document.documentElement.lang") == "en"
    description = page.locator("meta[name=description]").get_attribute("content")
    assert description is not None
    assert 50 <= len(description) <= 160
    for role in ("banner", "main", "contentinfo", "navigation", "search"):
        expect(page.get_by_role(role).first).to_be_visible()
    levels = page.evaluate(HEADINGS)
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(lower - upper <= 1 for upper, lower in zip(levels, levels[1:], strict=False)), levels
    assert found_by_axe(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_the_dark_without_motion(
    name: str, addresses: dict[str, str], visit: Any
) -> None:
    page = visit(addresses[name], viewport=WIDE, color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate(MOVING) == 0
    assert found_by_axe(page) == []
    for _ in range(12):  # keys alone: whatever they reach is seen to be reached
        page.keyboard.press("Tab")
        assert page.evaluate(UNSEEN_FOCUS) is None


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_a_phone(name: str, addresses: dict[str, str], visit: Any) -> None:
    page = visit(
        addresses[name],
        viewport={"width": 360, "height": 740},
        has_touch=True,
        is_mobile=True,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.eval_on_selector_all("button, select, summary, .button, nav a", TOO_SMALL) == []
    assert page.evaluate("window.shifts") < 0.1
    assert found_by_axe(page) == []
