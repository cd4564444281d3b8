"""Comparing versions in a real browser, over real photographs in two embed versions."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.searching import RUN_AXE
from tests.paths import ROOT, needs_shared

pytestmark = [
    needs_shared,
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / "frontend" / "dist" / "index.html").is_file(),
        reason="the page is not built; run bin/web build",
    ),
]

BOTH = ("birds", "specimen-tiny")
BOX = "Describe a specimen"
PATIENCE = 60_000
"""Milliseconds: the first question loads two models."""


@pytest.fixture(scope="module", autouse=True)
def loaded(bird_server: str) -> None:
    """Both models are loaded before anything is timed by a browser's patience."""
    httpx.get(
        f"{bird_server}/api/v1/compare", params={"q": "warm", "version": BOTH}, timeout=180
    ).raise_for_status()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A fresh profile, so that thumbs of another test are not its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def compared(server: str, q: str) -> Any:
    params: dict[str, Any] = {"q": q, "version": BOTH, "limit": 12}
    answer = httpx.get(f"{server}/api/v1/compare", params=params, timeout=60)
    answer.raise_for_status()
    return answer.json()


def opened(tab: Page, server: str, q: str, more: str = "") -> None:
    tab.goto(f"{server}/compare?q={q}&version=birds&version=specimen-tiny{more}")
    expect(column(tab, "birds").locator("ol > li").first).to_be_visible(timeout=PATIENCE)


def column(tab: Page, name: str) -> Locator:
    return tab.get_by_role("region", name=name, exact=True)


def shown(tab: Page, name: str) -> list[str]:
    found: list[str] = (
        column(tab, name).locator("li").evaluate_all("all => all.map(li => li.dataset.image)")
    )
    return found


def test_a_question_is_put_to_both_versions(tab: Page, bird_server: str) -> None:
    tab.goto(f"{bird_server}/compare")
    box = tab.get_by_label(BOX)
    box.fill("a photo of a duck")
    box.press("Enter")
    expect(column(tab, "birds").locator("li")).to_have_count(12, timeout=PATIENCE)
    expect(tab).to_have_url(re.compile(r"/compare\?q=a\+photo\+of\+a\+duck&version="))
    answer = compared(bird_server, "a photo of a duck")
    for each in answer["columns"]:
        hits = [hit["image"]["id"] for hit in each["response"]["hits"]]
        assert shown(tab, each["version"]) == hits
    overlap = answer["pairs"][0]["overlap_10"]
    row = tab.get_by_role("region", name="How much the versions agree").locator("tbody tr")
    expect(row.locator("td").first).to_have_text(f"{round(overlap * 100)} %")


def test_changes_of_rank_are_said(tab: Page, bird_server: str) -> None:
    opened(tab, bird_server, "green+head")
    answer = compared(bird_server, "green head")
    ranks = {each["image_id"]: each["ranks"] for each in answer["changes"]}
    first = answer["columns"][0]["response"]["hits"][0]["image"]["id"]
    other = ranks[first]["specimen-tiny"]
    says = (
        "not among the first 50 of specimen-tiny"
        if other is None
        else "the same rank as in specimen-tiny"
        if other == 1
        else f"{other - 1} rank{'s' if other > 2 else ''} higher than in specimen-tiny"
    )
    card = column(tab, "birds").locator("li").first
    expect(card.locator(".change")).to_have_attribute("title", says)


def test_only_differences_leaves_out_what_stands_alike(tab: Page, bird_server: str) -> None:
    opened(tab, bird_server, "a+white+bird")
    tab.get_by_label("Only differences").check()
    expect(tab).to_have_url(re.compile("differences=true"))
    answer = compared(bird_server, "a white bird")
    alike = {
        each["image_id"] for each in answer["changes"] if len(set(each["ranks"].values())) == 1
    }
    expect(column(tab, "birds").locator("li")).to_have_count(
        len([1 for h in answer["columns"][0]["response"]["hits"] if h["image"]["id"] not in alike])
    )
    assert not alike & set(shown(tab, "birds"))


def test_thumbs_are_kept_and_counted(tab: Page, bird_server: str) -> None:
    opened(tab, bird_server, "a+swimming+bird")
    good = column(tab, "birds").get_by_role("button", name=re.compile("answers the query$")).first
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    judgements = tab.get_by_role("region", name="Judgements")
    expect(
        judgements.get_by_text(re.compile("On 1 judged result birds wins [01]")).first
    ).to_be_visible()
    tab.reload()
    expect(good).to_have_attribute("aria-pressed", "true")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "false")
    expect(judgements.get_by_text("This query")).to_have_count(0)


def test_a_query_set_is_saved_and_run(tab: Page, bird_server: str) -> None:
    for q in ("a+gull", "an+owl"):
        opened(tab, bird_server, q)
        tab.get_by_text("Keep this query").click()
        tab.get_by_label("Name of the set").fill("shore and night")
        tab.get_by_role("button", name="Save to the set").click()
        expect(tab.get_by_text(re.compile("has . quer")).first).to_be_visible()
    tab.get_by_role("link", name="Query sets").click()
    tab.get_by_role("button", name="Run the set").click()
    table = tab.get_by_role("region", name="Queries by measures")
    expect(table.locator("tbody tr")).to_have_count(2)
    expect(table.get_by_role("link", name="a gull")).to_be_visible()
    key = compared(bird_server, "an owl")["pairs"][0]["rank_biased_overlap"]
    row = table.locator("tbody tr").filter(has_text="an owl")
    expect(row.locator("td").first).to_have_text(f"{key:.2f}")
    table.get_by_role("link", name="an owl").click()
    expect(column(tab, "specimen-tiny").locator("li")).to_have_count(12)


def test_a_version_that_does_not_exist_is_said(tab: Page, bird_server: str) -> None:
    tab.goto(f"{bird_server}/compare?q=x&version=birds&version=nought")
    expect(tab.get_by_role("alert")).to_contain_text("nought")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, bird_server: str, scheme: Any) -> None:
    axe = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed; run bin/web build")
    page = browser.new_page(color_scheme=scheme, reduced_motion="reduce")
    opened(page, bird_server, "a+duck")
    page.wait_for_load_state("networkidle")
    page.evaluate(axe.read_text(encoding="utf-8"))
    assert page.evaluate(RUN_AXE) == []
    page.close()


def test_a_phone_swipes_between_columns(browser: Browser, bird_server: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    opened(page, bird_server, "a+duck")
    width = "() => document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(width) <= 0
    second = column(page, "specimen-tiny").locator("li").first
    second.scroll_into_view_if_needed()
    expect(second).to_be_in_viewport(ratio=0.9)
    page.close()
