"""`python -m backend.cli serve|openapi`."""

import json
import signal
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from rich.console import Console

from backend.app import create_app
from core import logs
from core import settings as settings_module
from core.db.embedded import open_database
from core.db.migrate import migrate
from core.errors import BioCosmosError, InvalidSetting
from core.settings import Settings

cli = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, help="The REST API and the web page."
)
console = Console(highlight=False)

GRACE_SECONDS = 10
"""How long running requests may take to end after a signal."""


@cli.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Serve when no command is named."""
    if context.invoked_subcommand is None:
        serve()


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = False,
) -> None:
    """Open the database, bring it up to date, and serve until Ctrl-C or SIGTERM."""
    given = {"host": host, "port": port}
    settings = settings_module.load(**{k: v for k, v in given.items() if v is not None})
    logs.setup(settings)
    signal.signal(signal.SIGTERM, _stop)
    try:
        with _listen(settings) as listener, open_database(settings) as url:
            migrate(url)
            _serve(create_app(settings, url), listener, browser)
    except KeyboardInterrupt:  # uvicorn has stopped cleanly and passes the signal on
        pass


def _stop(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _listen(settings: Settings) -> socket.socket:
    """Bind first: a taken port is said at once, not after the database has started."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise InvalidSetting(
            f"Cannot listen on {settings.host} port {settings.port}: {reason};"
            " choose another with --port"
        ) from error


def _serve(app: FastAPI, listener: socket.socket, browser: bool) -> None:
    host, port = listener.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    console.print(f"BioCosmos at {address} (Ctrl-C stops it)", soft_wrap=True)
    if browser:
        threading.Timer(1.0, webbrowser.open, (address,)).start()
    server.run(sockets=[listener])


@cli.command()
def openapi(
    out: Annotated[Path | None, typer.Option(help="File to write; default: print.")] = None,
) -> None:
    """Write the description of the REST API."""
    app = create_app(Settings(), "postgresql://")
    text = json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"
    if out:
        out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def run() -> None:
    """Run the command line; our errors are one line on stderr."""
    try:
        cli()
    except BioCosmosError as error:
        Console(stderr=True, highlight=False).print(
            f"biocosmos: {error}", markup=False, soft_wrap=True
        )
        sys.exit(1)


if __name__ == "__main__":
    run()
