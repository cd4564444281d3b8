"""What tests of the search page share: the page as a person sees it, the API beside it."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.paths import ROOT

built = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (ROOT / "frontend" / "dist" / "index.html").is_file(),
        reason="the page is not built; run bin/web build",
    ),
]
BOX = "Describe a specimen"
LINKS = "ul.grid a.link"
RUN_AXE = """async () => (await axe.run()).violations.map((one) =>
  `${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`)"""
"""What axe finds wrong with a page, once its script was run there."""
COPY_AS_PNG = """async (url) => {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const png = await canvas.convertToBlob({ type: "image/png" });
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
}"""
"""Puts a picture of the server into the clipboard."""
TOO_SMALL = """all => all
  .map((one) => [one.outerHTML.slice(0, 120), one.getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && (box.width < 44 || box.height < 44))
  .map(([html]) => html)"""
"""What fingers miss, of the elements given."""
SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
"""Adds up layout shifts that nobody caused by a key or a touch, in window.shifts."""


def api(server: str, path: str, **params: Any) -> Any:
    """What the REST API itself answers."""
    query = urllib.parse.urlencode(params, doseq=True)
    with urllib.request.urlopen(f"{server}/api/v1/{path}?{query}") as answer:
        return json.load(answer)


def found(server: str, **params: Any) -> list[str]:
    """Ids of the images that a search over the API gives."""
    hits = api(server, "search", **{"limit": 60, **params})["hits"]
    return [hit["image"]["id"] for hit in hits]


def state(page: Page) -> dict[str, list[str]]:
    """What the address of the page holds."""
    return urllib.parse.parse_qs(urllib.parse.urlparse(page.url).query)


def grid(page: Page) -> Locator:
    """The cards of the results."""
    return page.locator(LINKS)


def shows(page: Page, images: list[str]) -> None:
    """Wait until exactly these images are shown, in this order."""
    page.wait_for_function(
        """([links, want]) => {
            const ids = [...document.querySelectorAll(links)].map((a) => a.dataset.image);
            return JSON.stringify(ids) === want;
        }""",
        arg=[LINKS, json.dumps(images, separators=(",", ":"))],
    )


def search(page: Page, server: str, words: str) -> None:
    """Open the page, type words, press Enter, wait for the pictures."""
    page.goto(server)
    page.get_by_label(BOX).fill(words)
    page.get_by_label(BOX).press("Enter")
    expect(grid(page).first).to_be_visible()


def folded_above(server: str, tree: Locator, family: str) -> Iterator[Locator]:
    """The buttons that, pressed one after the other, unfold `tree` down to a family."""
    for rank in ("kingdom", "phylum", "class", "order"):
        facet = api(server, "facets", facet=rank, taxon=family)["facets"][0]
        name = next((value["label"] for value in facet["values"] if value["count"]), None)
        if name is None:  # a rank that no record of the family names is not in the tree
            continue
        unfold = tree.get_by_role("button", name=f"Unfold {name}", exact=True)
        fold = tree.get_by_role("button", name=f"Fold {name}", exact=True)
        expect(unfold.or_(fold)).to_be_visible()
        if unfold.is_visible():
            yield unfold


def section(page: Page, title: str) -> Locator:
    """A part of the filter panel, unfolded."""
    part = page.get_by_role("complementary", name="Filters").locator("details", has_text=title)
    part = part.filter(has=page.locator(f"summary:has-text('{title}')")).first
    expect(part).to_be_visible()
    if part.get_attribute("open") is None:
        part.locator("summary").click()
    return part
