"""What one device does with one model: the loops, the loss, the largest batch, in a given time.

Made for a machine that is lent for minutes: stages run in order of worth, each prints JSON lines as
soon as it knows something, none begins that cannot end in time, and one that fails says so and lets
the next one run. Needs the packages of the loop only (torch, open_clip_torch, timm, numpy, pillow,
pyyaml, safetensors): nothing of our database, no network, no weights.
"""

import argparse
import gc
import json
import tempfile
import time
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bench import train, train_loss
from trainer.engine_files import plain as plain_json

BEGAN = time.monotonic()
Row = dict[str, Any]


def checks(args: Namespace) -> Iterator[Row]:
    """Is it right on this device? The loss, a step that must be left out, a run gone on with."""
    for kind in train_loss.KINDS:
        x, y = torch.randn(2, 300, 64, device=args.device).unbind()
        found = []
        for loss_of in (train_loss.theirs(kind, args.device),
                        train_loss.ours(kind, args.device, 300, 128)):  # fmt: skip
            mine, other = (part.clone().requires_grad_() for part in (x, y))
            loss_of(mine, other).backward()
            found.append(torch.cat([mine.grad, other.grad]))
        worst = (found[0] - found[1]).abs().max() / found[0].abs().max()
        yield {"kind": kind, "gradients_differ_by": float(worst)}
    from trainer.largest import random_batch, random_stepper

    config, released, place = run(args, None, checkpoint=False)
    stepper = random_stepper(config, released, place, 8)
    before = [p.detach().clone() for p in released.network.parameters()]
    with torch.no_grad():
        stepper._objective.logits[0].log_scale.fill_(torch.nan)
    applied = stepper.step(random_batch(released, 8), 0, 1.0, 8).read().applied
    kept = all(map(torch.equal, before, (p.detach() for p in released.network.parameters())))
    yield {"nan_step_applied": applied, "weights_kept": kept}
    clear()
    for deterministic in (False, True):
        few = Namespace(**vars(args) | {"batch": min(args.batch, 64)})
        difference = resumed(few, deterministic)
        yield {"deterministic": deterministic, "resumed_losses_differ_by": difference}
        if difference == 0:
            break


def resumed(args: Namespace, deterministic: bool) -> float:
    """How far losses lie from those of a whole run once it went on from a checkpoint."""
    from trainer.assemble import objective
    from trainer.engine import Engine
    from trainer.largest import random_batch, random_facts

    def losses_of(folder: Path, last: int) -> list[float]:
        config, released, place = run(args, None, checkpoint=False)
        own = replace(
            config.run,
            samples=6 * args.batch,
            save=3 * args.batch,
            log_every=1,
            deterministic=deterministic,
        )
        facts, batch = random_facts(released, args.batch), random_batch(released, args.batch)
        engine = Engine(
            replace(config, run=own), released, objective(config, facts, place.device),
            lambda _: batch, folder, place,
        )  # fmt: skip
        engine.steps = last
        engine.train()
        return [row["loss"] for row in engine.log.rows()]

    with tempfile.TemporaryDirectory() as out:
        whole = losses_of(Path(out, "whole"), 6)
        losses_of(Path(out, "cut"), 3)
        cut = losses_of(Path(out, "cut"), 6)
        return max(abs(a - b) for a, b in zip(cut, whole, strict=True))


def loops(args: Namespace) -> Iterator[Row]:
    """Samples a second of both loops, in turns; with data in memory, then on the device."""
    own = Namespace(**vars(args), warm=max(2, args.steps // 4), workers=1)
    for number in range(args.rounds + 1):
        own.data = "host" if number < args.rounds else "device"
        pace = {}
        for name in ("theirs", "ours") if number % 2 == 0 else ("ours", "theirs"):
            side = {"ours": train.ours, "theirs": train.theirs}[name]
            pace[name] = side(Path(), own)["samples_per_s"]
            clear()
        yield {"batch": own.batch, "data": own.data, **pace, "ratio": pace["ours"] / pace["theirs"]}


def losses(args: Namespace) -> Iterator[Row]:
    """Seconds and memory of the loss, ours at several tiles, beside open_clip's."""
    for kind in train_loss.KINDS:
        for size in (args.large // 2, args.large):
            base: Row = {}
            for side, tile in (("theirs", 0), *(("ours", tile) for tile in args.tiles)):
                row = loss(args, side, kind, size, tile)
                base = base or row
                if side == "ours" and base["fits"] and row["fits"]:
                    row["memory_ratio"] = row["extra_mb"] / max(base["extra_mb"], 1)
                    row["seconds_ratio"] = row["seconds"] / base["seconds"]
                yield row


def loss(args: Namespace, side: str, kind: str, size: int, tile: int) -> Row:
    """One measurement of `train_loss`, the best of five."""
    own = Namespace(**vars(args), tile=tile)
    own.rounds, own.width = 5, 512
    try:
        return {"fits": True} | train_loss.measure(side, kind, size, own)
    except torch.OutOfMemoryError:
        return {"side": side, "kind": kind, "batch": size, "tile": tile, "fits": False}
    finally:
        clear()


def watched(args: Namespace) -> Iterator[Row]:
    """How often a step makes the host wait for the device, and how busy the device is meanwhile."""
    from trainer.largest import random_batch, random_stepper

    config, released, place = run(args, None, checkpoint=False)
    stepper = random_stepper(config, released, place, args.batch)
    batch = random_batch(released, args.batch).pinned()
    for number in range(3):
        stepper.step(batch, number, 1.0, args.batch).read()
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        stepper.step(batch, 3, 1.0, args.batch)
    torch.cuda.set_sync_debug_mode("default")
    waits = [str(one.message)[:200] for one in said if "synchroniz" in str(one.message)]
    yield {"batch": args.batch, "waits_per_step": len(waits), "such_as": waits[:2]}
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
        began = time.monotonic()
        for number in range(4, 9):
            last = stepper.step(batch, number, 1.0, args.batch)
        last.read()
        wall = time.monotonic() - began
    busy = sum(event.self_device_time_total for event in seen.key_averages()) / 1e6
    yield {"steps": 5, "wall_s": wall, "device_s": busy, "busy": busy / wall}


def plain(args: Namespace) -> Iterator[Row]:
    """The largest batch in one pass, activations computed again."""
    yield from batches(args, None, args.least, args.large)


def cached(args: Namespace) -> Iterator[Row]:
    """The largest batch with a gradient cache, and the loss's share of a step."""
    yield from batches(args, args.micro, args.large, args.most)


def batches(args: Namespace, micro: int | None, least: int, most: int) -> Iterator[Row]:
    """Doubled until memory or time ends."""
    from trainer.assemble import tile_side
    from trainer.largest import try_batches

    config, released, place = run(args, micro, checkpoint=micro is None)
    for tried in try_batches(config, released, place, least=least, most=most):
        row = {**vars(tried), "samples_per_s": tried.batch / tried.seconds}
        if tried.batch == args.large and tried.fits:
            tile = tile_side(config, place.device)
            alone = loss(args, "ours", "softmax", args.large, tile)
            row |= {"loss_s": alone["seconds"], "loss_share": alone["seconds"] / tried.seconds}
        yield row
        if tried.fits and left(args) < 4.6 * tried.seconds:
            yield {"ended": "no time is left for twice as many"}
            return


def run(args: Namespace, micro: int | None, *, checkpoint: bool) -> tuple[Any, Any, Any]:
    """Settings of a run on random samples, its network, and the device."""
    from trainer.launch import Place, pick_device
    from trainer.network import load

    config = train.settings(Namespace(**vars(args), warm=1, workers=1), Path(), ".")
    own = replace(config.run, micro=micro, checkpoint_activations=checkpoint)
    place = Place(0, 1, pick_device(args.device, 0))
    return replace(config, run=own), load(config.model, 1), place


def clear() -> None:
    """Give back what the stage before held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def left(args: Namespace) -> float:
    """Seconds until the time is over."""
    return float(args.seconds - (time.monotonic() - BEGAN))


def say(what: str, row: Row) -> None:
    """One line of JSON."""
    at = round(time.monotonic() - BEGAN, 1)
    print(json.dumps(plain_json({"at_s": at, "what": what} | row), default=str), flush=True)


STAGES: dict[str, Callable[[Namespace], Iterator[Row]]] = {
    "checks": checks, "loops": loops, "losses": losses,
    "watched": watched, "plain": plain, "cached": cached,
}  # fmt: skip


def parse() -> Namespace:
    """The options; the defaults are those of the comparison with the predecessor's table."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--stages", nargs="+", default=list(STAGES), choices=tuple(STAGES))
    made.add_argument("--seconds", type=float, default=200)
    made.add_argument("--model", default="ViT-B-16", help="open_clip name or directory")
    made.add_argument("--device", default="cuda")
    made.add_argument("--precision", default="bf16", choices=tuple(train.THEIR_PRECISION))
    made.add_argument("--batch", type=int, default=512, help="of the loops")
    made.add_argument("--steps", type=int, default=12)
    made.add_argument("--rounds", type=int, default=2)
    made.add_argument("--tiles", type=int, nargs="+", default=[1024, 2048, 4096])
    made.add_argument("--large", type=int, default=16_384, help="of the loss, in rows of 512")
    made.add_argument("--least", type=int, default=2048, help="first batch in one pass")
    made.add_argument("--micro", type=int, default=512, help="samples at a time with the cache")
    made.add_argument("--most", type=int, default=131_072, help="last batch with the cache")
    return made.parse_args()


def main() -> None:
    """Run the stages."""
    args = parse()
    card = torch.cuda.get_device_name() if args.device == "cuda" else args.device
    say("device", {"name": card, "torch": torch.__version__, "model": args.model})
    for name in args.stages:
        if left(args) < 10:
            say(name, {"ended": "no time is left"})
            continue
        try:
            for row in STAGES[name](args):
                say(name, row)
        except Exception:
            say(name, {"error": traceback.format_exc()[-1500:]})
        clear()


if __name__ == "__main__":
    main()
