"""Servers over whole museums and a real browser."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import museums
from tests.paths import needs_shared

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


@contextmanager
def _served(name: str, build: Callable[[Path], None], run: Path) -> Iterator[str]:
    """Serve a private copy of a museum that is built once per test run, not once per worker.

    Outside pytest's own folders: those are closed to the account that the database runs as.
    """
    with tempfile.TemporaryDirectory(prefix="biocosmos-e2e-") as home:
        with FileLock(run / f"{name}.lock"):
            built = run / f"{name}.tar"
            if not built.exists():
                build(Path(home))
                shutil.make_archive(str(built.with_suffix("")) + ".part", "tar", home)
                Path(f"{built.with_suffix('')}.part.tar").rename(built)
            else:
                shutil.unpack_archive(built, home, filter="fully_trusted")
        with museums.serving(Path(home)) as url:
            yield url


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if own.name.startswith("popen-") else own


@pytest.fixture(scope="session")
def live_server(run_folder: Path) -> Iterator[str]:
    """Address of a server over the sample museum."""
    with _served("sample-museum", museums.build_sample, run_folder) as url:
        yield url


@pytest.fixture(scope="session")
def real_server(run_folder: Path) -> Iterator[str]:
    """Address of a server over the real photographs, in two embed versions."""
    with _served("real-museum", museums.build_real, run_folder) as url:
        yield url


@pytest.fixture(scope="session")
def bird_server(run_folder: Path) -> Iterator[str]:
    """Address of a server over the bird photographs alone, in two embed versions."""
    with _served("bird-museum", museums.build_birds, run_folder) as url:
        yield url


@pytest.fixture(
    params=["live_server", pytest.param("real_server", marks=[needs_shared, pytest.mark.slow])]
)
def museum(request: pytest.FixtureRequest) -> str:
    """Address of a server over the sample museum, then of one over the real photographs."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless; a module's, as its event loop would be in others' way."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; bin/chromium installs Debian's where possible")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile that may use the clipboard."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A fresh tab."""
    return context.new_page()
