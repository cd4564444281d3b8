"""The atlas in a browser: points, names, colours, the lasso, and doing without any of them."""

import io
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.searching import RUN_AXE
from tests.paths import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SLOW = 60_000
"""Milliseconds: a busy machine takes its time."""
NO_WEBGL = """HTMLCanvasElement.prototype.getContext = () => null"""


def api(server: str, path: str, **params: Any) -> Any:
    """What the REST API itself answers."""
    query = urllib.parse.urlencode(params, doseq=True)
    with urllib.request.urlopen(f"{server}/api/v1/{path}?{query}") as answer:
        return json.load(answer)


def opened(page: Page, server: str, query: str = "") -> None:
    page.goto(f"{server}/atlas{query}")
    expect(page.locator("canvas[data-drawn]")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("list", name=re.compile("^Colours by"))).to_be_visible(timeout=SLOW)


def draw(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    """Draw with the lasso around a part of the map, in shares of its width and height."""
    box = page.locator("canvas").bounding_box()
    assert box is not None

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.mouse.move(*at(left, top))
    page.mouse.down()
    for corner in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(*at(*corner), steps=5)
    page.mouse.up()


def selection(page: Page) -> int:
    """How many images the page says are selected."""
    heading = page.get_by_role("heading", name=re.compile(r"images? selected$"))
    expect(heading).to_be_visible(timeout=SLOW)
    return int(re.sub(r"\D", "", heading.inner_text()))


def of_address(page: Page) -> str:
    return urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)["atlas"][0]


def test_the_map_says_what_it_is(page: Page, live_server: str) -> None:
    opened(page, live_server)
    made = api(live_server, "atlas/specimen-tiny")
    assert page.locator("canvas").get_attribute("data-drawn") == str(made["size"])
    expect(page.get_by_text("Axes and long distances mean nothing")).to_be_visible()
    expect(page.get_by_text(f"seed {made['params']['seed']}")).to_be_visible()
    expect(page.get_by_text(made["method"])).to_be_visible()


def test_names_do_not_overlap(page: Page, live_server: str) -> None:
    opened(page, live_server)
    names = page.locator(".names span")
    expect(names.first).to_be_visible(timeout=SLOW)
    boxes = names.evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().toJSON())")
    assert len(boxes) >= 3
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            apart = (
                one["right"] <= other["left"] or other["right"] <= one["left"]
                or one["bottom"] <= other["top"] or other["bottom"] <= one["top"]
            )  # fmt: skip
            assert apart, (one, other)


def test_lasso_selects_what_the_filter_finds_and_exports_it(page: Page, museum: str) -> None:
    opened(page, museum)
    page.get_by_role("button", name="Draw around points (L)").click()
    draw(page, 0.02, 0.02, 0.6, 0.98)
    count = selection(page)
    counted = api(museum, "facets", atlas=of_address(page))["total"]
    assert count == counted > 0
    expect(page.get_by_role("heading", name="Most common by species")).to_be_visible(timeout=SLOW)

    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.get_by_text(re.compile(rf"^{count} images? of"))).to_be_visible(timeout=SLOW)
    dialog.get_by_role("radio", name="Darwin Core Archive").check()
    dialog.get_by_role("button", name="Make the file").click()
    expect(page).to_have_url(re.compile("/receipt/"), timeout=SLOW)
    expect(page.get_by_role("heading", name="Ready")).to_be_visible(timeout=SLOW)
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^Download")).click()
    assert download.value.suggested_filename.endswith(".zip")
    expect(page.get_by_text(re.compile(rf"^{count} images? of"))).to_be_visible()


def test_a_selection_is_in_the_address_and_becomes_a_filter(page: Page, live_server: str) -> None:
    opened(page, live_server)
    page.keyboard.press("Tab")
    page.get_by_role("application").focus()
    page.keyboard.press("l")
    draw(page, 0.3, 0.3, 0.98, 0.98)
    count = selection(page)
    address = page.url
    page.reload()
    expect(
        page.get_by_role("heading", name=re.compile(f"^{count} images? selected"))
    ).to_be_visible(timeout=SLOW)
    link = page.get_by_role("link", name="Use as filter")
    assert of_address(page) in urllib.parse.unquote_plus(link.get_attribute("href") or "")
    page.goto(address)
    page.get_by_role("application").focus()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Draw around points, or take a region")).to_be_visible(timeout=SLOW)
    assert "atlas=" not in page.url


def test_colours_and_what_they_hide(page: Page, live_server: str) -> None:
    opened(page, live_server)
    page.get_by_label("Colour by").select_option("decade")
    first = api(live_server, "atlas/specimen-tiny/colours", by="decade")["values"][0]
    entry = page.get_by_role("button", name=f"{first['label']} {first['count']}")
    expect(entry).to_have_attribute("aria-pressed", "true", timeout=SLOW)
    assert "by=decade" in page.url
    assert colourful(page) > 200
    for button in page.get_by_role("list", name="Colours by decade").get_by_role("button").all():
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
    page.get_by_role("heading", name="Atlas").hover()
    assert colourful(page) == 0


def colourful(page: Page) -> int:
    """Pixels of the map that are neither black, white nor grey: those of coloured points."""
    with Image.open(io.BytesIO(page.locator("canvas").screenshot())) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    return int((np.ptp(pixels, axis=2) > 60).sum())


def test_a_query_stands_out_and_filters_fade(page: Page, live_server: str) -> None:
    opened(page, live_server, "?q=blue+wings&taxon=Lepidoptera")
    total = api(live_server, "facets", taxon="Lepidoptera")["total"]
    expect(page.get_by_text(f"{total} of ")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"^.*The 200 nearest to the query"))).to_be_visible(
        timeout=SLOW
    )
    expect(page.locator(".frame svg circle")).to_be_attached()
    page.get_by_role("link", name="Drop the query").click()
    expect(page.locator(".frame svg circle")).not_to_be_attached()


def test_hovering_shows_the_picture_and_a_click_opens_the_record(
    page: Page, live_server: str
) -> None:
    opened(page, live_server)
    made = api(live_server, "atlas/specimen-tiny")
    point = api(live_server, "atlas/specimen-tiny/images", number=[0])["points"][0]
    box = page.locator("canvas").bounding_box()
    assert box is not None
    left, bottom, right, top = made["bounds"]
    scale = 0.92 * min(box["width"] / (right - left), box["height"] / (top - bottom))
    x = box["x"] + box["width"] / 2 + (point["x"] - (left + right) / 2) * scale
    y = box["y"] + box["height"] / 2 - (point["y"] - (bottom + top) / 2) * scale
    page.mouse.move(x, y)
    expect(page.locator(".card")).to_be_visible(timeout=SLOW)
    page.mouse.click(x, y)
    expect(page).to_have_url(re.compile("/record/"), timeout=SLOW)


def test_without_a_pointer(page: Page, live_server: str) -> None:
    opened(page, live_server)
    page.get_by_text("Regions as a table").focus()
    page.keyboard.press("Enter")
    region = page.get_by_role("button", name=re.compile("^Select the region of")).first
    region.focus()
    page.keyboard.press("Enter")
    assert selection(page) > 0


def test_without_webgl(context: BrowserContext, live_server: str) -> None:
    page = context.new_page()
    page.add_init_script(NO_WEBGL)
    page.goto(f"{live_server}/atlas")
    picture = page.get_by_role("img", name="Density of images on the map")
    expect(picture).to_be_visible(timeout=SLOW)
    width = "(image) => image.decode().then(() => image.naturalWidth)"
    assert picture.evaluate(width) > 100
    link = page.get_by_role("link", name=re.compile("^Select the region of")).first
    assert "atlas=" in (link.get_attribute("href") or "")


def test_a_version_without_atlas(page: Page, live_server: str) -> None:
    page.goto(f"{live_server}/atlas?v=nowhere")
    expect(page.get_by_role("alert")).to_be_visible(timeout=SLOW)


@pytest.fixture(params=["light", "dark"])
def coloured(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    page = browser.new_page(color_scheme=request.param, reduced_motion="reduce")
    yield page
    page.close()


def test_axe_finds_nothing(coloured: Page, live_server: str) -> None:
    axe = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed; run bin/web build")
    box = api(live_server, "atlas/specimen-tiny")["bounds"]
    left, bottom, right, top = box
    corners = f"{left},{bottom}+{right},{bottom}+{right},{top}+{left},{top}"
    opened(coloured, live_server, f"?atlas={corners}")
    expect(coloured.get_by_role("heading", name="Pictures from the selection")).to_be_visible(
        timeout=SLOW
    )
    coloured.get_by_text("Regions as a table").click()
    coloured.evaluate(axe.read_text(encoding="utf-8"))
    assert coloured.evaluate(RUN_AXE) == []


def test_on_a_phone(browser: Browser, live_server: str) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    opened(page, live_server)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.locator("main button, main select, main summary").evaluate_all(
        """(all) => all.map((one) => [one.outerHTML, one.getBoundingClientRect()])
        .filter(([, box]) => box.width > 0 && (box.width < 44 || box.height < 44))
        .map(([html]) => html)"""
    )
    assert small == []
    page.get_by_role("button", name="Draw around points (L)").tap()
    draw(page, 0.05, 0.05, 0.7, 0.95)
    assert selection(page) > 0
    context.close()


def test_near_points_are_pictures(page: Page, live_server: str) -> None:
    opened(page, live_server)
    stage = page.get_by_role("application")
    stage.focus()
    box = page.locator("canvas").bounding_box()
    assert box is not None
    version = api(live_server, "summary")["default_version"]
    first = api(live_server, "search", q="blue wings")["hits"][0]["image"]["id"]
    spot = api(live_server, f"atlas/{version}/positions", image=first)["positions"][0]
    left, bottom, right, top = api(live_server, f"atlas/{version}")["bounds"]
    scale = 0.92 * min(box["width"] / (right - left), box["height"] / (top - bottom))
    x = box["x"] + box["width"] / 2 + (spot["x"] - (left + right) / 2) * scale
    y = box["y"] + box["height"] / 2 - (spot["y"] - (bottom + top) / 2) * scale
    page.mouse.move(x, y)
    told = page.get_by_text(re.compile(r"pictures? shown in place of points"))
    for _ in range(16):  # nearer, until so few are left that there is room for pictures
        page.mouse.wheel(0, -150)
        page.wait_for_timeout(500)
        if told.is_visible():
            break
    expect(told).to_be_visible(timeout=SLOW)
    assert page.locator(".frame img[src*='/thumbnail']").count() > 0


def test_colours_by_likeness_need_a_query(page: Page, live_server: str) -> None:
    opened(page, live_server, "?q=blue+wings&by=score")
    legend = page.get_by_role("list", name=re.compile("likeness to the query"))
    expect(legend.get_by_role("button", name=re.compile("^nearest 1 %"))).to_be_visible()
    page.get_by_role("link", name="Drop the query").click()
    expect(page.get_by_role("list", name=re.compile("^Colours by family"))).to_be_visible()
