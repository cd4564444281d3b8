"""Servers over whole museums and a real browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import museums

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _copy_of(name: str, build: object, factory: pytest.TempPathFactory) -> Path:
    """A private copy of a museum that is built once per test run, not once per worker."""
    shared = factory.getbasetemp()
    shared = shared.parent if (shared.name.startswith("popen-")) else shared
    with FileLock(shared / f"{name}.lock"):
        if not (shared / name / "built").exists():
            shutil.rmtree(shared / name, ignore_errors=True)
            (shared / name).mkdir()
            build(shared / name)  # type: ignore[operator]
            (shared / name / "built").touch()
        home = factory.mktemp(name)
        shutil.copytree(shared / name, home, dirs_exist_ok=True, symlinks=True)
    return home


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server over the sample museum."""
    home = _copy_of("sample-museum", museums.build_sample, tmp_path_factory)
    with museums.serving(home) as url:
        yield url


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server over the real photographs, in two embed versions."""
    if not museums.SHARED_DATA.is_dir():
        pytest.skip(f"real data not found at {museums.SHARED_DATA}")
    home = _copy_of("real-museum", museums.build_real, tmp_path_factory)
    with museums.serving(home) as url:
        yield url


@pytest.fixture(scope="session")
def bird_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server over the bird photographs alone, in two embed versions."""
    if not museums.SHARED_DATA.is_dir():
        pytest.skip(f"real data not found at {museums.SHARED_DATA}")
    home = _copy_of("bird-museum", museums.build_birds, tmp_path_factory)
    with museums.serving(home) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; bin/chromium installs Debian's where possible")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, live_server: str) -> Iterator[BrowserContext]:
    """A fresh profile that may use the clipboard of the page's own origin."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A fresh tab."""
    return context.new_page()
