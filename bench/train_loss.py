"""Our tiled loss against open_clip's own: seconds and memory of a forward and backward.

Both sides take float32 features, scale them to unit length and compare every picture with every
text of one batch. Memory is what a side needs at most beyond features and what is loaded; on a
processor each side has a process of its own for that. One JSON object a line.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from bench.memory import peak_mb

KINDS = {"softmax": (1 / 0.07, None), "sigmoid": (10.0, -10.0)}
"""Loss to the scale and bias that its models start from."""
Loss = Callable[[Tensor, Tensor], Tensor]


def ours(kind: str, device: str, size: int, tile: int) -> Loss:
    """The objective that the engine trains with, one term of instance targets."""
    import math

    from trainer.losses import LogitPair, Objective
    from trainer.targets import InstanceTarget
    from trainer.terms import Term

    scale, bias = KINDS[kind]
    made = Objective([Term(kind, InstanceTarget())], [LogitPair(math.log(scale), bias)], tile)
    made.to(device)
    classes = torch.arange(size, device=device)
    return lambda images, texts: made(images, texts, classes).loss


def theirs(kind: str, device: str) -> Loss:
    """open_clip's loss as its trainer calls it for one rank, under the precision in force."""
    from open_clip.loss import ClipLoss, SigLipLoss
    from torch.nn.functional import normalize

    scale, bias = KINDS[kind]
    log_scale = torch.tensor(scale, device=device, requires_grad=True)
    if kind == "softmax":
        plain = ClipLoss()
        return lambda x, y: plain(normalize(x, dim=-1), normalize(y, dim=-1), log_scale)
    paired, shift = SigLipLoss(), torch.tensor(bias, device=device, requires_grad=True)
    return lambda x, y: paired(normalize(x, dim=-1), normalize(y, dim=-1), log_scale, shift)


def measure(side: str, kind: str, size: int, args: argparse.Namespace) -> dict[str, object]:
    """Seconds (the best of `args.rounds`) and extra MiB of one side, in this process."""
    cuda = args.device == "cuda"
    device = args.device
    loss = theirs(kind, device) if side == "theirs" else ours(kind, device, size, args.tile)
    x, y = (torch.randn(size, args.width, device=args.device) for _ in range(2))
    x.requires_grad_()
    y.requires_grad_()
    (x[:256] @ y[:256].T).sum().backward()  # libraries load what they need
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() / 2**20 if cuda else peak_mb()
    seconds = []
    for _ in range(args.rounds):
        began = time.monotonic()
        with torch.autocast(args.device, torch.bfloat16, enabled=args.precision == "bf16"):
            made = loss(x, y)
        made.backward()
        if cuda:
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - began)
        del made
    after = torch.cuda.max_memory_allocated() / 2**20 if cuda else peak_mb()
    return {
        "what": "loss", "side": side, "kind": kind, "batch": size, "width": args.width,
        "tile": args.tile if side == "ours" else None, "precision": args.precision,
        "device": args.device, "seconds": min(seconds), "extra_mb": after - before,
    }  # fmt: skip


def apart(side: str, kind: str, size: int, args: argparse.Namespace) -> dict[str, object]:
    """The same in a process of its own, so that peaks of memory are its own."""
    own = [sys.executable, "-m", "bench.train_loss", "--side", side]
    own += ["--kinds", kind, "--batches", str(size)]
    for key in ("width", "tile", "rounds", "device", "precision", "threads"):
        own += [f"--{key}", str(getattr(args, key))]
    done = subprocess.run(own, capture_output=True, text=True)
    if done.returncode:
        return {"what": "loss", "side": side, "kind": kind, "batch": size,
                "error": done.stderr[-300:]}  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(args: argparse.Namespace, run: Callable[..., dict[str, object]]) -> None:
    """Every kind and batch, theirs then ours, with the ratios of ours to theirs."""
    for kind in args.kinds:
        for size in args.batches:
            rows = {side: run(side, kind, size, args) for side in ("theirs", "ours")}
            for row in rows.values():
                print(json.dumps(row), flush=True)
            if not any("error" in row for row in rows.values()):
                ratio = {
                    key: rows["ours"][key] / rows["theirs"][key]  # type: ignore[operator]
                    for key in ("seconds", "extra_mb")
                }
                print(json.dumps({"what": "loss ratio", "kind": kind, "batch": size} | ratio),
                      flush=True)  # fmt: skip


def parse(given: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--kinds", nargs="+", default=list(KINDS), choices=tuple(KINDS))
    made.add_argument("--batches", nargs="+", type=int, default=[8192, 16384])
    made.add_argument("--width", type=int, default=512)
    made.add_argument("--tile", type=int, default=1024)
    made.add_argument("--rounds", type=int, default=1)
    made.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    made.add_argument("--precision", default="fp32", choices=("fp32", "bf16"), help="around them")
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--side", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    return made.parse_args(given)


def main() -> None:
    """Print rows, or the row of one side."""
    args = parse()
    torch.set_num_threads(args.threads)
    if args.side:
        print(json.dumps(measure(args.side, args.kinds[0], args.batches[0], args)))
        return
    compare(args, apart if args.device == "cpu" else measure)


if __name__ == "__main__":
    main()
