"""Makes a run an open_clip directory: weights, configuration and a card, proven equal to the run.

Whatever loads open_clip models can load it, bin/ingest_embed included.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.utils import FrozenBatchNorm2d
from safetensors.torch import save_file
from torch import Tensor

from core.encoders import openclip
from core.encoders.preprocess import Preprocess
from core.encoders.weights import CONFIG_NAME
from core.errors import Conflict, ModelError, UnreadableSource
from trainer.card import NO_PREFACE, Preface, card
from trainer.commands import RESULT, eval_name, read_run, restore
from trainer.network import Released, Towers, load
from trainer.probes import unit

WEIGHTS_NAME = "open_clip_model.safetensors"
_TOLERANCE = {False: 1e-4, True: 5e-3}
"""Largest difference of any number of a unit vector, by whether weights are halved."""
_TEXTS = ["a photo of a butterfly", "Pica pica", ""]


def publish(
    run: Path,
    out: Path,
    *,
    half: bool = False,
    mix: float = 1.0,
    preface: Preface = NO_PREFACE,
) -> Path:
    """Write the run's best (else last) weights as an open_clip directory `out`; returns it.

    With them go a card, README.md, and the figures that it was written from, result.json.

    `mix` below 1 publishes a mixture with the starting model, see `commands.restore`, which must
    have been measured before: the card has the figures of these very weights.

    It appears only when it has been loaded back, by open_clip and by core.encoders, and gives the
    same vectors: else ModelError. Raises Conflict where `out` is there already.
    """
    if out.exists():
        raise Conflict(f"{out} is there already: publish under another name")
    result = _result(run, mix)
    config = read_run(run)
    released = load(config.model, config.seed)
    if released.text_length == 0:
        raise ModelError(f"{config.model.id} reads no texts: no search could be published with it")
    step = restore(config, released, run, mix)
    released.network.eval()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".publish-") as staged:
        made = Path(staged) / out.name
        made.mkdir()
        _write(made, released, half)
        check_parity(made, released, _TOLERANCE[half])
        text = card(out.name, config, result, step, preface)
        (made / "README.md").write_text(text, encoding="utf-8")
        (made / RESULT).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        shutil.move(made, out)
    return out


def check_parity(directory: Path, released: Released, tolerance: float) -> float:
    """Compare vectors of random pictures and some texts; returns the largest difference.

    Raises ModelError where open_clip's own loading, or ours, gives other vectors than the run.
    """
    towers = Towers(released).eval()
    pixels = _noise(released)
    with torch.inference_mode():
        images = unit(towers.images(torch.from_numpy(pixels)).numpy())
        texts = unit(towers.texts(released.tokenizer(_TEXTS)).numpy())
    encoder = openclip.load(str(directory), device="cpu")
    theirs = _as_open_clip_does(directory, released.preprocess, pixels)
    found = {
        "core.encoders' pictures": (images, encoder.encode_images(pixels)),
        "core.encoders' texts": (texts, encoder.encode_texts(_TEXTS)),
        "open_clip's pictures": (images, theirs[0]),
        "open_clip's texts": (texts, theirs[1]),
    }
    if encoder.prepare_cfg != released.preprocess:
        raise ModelError("the published model would prepare pictures otherwise than the run did")
    worst = 0.0
    for name, (own, other) in found.items():
        difference = float(np.abs(own - other).max())
        if not difference <= tolerance:
            raise ModelError(f"{name} differ from the run's by {difference:.2g}: not published")
        worst = max(worst, difference)
    return worst


def _as_open_clip_does(
    directory: Path, prepared: Preprocess, pixels: np.ndarray[Any, np.dtype[np.uint8]]
) -> tuple[Any, Any]:
    name = f"local-dir:{directory.resolve()}"
    network = open_clip.create_model(name).eval()
    scaled = ((pixels / 255 - prepared.mean) / prepared.std).astype(np.float32)
    with torch.inference_mode():
        images = network.encode_image(torch.from_numpy(scaled).permute(0, 3, 1, 2))
        texts = network.encode_text(open_clip.get_tokenizer(name)(_TEXTS))
    return unit(images.float().numpy()), unit(texts.float().numpy())


def _noise(released: Released) -> np.ndarray[Any, np.dtype[np.uint8]]:
    shape = (4, *released.preprocess.size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _write(directory: Path, released: Released, half: bool) -> None:
    own = released.preprocess.as_dict()
    keys = ("mean", "std", "interpolation", "resize_mode")
    described = {
        "model_cfg": released.model_cfg,
        "preprocess_cfg": {key: own[key] for key in keys},
    }
    text = json.dumps(described, indent=2) + "\n"
    (directory / CONFIG_NAME).write_text(text, encoding="utf-8")
    weights = {name: _stored(value, half) for name, value in released.network.state_dict().items()}
    for name, module in released.network.named_modules():
        if isinstance(module, FrozenBatchNorm2d):
            # Freezing drops the counter that open_clip's strict loading asks for.
            weights[f"{name}.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    path = directory / WEIGHTS_NAME
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors writes private files


def _stored(value: Tensor, half: bool) -> Tensor:
    kept = value.detach().half() if half and value.is_floating_point() else value.detach()
    # A tensor of its own: safetensors refuses memory that is shared.
    return kept.cpu().clone().contiguous()


def _result(run: Path, mix: float) -> dict[str, Any]:
    name = RESULT if mix == 1 else eval_name(mix)
    try:
        found: dict[str, Any] = json.loads((run / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if mix != 1:
            raise UnreadableSource(
                f"{run} has no {name}: measure first, bin/eval --run {run} --mix {mix:g}"
            ) from error
        raise UnreadableSource(f"{run} has no {RESULT}: let the run end first") from error
    return found
