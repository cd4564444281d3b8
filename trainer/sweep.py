"""Running a campaign: any number of processes share its trials; a manifest says how they stand."""

import json
import os
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import InvalidSetting
from trainer.campaign import Campaign, Trial
from trainer.trials import STATE, Standing, claimed, freeze, run, standing, write_standing

MANIFEST, SCRIPT = "manifest.json", "sweep.sbatch"
_WAIT = 5.0
"""Seconds between looks at trials that other processes run."""

Told = Callable[[Trial, Standing], None]
"""Takes a trial whenever it begins or ends."""


def prepare(campaign: Campaign, out: Path, *, again: bool = False) -> None:
    """Freeze every trial below `out` and write the manifest; `again` lets failed ones wait anew.

    The matrix may grow. Raises InvalidSetting when a trial was begun with other settings, or when
    one that was begun is no longer in the campaign: evidence is not dropped by editing a file.
    """
    out.mkdir(parents=True, exist_ok=True)
    begun = {path.parent.relative_to(out) for path in out.rglob(STATE)}
    gone = sorted(begun - {trial.folder for trial in campaign.trials})
    if gone:
        raise InvalidSetting(f"{gone[0]} was begun and is not in the campaign; remove it by hand")
    for trial in campaign.trials:
        folder = out / trial.folder
        freeze(trial, folder)
        with claimed(folder) as ours:
            now = standing(folder, ours=ours)
            if again and ours and now.state == "failed":
                now.state = "waiting"
                write_standing(folder, now)
    write_manifest(campaign, out)


def work(campaign: Campaign, out: Path, told: Told, only: int | None = None) -> list[Standing]:
    """Run the trials that wait, one after another; other processes may do the same meanwhile.

    `only` runs the trial of that number, as one task of an array does. Returns how all stand.
    """
    if only is not None and not 0 <= only < len(campaign.trials):
        raise InvalidSetting(f"no trial {only}: there are {len(campaign.trials)}, from 0")
    open_ = list(campaign.trials if only is None else campaign.trials[only : only + 1])
    while open_:
        elsewhere = [trial for trial in open_ if not _take(campaign, trial, out, told)]
        if elsewhere == open_:
            if only is not None:
                break
            time.sleep(_WAIT)
        open_ = elsewhere
    return [standing(out / trial.folder) for trial in campaign.trials]


def write_manifest(campaign: Campaign, out: Path) -> None:
    """All trials and how they stand, in one file for people and programs."""
    rows = []
    for trial in campaign.trials:
        now = standing(out / trial.folder)
        rows.append(
            {"folder": str(trial.folder), "label": trial.label, "seed": trial.seed} | vars(now)
        )
    part = out / f"{MANIFEST}.{os.getpid()}.part"  # several processes write it
    part.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    part.replace(out / MANIFEST)


def slurm_script(campaign: Campaign, source: Path, out: Path, command: Sequence[str]) -> str:
    """A job array of one task a trial; `command` is how a sweep is started on a node."""
    lines = ["#!/usr/bin/env bash", "#SBATCH --job-name=biocosmos-sweep"]
    lines.append(f"#SBATCH --array=0-{len(campaign.trials) - 1}")
    lines.append(f"#SBATCH --output={out.resolve()}/slurm-%a.txt")
    lines += [f"#SBATCH {option}" for option in campaign.slurm]
    own = [*command, "-c", str(source.resolve()), "--out", str(out.resolve())]
    lines.append(f'exec {shlex.join(own)} --only "$SLURM_ARRAY_TASK_ID"')
    return "\n".join(lines) + "\n"


def _take(campaign: Campaign, trial: Trial, out: Path, told: Told) -> bool:
    """Run the trial if it waits; False when another process has it."""
    folder = out / trial.folder
    with claimed(folder) as ours:
        if not ours:
            return False
        now = standing(folder, ours=True)
        if now.state in ("done", "failed"):
            told(trial, now)
            return True
        told(trial, Standing("running", now.attempts, now.steps))
        ended = run(trial, folder, campaign.launch, campaign.retries)
        told(trial, ended)
    write_manifest(campaign, out)
    return True
