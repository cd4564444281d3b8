"""Our training loop against open_clip's own, on the same data, model, batch and precision.

Each side runs in a process of its own, in turns, so that peaks of memory are its own. Both take the
symmetric softmax over pairs, clip nothing and step AdamW. With --data files both decode pictures,
crop them at random and tokenise; open_clip decodes every picture in every pass, we decode once,
which `pack_s` shows. With --data host one batch lies in (pinned) memory as each loop gets it from
its own loaders, floats for open_clip's, bytes for ours, which normalises them on the device; it is
taken again and again, so that neither waits for data. With --data device it lies there already,
which leaves the loops alone. Wall-clock figures mean something on a quiet machine only.
"""

import argparse
import json
import logging
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import torch

from bench.memory import peak_mb

THEIR_PRECISION = {"fp32": "fp32", "bf16": "amp_bf16"}


def write_museum(folder: Path, size: int) -> int:
    """Files of the sample museum, a folder for every species; returns how many."""
    from core.sample.files import file_bytes
    from core.sample.museum import draw_museum

    museum = draw_museum(size=size)
    names = list(museum.shown())
    for specimen, _, name in names:
        own = specimen.species
        path = folder / f"{own.genus} {own.epithet}" / f"{Path(name).stem}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file_bytes(museum.files[name]))
    return len(names)


class Pictures(torch.utils.data.Dataset):
    """What open_clip_train.data.CsvDataset does for each row, without its table."""

    def __init__(self, folder: Path, transform, tokenizer) -> None:
        self.paths = sorted(folder.rglob("*.jpg"))
        self.transform, self.tokenizer = transform, tokenizer

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, at: int):
        from PIL import Image

        path = self.paths[at]
        text = self.tokenizer([f"a photo of {path.parent.name}"])[0]
        return self.transform(Image.open(path)), text


class Resident:
    """The same batch as often as there are steps, in memory or on the device."""

    def __init__(self, args: argparse.Namespace, tokenizer, size: int | tuple[int, int]) -> None:
        high, wide = (size, size) if isinstance(size, int) else size
        images = torch.rand(args.batch, 3, high, wide)
        texts = tokenizer(["a photo of a small tortoiseshell"] * args.batch)
        self.images, self.texts = self._placed(images, args), self._placed(texts, args)
        self.pixels = self._placed(images.mul(255).byte().permute(0, 2, 3, 1).contiguous(), args)
        self._steps = args.steps

    @staticmethod
    def _placed(part: torch.Tensor, args: argparse.Namespace) -> torch.Tensor:
        if args.data == "device":
            return part.to(args.device)
        return part.pin_memory() if args.device == "cuda" else part

    def __len__(self) -> int:
        return self._steps

    def __iter__(self):
        return iter([(self.images, self.texts)] * self._steps)


def theirs(folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """open_clip_train's train_one_epoch, pass after pass."""
    import open_clip
    from open_clip_train.train import train_one_epoch

    name = f"local-dir:{args.model}" if Path(args.model).is_dir() else args.model
    network, preprocess, _ = open_clip.create_model_and_transforms(
        name, load_weights=False, output_dict=True
    )
    tokenizer = open_clip.get_tokenizer(name)
    if args.data != "files":
        loader = Resident(args, tokenizer, network.visual.preprocess_cfg["size"])
    else:
        loader = torch.utils.data.DataLoader(
            Pictures(folder, preprocess, tokenizer), args.batch, shuffle=True,
            num_workers=args.workers, drop_last=True, persistent_workers=True,
            pin_memory=args.device == "cuda",
        )  # fmt: skip
    loader.num_batches, loader.num_samples = len(loader), len(loader) * args.batch
    known = dict(
        device=args.device, precision=THEIR_PRECISION[args.precision], accum_freq=1,
        distill=False, horovod=False, skip_scheduler=True, grad_clip_norm=None,
        rank=0, local_rank=0, world_size=1,
        log_every_n_steps=10**9, batch_size=args.batch, wandb=False,
    )  # fmt: skip
    network.to(args.device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=args.device == "cuda")
    loss = open_clip.ClipLoss()
    source = {"train": SimpleNamespace(dataloader=loader, set_epoch=lambda _: None)}
    logging.disable(logging.INFO)
    passes = math.ceil(args.steps / len(loader))
    pace = []
    for number in range(passes + 1):
        began = time.monotonic()
        options = SimpleNamespace(**known)
        train_one_epoch(network, source, loss, number, optimiser, None, None, None, options)
        if args.device == "cuda":
            torch.cuda.synchronize()
        pace.append(len(loader) * args.batch / (time.monotonic() - began))
    return {"samples_per_s": sum(pace[1:]) / passes, "pack_s": 0.0}


def settings(args: argparse.Namespace, folder: Path, out: str):
    """The run of our side."""
    from trainer import typed
    from trainer.config import Config

    return typed.build(
        Config,
        {
            "model": {"id": args.model, "random": True},
            "data": {"source": "folder", "path": str(folder), "packs": f"{out}/packs"},
            "split": {"preset": "plan", "known": 0.05, "unknown": {}, "leaks": "say"},
            "captions": {"templates": ["a photo of {sci}"]},
            "augment": {"crop": 0.9},
            "sample": {"batch": args.batch},
            "loss": [{"kind": "softmax", "target": "instance"}],
            "logits": [{"cap": True}],
            "optim": {"lr": 1e-4, "clip": None},
            "run": {
                "samples": (args.steps + args.warm) * args.batch, "every": 10**9,
                "save": 10**9, "log_every": args.warm, "precision": args.precision,
                "workers": args.workers, "device": args.device,
            },
        },
    )  # fmt: skip


def ours(folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """The engine that bin/train runs, without evaluation."""
    from trainer.assemble import objective
    from trainer.engine import Engine
    from trainer.largest import random_facts
    from trainer.launch import Place, pick_device
    from trainer.network import load

    with tempfile.TemporaryDirectory() as out:
        config = settings(args, folder, out)
        place = Place(0, 1, pick_device(args.device, 0))
        released = load(config.model, 1)
        packed = 0.0
        if args.data != "files":
            facts, loader = random_facts(released, args.batch), remembered(released, args)
        else:
            facts, loader, packed = prepared(config, released, place)
        loss = objective(config, facts, place.device)
        engine = Engine(config, released, loss, loader, Path(out) / "run", place)
        engine.train()
        pace = [row["samples_per_s"] for row in engine.log.rows() if "loss" in row][1:]
        return {"samples_per_s": sum(pace) / len(pace), "pack_s": packed}


def remembered(released, args: argparse.Namespace):
    """One batch for every step."""
    from trainer.engine_step import Batch

    own = Resident(args, released.tokenizer, released.preprocess.size)
    batch = Batch(own.pixels, own.texts, torch.arange(args.batch))
    return lambda _: batch


def prepared(config, released, place):
    """Facts and batches of the files, and how long it took to decode them once."""
    from core.settings import load as load_settings
    from trainer.prepared import Prepared

    made = Prepared(config, load_settings(), released, place, lambda _: None)
    began = time.monotonic()
    part = made.part(["train"])
    packed = time.monotonic() - began
    facts = made.facts(part)
    return facts, made.loader(part, facts), packed


def side(name: str, folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """Run one side in a process of its own."""
    own = [sys.executable, "-m", "bench.train", "--side", name, "--folder", str(folder)]
    for key in (
        "model", "data", "batch", "steps", "warm", "precision", "device", "threads", "workers"
    ):  # fmt: skip
        own += [f"--{key}", str(getattr(args, key))]
    done = subprocess.run(own, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def parse() -> argparse.Namespace:
    """The options."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--model", default="models/specimen-tiny", help="open_clip name or directory")
    made.add_argument("--data", default="files", choices=("files", "host", "device"))
    made.add_argument("--batch", type=int, default=64)
    made.add_argument("--steps", type=int, default=40, help="steps that are timed, at least")
    made.add_argument("--warm", type=int, default=10)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--size", type=int, default=300, help="specimens of the museum")
    made.add_argument("--precision", default="fp32", choices=tuple(THEIR_PRECISION))
    made.add_argument("--device", default="cpu")
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--workers", type=int, default=2, help="that decode pictures")
    made.add_argument("--json", type=Path)
    made.add_argument("--side", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    made.add_argument("--folder", type=Path, help="of the pictures; drawn into it where empty")
    return made.parse_args()


def main() -> None:
    """Print both sides' samples a second and memory, and their ratio."""
    args = parse()
    torch.set_num_threads(args.threads)
    if args.side:
        found = {"ours": ours, "theirs": theirs}[args.side](args.folder, args)
        print(json.dumps(found | {"peak_mb": peak_mb()}))
        return
    rounds = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        if args.data == "files" and not any(folder.glob("*")):
            print(f"{write_museum(folder, args.size)} pictures")
        print(f"{args.model}, batch {args.batch}, {args.precision}, {args.device}")
        for number in range(args.rounds):
            order = ("theirs", "ours") if number % 2 == 0 else ("ours", "theirs")
            found = {name: side(name, folder, args) for name in order}
            ratio = found["ours"]["samples_per_s"] / found["theirs"]["samples_per_s"]
            rounds.append(found | {"ratio": ratio})
            for name in ("theirs", "ours"):
                own = found[name]
                print(f"{name:7} {own['samples_per_s']:8.1f} samples/s {own['peak_mb']:7.0f} MB")
            print(f"ratio   {ratio:8.2f}   (decoded once in {found['ours']['pack_s']:.1f} s)")
    middle = sorted(each["ratio"] for each in rounds)[len(rounds) // 2]
    print(f"median ratio, ours over open_clip's: {middle:.2f}")
    if args.json:
        args.json.write_text(json.dumps({"options": vars(args) | {"json": None}, "rounds": rounds},
                                        default=str, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
