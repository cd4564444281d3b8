"""The search page in a real browser, over the real server and the sample museum."""

import json
import re
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.e2e.searching import COPY_AS_PNG, RUN_AXE, SHIFTS, TOO_SMALL
from tests.paths import ROOT

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (ROOT / "frontend" / "dist" / "index.html").is_file(),
        reason="the page is not built; run bin/web build",
    ),
]

BOX = "Describe a specimen"
PAGES = ("", "?q=blue+wings", "versions", "about", "nowhere")
VIEWS = (
    "?q=blue+wings&tab=table&country=-BR&date=1900,1950",
    "?q=blue+wings&tab=map&bbox=-20,-30,60,40",
    "?taxon=order:Lepidoptera&country=BR",
    "?q=blue+wings&less=moth&group_by=genus&per_group=3&fold=true",
    "?q=blue+wings&country=AQ",
)


def api(server: str, path: str, **params: Any) -> Any:
    """What the REST API itself answers."""
    query = urllib.parse.urlencode(params)
    with urllib.request.urlopen(f"{server}/api/v1/{path}?{query}") as answer:
        return json.load(answer)


def shown(page: Page) -> list[str]:
    """Ids of the images in the grid, in order, once the answer is there."""
    page.wait_for_selector("ul.grid a.link")
    page.wait_for_function("!document.querySelector('[aria-busy=true]')")
    ids: list[str] = page.eval_on_selector_all(
        "ul.grid a.link", "all => all.map(a => a.dataset.image)"
    )
    return ids


def found(server: str, **params: Any) -> list[str]:
    """Ids of the images that the API gives for the same question."""
    return [hit["image"]["id"] for hit in api(server, "search", limit=60, **params)["hits"]]


def state(page: Page) -> dict[str, str]:
    """What the address of the page holds."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlparse(page.url).query))


@pytest.fixture(scope="module", autouse=True)
def loaded(live_server: str) -> None:
    """The first search loads the model, which a busy machine may take a minute to do."""
    found(live_server, q="warm")


@pytest.fixture
def example(live_server: str) -> dict[str, Any]:
    """An image of the museum that the page offers to begin with."""
    image: dict[str, Any] = api(live_server, "summary")["examples"][0]["image"]
    return image


@pytest.fixture
def photo(live_server: str, example: dict[str, Any], tmp_path: Path) -> Path:
    """The file of that image."""
    path = tmp_path / "photo.png"
    with urllib.request.urlopen(live_server + example["image_url"]) as answer:
        path.write_bytes(answer.read())
    return path


def test_words_show_what_the_api_finds_in_its_order(page: Page, museum: str) -> None:
    page.goto(museum)
    page.get_by_label(BOX).fill("blue wings")
    page.get_by_label(BOX).press("Enter")
    assert shown(page) == found(museum, q="blue wings")
    assert state(page) == {"q": "blue wings"}
    total = api(museum, "search", q="blue wings")["total"]
    heading = page.locator("section h2").first
    expect(heading).to_have_text(re.compile(rf"of {total:,} images$|^All {total:,} images"))
    expect(page.get_by_role("status")).to_have_text(heading.inner_text())


def test_an_example_leads_to_what_looks_like_it(
    page: Page, live_server: str, example: dict[str, Any]
) -> None:
    page.goto(live_server)
    page.locator("ul.examples a").first.click()
    assert shown(page) == found(live_server, like=example["id"])
    assert state(page) == {"like": example["id"]}


def test_a_chosen_photo_finds_itself(
    page: Page, live_server: str, example: dict[str, Any], photo: Path
) -> None:
    page.goto(live_server)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files(photo)
    assert shown(page)[0] == example["id"]
    expect(page.get_by_alt_text("The picture searched by")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    assert state(page) == {}
    expect(page.get_by_text("Begin with a picture")).to_be_visible()


def test_a_pasted_photo_finds_itself(page: Page, museum: str) -> None:
    example = api(museum, "summary")["examples"][0]["image"]
    page.goto(museum)
    page.evaluate(COPY_AS_PNG, example["image_url"])
    page.get_by_label(BOX).press("Control+v")
    assert shown(page)[0] == example["id"]


def test_a_dropped_photo_finds_itself(
    page: Page, live_server: str, example: dict[str, Any]
) -> None:
    page.goto(live_server)
    carried = page.evaluate_handle(CARRY_FILE, example["image_url"])
    page.dispatch_event("main", "dragenter", {"dataTransfer": carried})
    expect(page.get_by_text("Drop the photo to search by it")).to_be_visible()
    page.dispatch_event("main", "drop", {"dataTransfer": carried})
    assert shown(page)[0] == example["id"]


def test_words_and_photo_are_weighed(page: Page, museum: str) -> None:
    example = api(museum, "summary")["examples"][0]["image"]
    asked = {"q": "green leaf", "like": example["id"]}
    page.goto(f"{museum}/?{urllib.parse.urlencode(asked)}")
    assert shown(page) == found(museum, **asked)
    slider = page.get_by_role("slider", name="Words or photo")
    expect(slider).to_have_attribute("aria-valuetext", "50 % words, 50 % photo")
    with page.expect_response(re.compile("image_weight=0.55")):
        slider.press("ArrowRight")
    assert shown(page) == found(museum, **asked, image_weight=0.55)
    assert state(page) == {**asked, "w": "0.55"}


def test_the_picker_offers_the_versions_that_exist(page: Page, live_server: str) -> None:
    names = [version["embed_version"] for version in api(live_server, "versions")["versions"]]
    page.goto(f"{live_server}/?q=shell&v=no-such-version")
    picker = page.get_by_label("Embed version")
    expect(page.get_by_role("alert")).to_contain_text("no-such-version")
    options = picker.locator("option")
    expect(options).to_have_count(1 + len(names))  # the list comes later than the alert
    assert [each.get_attribute("value") for each in options.all()] == ["no-such-version", *names]
    picker.select_option(names[0])
    assert shown(page) == found(live_server, q="shell")
    assert state(page) == {"q": "shell"}


def test_the_drawer_gives_the_credit_line(page: Page, museum: str) -> None:
    first = api(museum, "search", q="moth")["hits"][0]
    page.goto(f"{museum}/?q=moth")
    page.locator("ul.grid a.link").first.click()
    drawer = page.get_by_role("dialog", name="Record")
    expect(drawer.get_by_role("heading", level=1)).to_contain_text(
        first["record"]["canonical_name"] or first["record"]["vernacular_name"] or "Unidentified"
    )
    drawer.get_by_role("button", name="Copy credit line").click()
    expect(page.get_by_role("status").first).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == first["image"]["credit"]
    assert state(page) == {"q": "moth", "open": first["record"]["id"], "pic": first["image"]["id"]}
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    assert state(page) == {"q": "moth"}
    focused = page.evaluate("document.activeElement.dataset.image")
    assert focused == first["image"]["id"]


def test_a_record_shows_what_was_written_beside_what_was_read(page: Page, live_server: str) -> None:
    hit = api(live_server, "search", q="beetle")["hits"][0]
    record = api(live_server, f"records/{hit['record']['id']}")
    page.goto(f"{live_server}/record/{record['id']}")
    page.get_by_text(re.compile("^Everything as written")).click()
    for term, value in record["verbatim"].items():
        expect(page.locator("dt", has_text=term).first).to_be_visible()
        assert str(value).strip() in page.locator("details dl").inner_text()
    for issue in record["issues"]:
        expect(page.get_by_text(issue["text"])).to_be_visible()
    expect(page.get_by_text(record["citation"], exact=True)).to_be_visible()
    assert len(record["images"]) == max(1, page.locator(".strip button").count())


def test_a_shared_address_is_the_same_page(page: Page, browser: Browser, museum: str) -> None:
    page.goto(f"{museum}/?q=orange+butterfly&n=12")
    images = shown(page)
    page.locator("ul.grid a.link").nth(3).click()
    title = page.get_by_role("dialog").get_by_role("heading", level=1).inner_text()
    other = browser.new_context().new_page()
    other.goto(page.url)
    expect(other.get_by_role("dialog").get_by_role("heading", level=1)).to_have_text(title)
    assert shown(other) == images
    assert len(images) == 12
    other.context.close()


def test_back_and_forward_walk_through_the_searches(page: Page, live_server: str) -> None:
    page.goto(f"{live_server}/?q=shell")
    first = shown(page)
    page.get_by_label(BOX).fill("flower")
    page.get_by_label(BOX).press("Enter")
    page.wait_for_url("**/?q=flower")
    expect(page.get_by_role("region", name="Results")).to_have_attribute("aria-busy", "false")
    second = shown(page)
    page.go_back()
    expect(page.get_by_label(BOX)).to_have_value("shell")
    assert shown(page) == first
    page.go_forward()
    assert shown(page) == second != first


def test_everything_can_be_done_by_keyboard(page: Page, live_server: str) -> None:
    page.goto(live_server)
    page.wait_for_selector("ul.examples")
    press = page.keyboard.press
    press("/")
    page.keyboard.type("red beetle")
    press("Enter")
    images = shown(page)
    for _ in range(8):
        if page.evaluate("document.activeElement.innerText.trim()") == "Go to the results":
            break
        press("Tab")
    press("Enter")
    at = "images => images.indexOf(document.activeElement.dataset.image)"
    assert page.evaluate(at, images) == 0
    press("ArrowRight")
    assert page.evaluate(at, images) == 1
    press("ArrowDown")
    below = page.evaluate(at, images)
    assert below > 1
    press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    for _ in range(40):
        press("Tab")
        inside = page.evaluate("document.activeElement.closest('dialog') !== null")
        assert inside or page.evaluate("document.activeElement === document.body")
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate(at, images) == below
    press("s")
    assert state(page) == {"like": images[below]}
    press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_a_phone_scrolls_in_one_direction_only(browser: Browser, live_server: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    hit = api(live_server, "search", q="blue wings")["hits"][0]
    record = hit["record"]["id"]
    for path in (*PAGES, *VIEWS, f"record/{record}", f"?q=blue+wings&open={record}"):
        page.goto(f"{live_server}/{path}")
        page.wait_for_load_state("networkidle")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
        small = page.eval_on_selector_all("button, select, .button", TOO_SMALL)
        assert small == [], path
    context.close()


@pytest.mark.parametrize(
    ("address", "says", "offers"),
    [
        ("?q=a&v=no-such-version", "no-such-version", "Use the default version"),
        (f"?q=a&img={'0' * 64}", "The photo is no longer kept", "Choose the photo again"),
        ("?like=00000000-0000-0000-0000-000000000000", "not in the index", ""),
        ("?like=nonsense", "like", "Start a new search"),
        ("record/00000000-0000-0000-0000-000000000000", "", "Go to the search page"),
        ("nowhere", "There is no such page", "Go to the search page"),
    ],
)
def test_a_problem_says_what_can_be_done(
    page: Page, live_server: str, address: str, says: str, offers: str
) -> None:
    page.goto(f"{live_server}/{address}")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(says)
    if offers:
        expect(alert.locator(".button.primary")).to_have_text(offers)


def test_an_unreadable_photo_is_refused_in_words(
    page: Page, live_server: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"this is not a picture")
    page.goto(live_server)
    with page.expect_response("**/api/v1/uploads") as response:
        page.locator("input[type=file]:not([capture])").set_input_files(broken)
    problem = response.value.json()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(problem["title"])
    expect(alert).to_contain_text(problem["request_id"])
    assert state(page) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, live_server: str, scheme: Any) -> None:
    axe = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed; run bin/web build")
    page = browser.new_page(color_scheme=scheme, reduced_motion="reduce")
    record = api(live_server, "search", q="blue wings")["hits"][0]["record"]["id"]
    for path in (*PAGES, *VIEWS, f"record/{record}", f"?q=blue+wings&open={record}"):
        page.goto(f"{live_server}/{path}")
        page.wait_for_load_state("networkidle")
        page.evaluate(axe.read_text(encoding="utf-8"))
        assert page.evaluate(RUN_AXE) == [], path
    page.close()


@pytest.mark.parametrize(
    ("address", "opens"),
    [
        ("?q=blue+wings", "API"),
        ("?q=blue+wings", "Paste a list"),
        ("?q=blue+wings", "About this result"),
        ("?like=EXAMPLE", "Crop"),
    ],
)
def test_axe_finds_nothing_in_what_opens(
    page: Page, live_server: str, example: dict[str, Any], address: str, opens: str
) -> None:
    axe = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed; run bin/web build")
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{live_server}/{address.replace('EXAMPLE', example['id'])}")
    page.get_by_role("button", name=opens).first.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.evaluate(axe.read_text(encoding="utf-8"))
    assert page.evaluate(RUN_AXE) == []


def test_nothing_is_asked_of_another_origin(page: Page, live_server: str) -> None:
    foreign: list[str] = []
    complaints: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((live_server, "data:", "blob:")):
            foreign.append(request.url)

    page.on("request", note)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for path in ("", "?q=blue+wings", *VIEWS, "versions", "about"):
        page.goto(f"{live_server}/{path}")
        page.wait_for_load_state("networkidle")
    assert foreign == []
    assert complaints == []


def test_nothing_jumps_while_results_arrive(page: Page, live_server: str) -> None:
    page.add_init_script(SHIFTS)
    page.goto(f"{live_server}/?q=blue+wings")
    shown(page)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shifts") < 0.02


def test_a_chosen_theme_stays(page: Page, live_server: str) -> None:
    page.goto(live_server)

    def paper() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = paper()
    toggle = page.get_by_role("button", name=re.compile("^Colour theme"))
    toggle.click()
    toggle.click()
    dark = paper()
    assert dark != light
    page.reload()
    assert paper() == dark


CARRY_FILE = """async (url) => {
  const blob = await (await fetch(url)).blob();
  const carried = new DataTransfer();
  carried.items.add(new File([blob], "dropped", { type: blob.type }));
  return carried;
}"""


def test_a_main_group_shows_all_of_it(page: Page, live_server: str) -> None:
    group = api(live_server, "summary")["groups"][0]
    page.goto(live_server)
    page.locator("ul.groups a").first.click()
    assert state(page) == {"taxon": group["value"]}
    heading = page.locator("section h2").first
    expect(heading).to_contain_text(f"{group['count']:,} images that match your filters")


def test_the_header_asks_wherever_one_is(page: Page, live_server: str) -> None:
    for path in ("about", "status", "atlas?by=genus", "compare"):
        page.goto(f"{live_server}/{path}")
        box = page.get_by_role("search").get_by_label(BOX)
        box.fill("blue wings")
        box.press("Enter")
        answering = path.split("?")[0] if path.split("?")[0] in ("atlas", "compare") else ""
        page.wait_for_url(re.compile(rf"/{answering}\?(.*&)?q=blue\+wings"))
    page.goto(f"{live_server}/atlas?by=genus&q=moth")
    box.fill("")
    box.press("Enter")
    assert state(page) == {"by": "genus"}


def test_the_address_of_a_record_is_a_question(page: Page, live_server: str) -> None:
    record = api(live_server, "search", q="moth")["hits"][0]["record"]["id"]
    page.goto(live_server)
    page.get_by_label(BOX).fill(f"{live_server}/record/{record}")
    page.get_by_label(BOX).press("Enter")
    assert shown(page) == found(live_server, like_record=record)
    assert state(page) == {"like_record": record}
