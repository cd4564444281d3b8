"""One trial of a campaign: a process of its own, tried again for as long as it gets on."""

import fcntl
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from core.errors import InvalidSetting
from trainer import typed
from trainer.campaign import FROZEN, Trial
from trainer.commands import RESULT
from trainer.engine_files import MetricLog

State = Literal["waiting", "running", "done", "failed"]
Crash = Literal["memory", "gpu memory", "settings", "killed", "other"]
STATE, LOG = "trial.json", "log.txt"
_GRACE = 20.0
"""Seconds that a process gets to end by itself when the campaign is stopped."""
_TAIL = 20_000
"""Bytes at the end of an attempt's log that say why it ended."""
_MARKS: tuple[tuple[str, Crash], ...] = (
    (r"CUDA out of memory|torch\.(cuda\.)?OutOfMemoryError|CUBLAS_STATUS_ALLOC", "gpu memory"),
    (r"can't allocate memory|MemoryError|Cannot allocate memory|oom-kill", "memory"),
    (r"^error: ", "settings"),
)


@dataclass
class Standing:
    """What is known of a trial; `steps` is where its last attempt got to."""

    state: State = "waiting"
    attempts: int = 0
    steps: int = 0
    crash: Crash | None = None
    reason: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0


def freeze(trial: Trial, folder: Path) -> None:
    """Write the trial's settings; raises InvalidSetting when it was begun with others."""
    file, wanted = folder / FROZEN, typed.dump(trial.config)
    if file.exists():
        if file.read_text(encoding="utf-8") != wanted:
            raise InvalidSetting(
                f"{trial.label} was begun with other settings in {folder};"
                " give the setting a new name, or remove that folder"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    _replace(file, wanted)


def standing(folder: Path, *, ours: bool = False) -> Standing:
    """What is known of the trial in `folder`; a running one whose process died is waiting.

    `ours` says that the caller holds its claim, so that nobody else can be running it.
    """
    try:
        found = Standing(**json.loads((folder / STATE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        found = Standing()
    if (folder / RESULT).exists():
        found.state = "done"
    elif found.state == "running":
        with nullcontext(True) if ours else claimed(folder) as free:
            found.state = "waiting" if free else "running"
    return found


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Whether the trial is ours: the lock ends with the process that holds it, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def run(trial: Trial, folder: Path, launch: Sequence[str], retries: int) -> Standing:
    """Run a claimed trial to its end, and again from its checkpoint after a crash.

    An attempt that got further than the one before costs no retry.
    """
    told = standing(folder, ours=True)
    left = retries
    while True:
        before = told.steps
        told.state, told.attempts = "running", told.attempts + 1
        write_standing(folder, told)
        said = (folder / LOG).stat().st_size if (folder / LOG).exists() else 0
        code = _attempt(trial, folder, launch, told)
        told.steps = max(before, steps_done(folder))
        if code == 0 and (folder / RESULT).exists():
            told.state, told.crash, told.reason = "done", None, ""
        else:
            told.crash, told.reason = classify(code, _tail(folder / LOG, said))
            left -= told.steps <= before
            told.state = "failed" if left < 0 or told.crash == "settings" else "waiting"
        write_standing(folder, told)
        if told.state != "waiting":
            return told


def classify(code: int, log: str) -> tuple[Crash, str]:
    """Why a process ended, by its exit code and the end of its log; the reason is one line."""
    lines = [line for line in log.splitlines() if line.strip()]
    last = lines[-1].strip()[:300] if lines else ""
    for mark, kind in _MARKS:
        found = [line for line in lines if re.search(mark, line)]
        if found:
            return kind, found[-1].strip()[:300]
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        return "killed", f"ended by signal {number}" + (f": {last}" if last else "")
    return "other", last or f"ended with code {code}"


def steps_done(folder: Path) -> int:
    """Steps that the trial's log of measures holds."""
    rows = MetricLog(folder / "metrics.jsonl").rows()
    return max((int(row["step"]) for row in rows if "step" in row), default=0)


def write_standing(folder: Path, told: Standing) -> None:
    """Store what is known, whole or not at all."""
    _replace(folder / STATE, json.dumps(asdict(told), indent=1) + "\n")


def _attempt(trial: Trial, folder: Path, launch: Sequence[str], told: Standing) -> int:
    prefix = list(launch) or [sys.executable, "-m", "trainer"]
    own = ["train", "-c", str(folder / FROZEN), "--out", str(folder), "--label", trial.label]
    began = time.monotonic()
    with (folder / LOG).open("ab") as log:
        # A group of its own: what it starts can be ended with it.
        process = subprocess.Popen(
            [*prefix, *own],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait()
        finally:
            end(process)
    told.seconds = round(told.seconds + time.monotonic() - began, 1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    told.peak_mb = round(max(told.peak_mb, peak), 1)
    return code


def end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started; nothing outlives its trial."""
    for how, patience in ((signal.SIGINT, _GRACE), (signal.SIGKILL, None)):
        if process.poll() is None:
            os.killpg(process.pid, how)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _tail(path: Path, since: int) -> str:
    with path.open("rb") as file:
        file.seek(max(since, path.stat().st_size - _TAIL))
        return file.read().decode("utf-8", "replace")


def _replace(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
