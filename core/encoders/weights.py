"""Find a model's architecture and weights, load them, and prove that they were loaded.

open_clip goes on with random weights, after a warning, in several of its paths. Here every weight
is set to NaN before the checkpoint is read: one that is still NaN afterwards was not loaded.
"""

import difflib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import open_clip
import torch
from open_clip.pretrained import download_pretrained_from_hf

from core.errors import ModelError

Tokenizer = Callable[[list[str]], torch.Tensor]

CONFIG_NAME = "open_clip_config.json"
CHECKPOINT_NAMES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
)
CHECKPOINT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".npz")


@dataclass(frozen=True)
class Source:
    """Where the parts of a model are."""

    model: str
    """As recorded in the embed version; local paths are absolute."""
    pretrained: str
    """As recorded: a tag, an absolute path, or "" where `model` names its weights."""
    config: str
    """What open_clip is asked to build: a name, `hf-hub:…` or `local-dir:…`."""
    tag: str
    """open_clip's tag of the weights, or ""."""
    checkpoint: Path


@contextmanager
def resolve(model: str, pretrained: str) -> Iterator[Source]:
    """Find what `model` and `pretrained` mean; the source is valid inside the block only.

    `model` is an open_clip name, `hf-hub:org/name`, a directory with open_clip_config.json, or
    the path of a model config (with or without its .json). Raises ModelError.
    """
    path = Path(model.removeprefix("local-dir:")).expanduser()
    config = path if path.is_file() else path.with_name(path.name + ".json")
    if path.is_dir():
        yield _directory(path.resolve(), pretrained)
    elif config.is_file():
        with TemporaryDirectory(prefix="biocosmos-model-") as staged:
            yield _config_file(config.resolve(), pretrained, Path(staged))
    elif model.startswith("hf-hub:"):
        yield _hub(model, pretrained)
    else:
        yield _built_in(model, pretrained)


def _directory(path: Path, pretrained: str) -> Source:
    if not (path / CONFIG_NAME).is_file():
        raise ModelError(f"{path} has no {CONFIG_NAME}: it is not a model in open_clip form")
    own = _given(pretrained)
    recorded = str(own) if own else ""
    return Source(str(path), recorded, f"local-dir:{path}", "", own or _only_checkpoint(path))


def _config_file(path: Path, pretrained: str, staged: Path) -> Source:
    """A bare config beside its weights is given the form that open_clip reads."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        model_cfg = config.get("model_cfg") or {
            key: value for key, value in config.items() if key != "preprocess_cfg"
        }
        missing = {"embed_dim", "vision_cfg", "text_cfg"} - model_cfg.keys()
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{path} is not a model config: {_one_line(error)}") from error
    if missing:
        raise ModelError(f"{path} is not a model config: it has no {', '.join(sorted(missing))}")
    whole = {"model_cfg": model_cfg, "preprocess_cfg": config.get("preprocess_cfg", {})}
    (staged / CONFIG_NAME).write_text(json.dumps(whole), encoding="utf-8")
    beside = (path.with_suffix(suffix) for suffix in CHECKPOINT_SUFFIXES)
    checkpoint = _given(pretrained) or next((file for file in beside if file.is_file()), None)
    if checkpoint is None:
        raise ModelError(f"there are no weights beside {path}: name them with --pretrained")
    return Source(str(path), str(checkpoint), f"local-dir:{staged}", "", checkpoint)


def _hub(model: str, pretrained: str) -> Source:
    own = _given(pretrained)
    if own:
        return Source(model, str(own), model, "", own)
    try:
        with _quiet():
            checkpoint = download_pretrained_from_hf(model.removeprefix("hf-hub:"))
    except Exception as error:
        raise _not_downloaded(model, error) from error
    return Source(model, "", model, "", Path(checkpoint))


def _built_in(model: str, pretrained: str) -> Source:
    name = model.replace("/", "-")
    if name not in open_clip.list_models():
        raise ModelError(
            f"no model {model!r}: it is no open_clip name, directory or config file"
            + _near(name, open_clip.list_models())
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    if not pretrained:
        known = f" (one of {', '.join(tags)}, or a file)" if tags else " (a checkpoint file)"
        raise ModelError(f"{name} says nothing about its weights: give --pretrained{known}")
    if Path(pretrained).is_file():
        return Source(name, str(Path(pretrained).resolve()), name, "", Path(pretrained).resolve())
    cfg = open_clip.get_pretrained_cfg(name, pretrained)
    if not cfg:
        raise ModelError(
            f"{name} has no pretrained weights {pretrained!r}, nor is there such a file"
            + _near(pretrained, tags)
        )
    try:
        with _quiet():
            checkpoint = open_clip.download_pretrained(cfg)
    except Exception as error:
        raise _not_downloaded(f"{name} {pretrained}", error) from error
    return Source(name, pretrained, name, pretrained, Path(checkpoint))


def _given(pretrained: str) -> Path | None:
    if not pretrained:
        return None
    path = Path(pretrained).expanduser()
    if not path.is_file():
        raise ModelError(
            f"there is no checkpoint file {pretrained!r}; a model that names its own weights"
            " needs no --pretrained"
        )
    return path.resolve()


def _only_checkpoint(path: Path) -> Path:
    for name in CHECKPOINT_NAMES:
        if (path / name).is_file():
            return path / name
    found = sorted(file for file in path.iterdir() if file.suffix in CHECKPOINT_SUFFIXES)
    if len(found) != 1:
        number = "no weights" if not found else f"{len(found)} weight files"
        raise ModelError(f"{path} has {number}: name one with --pretrained")
    return found[0]


def build(source: Source) -> torch.nn.Module:
    """The model of `source` on the CPU in float32, every weight from its checkpoint.

    Raises ModelError where the weights do not fit or some would stay at their initial values.
    """
    cfg = open_clip.get_pretrained_cfg(source.config, source.tag) if source.tag else {}
    _check_activation(source, cfg)
    try:
        with _quiet():
            network = open_clip.create_model(
                source.config,
                pretrained=source.tag or None,
                load_weights=False,
                pretrained_text=False,
                # OpenAI's weights were trained with it, and open_clip only warns
                force_quick_gelu=bool(cfg.get("quick_gelu")),
            )
            _poison(network)
            open_clip.load_checkpoint(network, str(source.checkpoint), strict=True)
    except Exception as error:
        raise ModelError(f"{source.model} could not be loaded: {_one_line(error)}") from error
    _prove(network, source)
    return network.eval().requires_grad_(False)  # type: ignore[no-any-return]


def tokenizer(source: Source) -> Tokenizer:
    """What turns texts into the tokens of `source`; ModelError where it cannot be had."""
    try:
        with _quiet():
            made: Tokenizer = open_clip.get_tokenizer(source.config)
            made(["a"])
    except Exception as error:
        raise ModelError(
            f"the tokenizer of {source.model} could not be loaded: {_one_line(error)}"
        ) from error
    return made


def _check_activation(source: Source, cfg: dict[str, Any]) -> None:
    """open_clip only warns; a warning filter of our own would be every thread's."""
    config = (open_clip.get_model_config(source.config) or {}) if source.tag else {}
    if config.get("quick_gelu") and not cfg.get("quick_gelu"):
        plain = source.model.removesuffix("-quickgelu")
        raise ModelError(
            f"{source.tag} was not trained with the quick GELU of {source.model}: use {plain}"
        )


def _floats(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: value for name, value in network.state_dict().items() if value.is_floating_point()
    }


def _poison(network: torch.nn.Module) -> None:
    with torch.no_grad():
        for value in _floats(network).values():
            value.fill_(torch.nan)


def _prove(network: torch.nn.Module, source: Source) -> None:
    bad = [name for name, value in _floats(network).items() if not bool(value.isfinite().all())]
    if bad:
        raise ModelError(
            f"{source.checkpoint} leaves {len(bad)} weights of {source.model} unset or not finite,"
            f" first {bad[0]}"
        )


def fingerprint(network: torch.nn.Module) -> str:
    """sha256 over the sorted names, dtypes, shapes and bytes of all weights; the file is not it."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Mute open_clip's and the hub's notes: what matters in them is checked and raised here."""

    def others(record: logging.LogRecord) -> bool:
        return "open_clip" not in Path(record.pathname).parts

    root, hub = logging.getLogger(), logging.getLogger("huggingface_hub.utils._http")
    root.addFilter(others)
    hub_was, hub.disabled = hub.disabled, True
    try:
        yield
    finally:
        root.removeFilter(others)
        hub.disabled = hub_was


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _not_downloaded(what: str, error: Exception) -> ModelError:
    return ModelError(
        f"the weights of {what} could not be downloaded; connect to the Internet once, or copy the"
        f" model's directory here and pass its path as --model ({_one_line(error)})"
    )


def _one_line(error: Any, limit: int = 300) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[:limit] + "…"
