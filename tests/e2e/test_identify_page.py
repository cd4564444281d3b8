"""Naming photos in a real browser, over real photographs of birds."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.searching import RUN_AXE
from tests.paths import ROOT, SHARED_DATA, needs_shared

pytestmark = [
    needs_shared,
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / "frontend" / "dist" / "index.html").is_file(),
        reason="the page is not built; run bin/web build",
    ),
]

PATIENCE = 120_000
"""Milliseconds: the first question encodes the names and runs the trials."""
IDENTIFY = "identify?v=birds&method=text"


def rows() -> list[dict[str, str]]:
    with (SHARED_DATA / "images" / "records.csv").open(encoding="utf-8") as lines:
        return [r for r in csv.DictReader(lines) if r["collectionCode"] == "wikimedia_birds"]


def photos(count: int) -> list[tuple[Path, str]]:
    """Photographs with the species they show."""
    return [(SHARED_DATA / "images" / r["file"], r["scientificName"]) for r in rows()[:count]]


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def choose(tab: Page, *paths: Path) -> None:
    with tab.expect_file_chooser() as chooser:
        tab.get_by_role("button", name="Choose photos").click()
    chooser.value.set_files(list(paths))


def verdict(tab: Page) -> Locator:
    return tab.locator(".verdict")


def test_a_photo_is_named_and_its_evidence_followed(tab: Page, bird_server: str) -> None:
    tab.goto(f"{bird_server}/identify?v=birds")
    (path, _), *_ = photos(1)
    choose(tab, path)
    ladder = tab.get_by_role("region", name=re.compile("^Ladder of"))
    expect(ladder).to_be_visible(timeout=PATIENCE)
    expect(verdict(tab)).to_have_text(re.compile("^Supported to|^Not supported"))
    expect(tab.get_by_text("they are not probabilities")).to_be_visible()
    expect(ladder.get_by_text("This photo is in the museum")).to_be_visible()
    image = httpx.URL(tab.url).params["image"]
    asked = {"image": image, "embed_version": "birds"}
    answer = httpx.get(f"{bird_server}/api/v1/identify", params=asked, timeout=60).json()
    photo = answer["photos"][0]
    if photo["named"]:
        expect(verdict(tab)).to_contain_text(photo["named"]["name"])
    best = photo["rungs"][0]["candidates"][0]
    expect(ladder.get_by_text("the ladder stops here")).to_have_count(1 if photo["named"] else 0)
    kingdom = ladder.locator("details").first
    if kingdom.get_attribute("open") is None:  # open where the ladder stops
        kingdom.locator("summary").click()
    kingdom.get_by_role("button", name=re.compile(best["name"])).click()
    evidence = tab.get_by_role("region", name=f"Evidence for {best['name']}")
    links = evidence.locator("li a[href^='/record/']:not([aria-hidden])")
    expect(links).to_have_count(len(best["evidence"]))
    links.first.click()
    expect(tab).to_have_url(re.compile("/record/"))
    expect(tab.locator("h1")).to_be_visible()


def test_names_are_right_as_often_as_the_api_says(tab: Page, bird_server: str) -> None:
    """A batch: a table of photos, and the same as CSV."""
    tab.goto(f"{bird_server}/{IDENTIFY}")
    chosen = photos(3)
    choose(tab, *(path for path, _ in chosen))
    table = tab.get_by_role("region", name="All photos")
    expect(table.locator("tbody tr")).to_have_count(3, timeout=PATIENCE)
    for row, (path, _) in zip(table.locator("tbody tr").all(), chosen, strict=True):
        expect(row.get_by_role("button")).to_have_text(path.name)
    with tab.expect_download() as download:
        tab.get_by_role("link", name="CSV").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    assert [line["file_name"] for line in lines[::5]] == [path.name for path, _ in chosen]
    right = sum(line["species"] == name for line, (_, name) in zip(lines[::5], chosen, strict=True))
    assert right >= 2
    expect(table.locator("tbody tr").first).to_contain_text(lines[0]["species"])


def test_the_address_is_the_state(tab: Page, browser: Browser, bird_server: str) -> None:
    tab.goto(f"{bird_server}/{IDENTIFY}")
    choose(tab, photos(1)[0][0])
    expect(verdict(tab)).to_be_visible(timeout=PATIENCE)
    tab.get_by_label("nearest specimens").check()
    expect(tab).to_have_url(re.compile("method=specimens"))
    tab.get_by_label("Certainty").select_option("0.5")
    expect(tab).to_have_url(re.compile("certainty=0.5"))
    expect(tab.locator(".answer[aria-busy=false]")).to_be_visible()
    said = verdict(tab).inner_text()
    other = browser.new_page()
    other.goto(tab.url)
    expect(verdict(other)).to_have_text(said, timeout=PATIENCE)
    expect(other.get_by_label("nearest specimens")).to_be_checked()
    other.close()


def test_one_that_is_no_picture_harms_no_other(tab: Page, bird_server: str, tmp_path: Path) -> None:
    bad = tmp_path / "notes.jpg"
    bad.write_bytes(b"no picture at all")
    tab.goto(f"{bird_server}/{IDENTIFY}")
    choose(tab, bad, photos(1)[0][0])
    expect(tab.get_by_role("alert")).to_contain_text("notes.jpg")
    expect(verdict(tab)).to_be_visible(timeout=PATIENCE)


def test_an_image_of_the_museum_is_named_from_its_stored_vector(
    tab: Page, bird_server: str
) -> None:
    hit = httpx.get(f"{bird_server}/api/v1/search", params={"q": "a duck"}, timeout=120).json()
    image = hit["hits"][0]["image"]["id"]
    tab.goto(f"{bird_server}/{IDENTIFY}&like={image}")
    expect(verdict(tab)).to_be_visible(timeout=PATIENCE)
    expect(tab.get_by_text("its own specimen is left out")).to_be_visible()


def test_labels_within_and_place(tab: Page, bird_server: str) -> None:
    tab.goto(f"{bird_server}/{IDENTIFY}")
    choose(tab, photos(1)[0][0])
    expect(verdict(tab)).to_be_visible(timeout=PATIENCE)
    tab.get_by_text("Where, when, within, labels").click()
    tab.get_by_label("Labels of your own").fill("bird = animal\noak tree = plant")
    tab.get_by_role("button", name="Apply").click()
    expect(tab.get_by_role("heading", name="Your bins")).to_be_visible()
    expect(tab.get_by_text("oak tree", exact=True)).to_be_visible()
    tab.get_by_label("Only within").fill("Nought")
    tab.get_by_role("button", name="Apply").click()
    expect(tab.get_by_role("alert")).to_contain_text("no taxon within")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, bird_server: str, scheme: Any, width: int) -> None:
    axe = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed; run bin/web build")
    page = browser.new_page(
        color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 900}
    )
    page.goto(f"{bird_server}/{IDENTIFY}")
    choose(page, *(path for path, _ in photos(2)))
    expect(verdict(page)).to_be_visible(timeout=PATIENCE)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    page.evaluate(axe.read_text(encoding="utf-8"))
    assert page.evaluate(RUN_AXE) == []
    page.close()


def test_a_specimen_of_the_sample_museum_is_looked_at_beside_others(
    tab: Page, live_server: str
) -> None:
    first = httpx.get(f"{live_server}/api/v1/search", params={"q": "blue wings"}, timeout=60)
    image = first.json()["hits"][0]["image"]["id"]
    tab.goto(f"{live_server}/identify?like={image}")
    expect(verdict(tab)).to_be_visible(timeout=PATIENCE)
    tab.get_by_role("button", name="Enlarge all").click()
    evidence = tab.locator("section.large")
    views = evidence.get_by_role("group")
    expect(views.nth(1)).to_be_visible()
    views.first.press("+")
    moved = evidence.locator("div.picture div.picture").evaluate_all(
        "all => all.map((one) => one.style.transform)"
    )
    assert len(moved) > 1
    assert len(set(moved)) == 1
    assert "scale(1.5)" in moved[0]
    evidence.locator("li a[href^='/record/']").first.click()
    tab.wait_for_url("**/record/*")


def test_whoever_knows_better_says_so_and_takes_it_back(tab: Page, live_server: str) -> None:
    def counted() -> tuple[int, int]:
        found = httpx.get(f"{live_server}/api/v1/corrections", timeout=60).json()
        return found["judged"], found["right"]

    before = counted()
    first = httpx.get(f"{live_server}/api/v1/search", params={"q": "red beetle"}, timeout=60)
    hit = first.json()["hits"][0]
    tab.goto(f"{live_server}/identify?like={hit['image']['id']}")
    part = tab.get_by_role("region", name="Is the name right?")
    part.get_by_role("button", name="It is actually").click()
    part.get_by_label("It is").fill(hit["record"]["genus"][:6])
    part.get_by_role("list").get_by_role("button", name=hit["record"]["genus"]).first.click()
    expect(part).to_contain_text("Stored: it is")
    assert counted()[0] == before[0] + 1
    part.get_by_role("button", name="Take it back").click()
    expect(part.get_by_role("button", name="It is actually")).to_be_visible()
    assert counted() == before
