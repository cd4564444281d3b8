"""Models of which only the shapes matter: random weights in open_clip form."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file


@contextmanager
def shapes_only(name: str) -> Iterator[str]:
    """A directory in open_clip form of the model `name`, with random weights."""
    folder = Path(tempfile.mkdtemp(prefix="biocosmos-bench-"))
    try:
        torch.manual_seed(0)
        config = open_clip.get_model_config(name)
        made = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
        held = {key: value.contiguous() for key, value in made(**config).state_dict().items()}
        save_file(held, folder / "open_clip_model.safetensors")
        whole = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": {}}
        (folder / "open_clip_config.json").write_text(json.dumps(whole))
        yield str(folder)
    finally:
        shutil.rmtree(folder)
