"""The pages of a record and of a taxon in a real browser, over the sample museum."""

import json
import re
import urllib.parse
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.searching import RUN_AXE
from tests.paths import ROOT

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / "frontend" / "dist" / "index.html").is_file(),
        reason="the page is not built; run bin/web build",
    ),
]

SLOW = 60_000
"""Milliseconds: the first search loads the model, which a busy machine takes its time for."""
TOO_SMALL = """(all) => all.map((one) => [one.outerHTML, one.getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && (box.width < 44 || box.height < 44))
  .map(([html]) => html)"""


def api(server: str, path: str, **params: Any) -> Any:
    """What the REST API itself answers."""
    query = urllib.parse.urlencode(params)
    with urllib.request.urlopen(f"{server}/api/v1/{urllib.parse.quote(path)}?{query}") as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def species(live_server: str) -> dict[str, Any]:
    """The page of the commonest species with a place, as the API gives it."""
    name = api(live_server, "facets", facet="species", limit=1)["facets"][0]["values"][0]["value"]
    found: dict[str, Any] = api(live_server, f"taxa/{name}")
    return found


@pytest.fixture(scope="module")
def record(live_server: str, species: dict[str, Any]) -> dict[str, Any]:
    """A record of it with a place and a picture that may be shown."""
    own = next(
        each["record"]["id"]
        for each in species["gallery"]
        if each["record"]["decimal_latitude"] is not None and each["image"]["image_url"]
    )
    found: dict[str, Any] = api(live_server, f"records/{own}")
    return found


@pytest.fixture
def on_record(page: Page, live_server: str, record: dict[str, Any]) -> Page:
    """The page of that record, with all that stands under it."""
    page.goto(f"{live_server}/record/{record['id']}")
    expect(page.get_by_role("link", name=re.compile("^See all: Looks alike")).first).to_be_visible(
        timeout=SLOW
    )
    return page


def scale(picture: Locator) -> float:
    found: float = picture.evaluate(
        "one => new DOMMatrix(getComputedStyle(one.querySelector('.picture')).transform).a"
    )
    return found


def test_a_picture_is_looked_at_closely_by_keys_and_by_hand(on_record: Page) -> None:
    picture = on_record.get_by_role("group", name=re.compile("Plus and minus zoom"))
    assert scale(picture) == 1
    picture.focus()
    for _ in range(3):
        on_record.keyboard.press("+")
    assert scale(picture) == pytest.approx(1.5**3)
    moved = "one => new DOMMatrix(getComputedStyle(one.querySelector('.picture')).transform).e"
    before = picture.evaluate(moved)
    on_record.keyboard.press("ArrowRight")
    assert picture.evaluate(moved) < before
    on_record.keyboard.press("0")
    assert scale(picture) == 1
    on_record.get_by_role("button", name="Zoom in").click()
    assert scale(picture) == pytest.approx(1.5)
    picture.hover()
    on_record.mouse.wheel(0, -300)
    assert scale(picture) > 1.5
    on_record.get_by_role("button", name="Whole picture").click()
    assert scale(picture) == 1
    expect(on_record.get_by_role("button", name="Zoom out")).to_be_disabled()


def test_a_record_is_cited_in_three_formats(
    on_record: Page, live_server: str, record: dict[str, Any]
) -> None:
    path = f"{live_server}/api/v1/records/{record['id']}/citation"
    for label, name in (("BibTeX", "bibtex"), ("RIS", "ris")):
        on_record.get_by_text(label, exact=True).click()
        with urllib.request.urlopen(f"{path}?format={name}") as answer:
            wanted = answer.read().decode().strip()
        expect(on_record.locator("pre").first).to_have_text(wanted.replace("\r\n", "\n"))
        on_record.get_by_role("button", name="Copy the citation").click()
        copied = on_record.evaluate("navigator.clipboard.readText()")
        assert copied.replace("\r\n", "\n") == wanted.replace("\r\n", "\n")
    on_record.get_by_text("This image", exact=True).click()
    expect(on_record.locator("pre").first).to_contain_text("TI  - Picture of")
    with on_record.expect_download() as download:
        on_record.get_by_role("link", name="Download as RIS").click()
    assert download.value.suggested_filename == "citation.ris"


def test_similar_specimens_lead_on(
    on_record: Page, live_server: str, record: dict[str, Any]
) -> None:
    rows = api(live_server, f"records/{record['id']}/similar")["rows"]
    assert [row["kind"] for row in rows][:2] == ["alike", "genus"]
    for row in rows:
        expect(on_record.get_by_role("heading", name=row["label"], exact=True)).to_be_visible()
    first = rows[0]["hits"][0]["record"]
    link = on_record.locator(f"a[href^='/record/{first['id']}']").first
    link.click()
    expect(on_record).to_have_url(re.compile(f"/record/{first['id']}"))
    on_record.go_back()
    see_all = on_record.get_by_role("link", name=f"See all: {rows[1]['label']}")
    see_all.focus()
    on_record.keyboard.press("Enter")
    expect(on_record).to_have_url(re.compile(f"like_record={record['id']}"))
    expect(on_record.locator("ul.grid a.link").first).to_be_visible(timeout=SLOW)


def test_a_small_map_shows_the_place(on_record: Page, record: dict[str, Any]) -> None:
    drawn = on_record.get_by_role("img", name=re.compile("^Map: "))
    drawn.scroll_into_view_if_needed()
    expect(drawn.locator("path.land")).to_have_attribute("d", re.compile("^M"))
    place = drawn.locator("circle.point")
    expect(place).to_have_attribute("cx", str(record["decimal_longitude"]))
    on_record.get_by_role("link", name="What else is from nearby").click()
    expect(on_record).to_have_url(re.compile(r"/\?bbox="))


def test_the_record_as_data(on_record: Page, record: dict[str, Any]) -> None:
    on_record.get_by_text("Raw JSON").click()
    shown = json.loads(on_record.locator("details pre").inner_text())
    assert shown["id"] == record["id"]
    assert shown["verbatim"] == record["verbatim"]


def test_a_record_leads_to_its_species_and_up_the_tree(
    on_record: Page, species: dict[str, Any]
) -> None:
    on_record.get_by_role("link", name=f"All of {species['name']} here").click()
    heading = on_record.get_by_role("heading", level=1)
    expect(heading).to_contain_text(species["name"], timeout=SLOW)
    expect(heading.locator("i")).to_have_text(species["name"])
    classification = on_record.get_by_role("navigation", name="Classification")
    expect(classification.get_by_role("link")).to_have_count(len(species["lineage"]))
    genus = species["lineage"][-1]["name"]
    classification.get_by_role("link", name=genus, exact=True).click()
    expect(heading).to_contain_text(genus, timeout=SLOW)
    assert urllib.parse.unquote(on_record.url).endswith(f"/taxon/genus:{genus}")
    expect(on_record.get_by_role("heading", name="Below this genus")).to_be_visible()
    on_record.go_back()
    expect(heading).to_contain_text(species["name"], timeout=SLOW)


def test_a_taxon_shows_what_the_api_knows(
    page: Page, live_server: str, species: dict[str, Any]
) -> None:
    page.goto(f"{live_server}/taxon/{species['value']}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(species["name"], timeout=SLOW)
    expect(page.get_by_text(f"{species['images']:,} images", exact=True)).to_be_visible()
    pictures = page.locator("section", has=page.get_by_role("heading", name="Images")).locator("li")
    expect(pictures).to_have_count(len(species["gallery"]))
    alike = page.locator("section", has=page.get_by_role("heading", name="Looks alike"))
    expect(alike.locator("li")).to_have_count(len(species["look_alikes"]))
    expect(alike.locator("li").first).to_contain_text(species["look_alikes"][0]["name"])
    view = species["views"][-1]["value"]
    by_view = api(live_server, f"taxa/{species['value']}", view=view)["look_alikes"]
    page.get_by_label("Compare by").select_option(view)
    expect(alike.locator("li")).to_have_count(len(by_view), timeout=SLOW)
    for at, each in enumerate(by_view):
        expect(alike.locator("li").nth(at)).to_contain_text(each["name"])
    places = api(live_server, "map", taxon=species["value"])
    dots = page.get_by_role("group", name="Map of the world").locator("a")
    expect(dots).to_have_count(len(places["cells"]))
    located = f"{places['with_coordinates']:,} of {places['total']:,} images have coordinates"
    expect(page.get_by_text(located)).to_be_visible()
    outside = page.get_by_role("link", name="GBIF")
    expect(outside).to_have_attribute("target", "_blank")
    page.get_by_role("link", name="Look through its images").click()
    expect(page).to_have_url(re.compile(r"/\?taxon="))


def test_a_taxon_that_is_not_here_says_so(page: Page, live_server: str) -> None:
    page.goto(f"{live_server}/taxon/genus:Morpho")
    expect(page.get_by_text("No image here shows Morpho")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name=re.compile("search", re.IGNORECASE)).last.click()
    expect(page).to_have_url(f"{live_server}/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    browser: Browser, live_server: str, species: dict[str, Any], record: dict[str, Any],
    scheme: Any,
) -> None:  # fmt: skip
    axe = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed; run bin/web build")
    page = browser.new_page(color_scheme=scheme, reduced_motion="reduce")
    for path, ready in (
        (f"taxon/{species['value']}", "Elsewhere"),
        (f"record/{record['id']}", "Similar specimens"),
    ):
        page.goto(f"{live_server}/{path}")
        expect(page.get_by_role("heading", name=ready)).to_be_visible(timeout=SLOW)
        page.wait_for_load_state("networkidle")
        page.evaluate(axe.read_text(encoding="utf-8"))
        assert page.evaluate(RUN_AXE) == [], path
    page.close()


def test_on_a_phone_nothing_is_cut_off_or_too_small(
    browser: Browser, live_server: str, species: dict[str, Any], record: dict[str, Any]
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    for path, ready in (
        (f"taxon/{species['value']}", "Elsewhere"),
        (f"record/{record['id']}", "Similar specimens"),
    ):
        page.goto(f"{live_server}/{path}")
        expect(page.get_by_role("heading", name=ready)).to_be_visible(timeout=SLOW)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert page.eval_on_selector_all("button, select, .button", TOO_SMALL) == [], path
    context.close()


def test_a_picture_is_downloaded_with_its_credit(on_record: Page, record: dict[str, Any]) -> None:
    image = next(each for each in record["images"] if each["image_url"])
    link = on_record.get_by_role("link", name="Download with its credit").first
    with on_record.expect_download() as download:
        link.click()
    kept = download.value.path().read_bytes()
    assert b"ns.adobe.com/xap" in kept
    assert (
        image["creator"] or image["rights_holder"] or image["licence"]["label"]
    ).encode() in kept
