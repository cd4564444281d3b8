"""Narrowing a search in the browser: names, facets, years, boxes, lists; what the address keeps."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.searching import (
    BOX,
    api,
    built,
    folded_above,
    found,
    grid,
    search,
    section,
    shows,
    state,
)

pytestmark = built


@pytest.fixture(scope="module", autouse=True)
def loaded(live_server: str) -> None:
    """The first search loads the model, which a busy machine may take a minute to do."""
    found(live_server, q="warm")


@pytest.fixture
def family(live_server: str) -> dict[str, Any]:
    """The commonest family: value, label, count."""
    facet = api(live_server, "facets", facet="family")["facets"][0]
    value: dict[str, Any] = facet["values"][0]
    return value


def test_a_name_becomes_a_filter_and_words_stay_words(
    page: Page, live_server: str, family: dict[str, Any]
) -> None:
    page.goto(live_server)
    box = page.get_by_label(BOX)
    box.fill(family["label"][:5].lower())
    option = page.get_by_role("search").get_by_role("option", name=re.compile(family["label"]))
    expect(option).to_be_visible()
    expect(page.get_by_role("search").get_by_role("option").first).to_have_text(
        family["label"][:5].lower()
    )
    option.click()
    expect(page.get_by_role("list", name="Active filters")).to_contain_text(family["label"])
    expect(box).to_have_value("")
    assert state(page) == {"taxon": [family["value"]]}
    box.fill("blue wings")
    box.press("Enter")
    shows(page, found(live_server, q="blue wings", taxon=family["value"]))


def test_filters_alone_show_all_that_passes(
    page: Page, live_server: str, family: dict[str, Any]
) -> None:
    page.goto(f"{live_server}/?taxon={family['value']}")
    browsed = api(live_server, "images", taxon=family["value"], limit=60)
    shows(page, [hit["image"]["id"] for hit in browsed["hits"]])
    expect(page.locator("section h2").first).to_contain_text(
        f"{browsed['total']:,} images that match your filters, in no order"
    )
    page.get_by_role("button", name="Show more").click()
    expect(grid(page)).to_have_count(min(browsed["total"], 120))


def test_a_family_is_excluded_and_let_in_again(page: Page, museum: str) -> None:
    family = next(
        value
        for value in api(museum, "facets", facet="family")["facets"][0]["values"]
        if value["count"] < api(museum, "search", q="blue wings")["total"]
    )
    search(page, museum, "blue wings")
    tree = section(page, "Taxon")
    for unfold in folded_above(museum, tree, family["value"]):
        unfold.click()
    row = tree.get_by_role("button", name=re.compile(rf"^{family['label']}, "))
    row.click()
    expect(row).to_have_accessible_name(re.compile("included"))
    shows(page, found(museum, q="blue wings", taxon=family["value"]))
    row.click()
    expect(row).to_have_accessible_name(re.compile("excluded"))
    assert state(page)["taxon"] == [f"-{family['value']}"]
    shows(page, found(museum, q="blue wings", taxon=f"-{family['value']}"))
    page.get_by_role("button", name=f"Remove not {family['label']}").click()
    shows(page, found(museum, q="blue wings"))
    assert state(page) == {"q": ["blue wings"]}


def test_counts_follow_the_filters_and_the_sheet_is_honest(page: Page, live_server: str) -> None:
    page.goto(f"{live_server}/?q=wings&basis=PreservedSpecimen")
    country = section(page, "Country")
    (facet,) = api(live_server, "facets", facet="country", basis="PreservedSpecimen")["facets"]
    first = facet["values"][0]
    row = country.get_by_role("button", name=re.compile(f"^{first['label']}, {first['count']} im"))
    row.click()
    heading = page.locator("section h2").first
    expect(heading).to_contain_text(f"{first['count']} images that match your filters")
    expect(page.get_by_role("status")).to_contain_text("2 filters")


def test_missing_values_can_be_asked_for(page: Page, live_server: str) -> None:
    search(page, live_server, "wings")
    sex = section(page, "Sex")
    sex.get_by_role("button", name=re.compile("^Not stated")).click()
    shows(page, found(live_server, q="wings", missing="sex"))
    sex.get_by_role("button", name=re.compile("^Stated")).click()
    shows(page, found(live_server, q="wings", missing="-sex"))


def test_years_and_months_are_narrowed(page: Page, live_server: str) -> None:
    search(page, live_server, "wings")
    years = section(page, "Year")
    years.get_by_label("From year").fill("1900")
    years.get_by_label("To year").fill("1950")
    years.get_by_label("To year").press("Enter")
    shows(page, found(live_server, q="wings", date="1900,1950"))
    expect(page.get_by_role("button", name="Remove 1900–1950")).to_be_visible()
    bars = years.get_by_role("img").bounding_box()
    assert bars is not None
    page.mouse.move(bars["x"] + 2, bars["y"] + 20)
    page.mouse.down()
    page.mouse.move(bars["x"] + bars["width"] / 3, bars["y"] + 20, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Remove 1900–1950")).to_have_count(0)
    (span,) = state(page)["date"]
    shows(page, found(live_server, q="wings", date=span))
    section(page, "Season").get_by_role("button", name=re.compile("^June")).click()
    shows(page, found(live_server, q="wings", date=span, month="6"))


def test_a_pasted_list_is_a_filter(page: Page, live_server: str) -> None:
    hits = api(live_server, "search", q="wings", limit=40)["hits"]
    numbers = sorted({hit["record"]["catalog_number"] for hit in hits if hit["record"]})[:3]
    search(page, live_server, "wings")
    page.get_by_role("button", name="Paste a list").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Catalogue numbers").check()
    dialog.get_by_label("One a line").fill("\n".join(numbers) + "\n")
    dialog.get_by_role("button", name="Use 3 values").click()
    expect(dialog).to_have_count(0)
    shows(page, found(live_server, q="wings", catalog=numbers))


def test_a_box_in_degrees_is_a_filter(page: Page, live_server: str) -> None:
    search(page, live_server, "wings")
    part = section(page, "Coordinates")
    for side, value in {"West": "-20", "South": "40", "East": "60", "North": "-30"}.items():
        part.get_by_label(side).fill(value)
    part.get_by_role("button", name="Set the box").click()
    expect(part.get_by_role("alert")).to_contain_text("south below north")
    part.get_by_label("South").fill("-30")
    part.get_by_label("North").fill("40")
    part.get_by_label("North").press("Enter")
    shows(page, found(live_server, q="wings", bbox="-20,-30,60,40"))


def test_nothing_found_says_which_filter_to_drop(page: Page, live_server: str) -> None:
    page.goto(f"{live_server}/?q=wings&country=AQ&basis=PreservedSpecimen")
    alert = page.get_by_role("alert")
    total = api(live_server, "facets", basis="PreservedSpecimen")["total"]
    best = alert.locator(".button.primary")
    expect(best).to_have_text(f"Remove Antarctica: {total:,} images")
    best.click()
    shows(page, found(live_server, q="wings", basis="PreservedSpecimen"))


def test_the_address_gives_the_same_page_elsewhere(
    page: Page, browser: Browser, live_server: str
) -> None:
    asked = "q=wings&less=moth&coordinates=true&group_by=genus&per_group=6&fold=true"
    page.goto(f"{live_server}/?{asked}&tab=grid")
    expect(grid(page).first).to_be_visible()
    mine = page.evaluate("document.querySelector('section').innerText")
    other = browser.new_page()
    other.goto(page.url)
    expect(grid(other).first).to_be_visible()
    theirs = other.evaluate("document.querySelector('section').innerText")
    other.close()
    assert re.sub(r"[\d.]+ s\b", "", mine) == re.sub(r"[\d.]+ s\b", "", theirs)
    expect(page.locator("h3").first).to_be_visible()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    yield context.new_page()
    context.close()


def test_on_a_phone_filters_are_a_sheet(phone: Page, live_server: str) -> None:
    search(phone, live_server, "wings")
    phone.get_by_role("button", name="Filters").click()
    sheet = phone.get_by_role("dialog", name="Filters")
    sheet.locator("summary:has-text('Country')").scroll_into_view_if_needed()
    (facet,) = api(live_server, "facets", facet="country")["facets"]
    first = facet["values"][0]
    sheet.get_by_role("button", name=re.compile(f"^{first['label']}, ")).click()
    sheet.get_by_role("button", name=f"Show {first['count']} images").click()
    expect(sheet).to_have_count(0)
    expect(phone.get_by_role("button", name="Filters (1)")).to_be_visible()
    shows(phone, found(live_server, q="wings", country=first["value"]))
