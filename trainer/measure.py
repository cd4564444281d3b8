"""From towers and partitions to results: embeds once, then hands arrays to `evaluate`."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import InvalidSetting
from trainer import dist
from trainer.config import Config
from trainer.engine_step import autocast_dtype
from trainer.evaluate import Around, Ground, Result, Vectors, evaluate
from trainer.launch import Place
from trainer.network import Towers
from trainer.prepared import Part, Prepared
from trainer.probes import Rows, unit
from trainer.questions import Asked, answers, read_questions
from trainer.rows import unit_rows
from trainer.splits import train_counts

_BATCH = 256


def together(held: Mapping[str, Vectors]) -> dict[str, Around]:
    """For each partition all those held out for one purpose: val_id with val_ood, not with test.

    A partition without others has none.
    """
    out: dict[str, Around] = {}
    for stage in ("val", "test"):
        names = [name for name in held if name.split("_")[0] == stage]
        if len(names) < 2:
            continue
        every = Vectors(
            np.concatenate([held[name].images for name in names]),
            np.concatenate([held[name].classes for name in names]),
        )
        first = np.cumsum([0, *(len(held[name].classes) for name in names)])
        out |= {name: Around(every, int(at)) for name, at in zip(names, first, strict=False)}
    return out


class Judge:
    """Measures towers on the partitions that `eval.partitions` names by prefix."""

    def __init__(self, config: Config, prepared: Prepared, place: Place) -> None:
        split = prepared.divided.split
        names = [
            name for prefix in config.eval.partitions for name in split.names(prefix)
            if split.partitions[name]
        ]  # fmt: skip
        if not names:
            raise InvalidSetting(
                f"no partition starts with {' or '.join(config.eval.partitions)}: there are "
                f"{', '.join(split.partitions)}"
            )
        self._config, self._prepared, self.place = config, prepared, place
        self._dtype = autocast_dtype(config.run.precision, place.device)
        self._parts = {name: prepared.part([name]) for name in names}
        source = config.eval.questions
        self._questions = read_questions(source) if source else {}
        # As released, not with the margin for cropping.
        self._train = prepared.part(["train"]) if config.eval.index else None
        self._counts = train_counts(
            split, prepared.collection.samples, len(prepared.collection.taxonomy.names)
        )

    def __call__(self, towers: Towers) -> dict[str, Result]:
        """Results of every partition; all ranks embed a share and all get the results."""
        taxonomy = self._prepared.collection.taxonomy
        train = None
        if self._train is not None:
            train = Vectors(self.images(towers, self._train), self._train.classes)
        ground = Ground(
            self._prompts(towers) if self._prepared.reads_texts else None,
            taxonomy.codes,
            taxonomy.ranks,
            self._counts,
            self._prepared.divided.split.bounds,
            train,
            "cuda" if self.place.device.type == "cuda" else "cpu",
        )
        groups = {name: [said.text for said in own] for name, own in self._questions.items()}
        rows = {name: self._texts(towers, texts) for name, texts in groups.items()}
        held = {
            name: Vectors(self.images(towers, part), part.classes)
            for name, part in self._parts.items()
        }
        around, out = together(held), {}
        for name, own in held.items():
            right = self._answers(self._parts[name])
            asked = {group: Asked(rows[group], right[group]) for group in right}
            out[name] = evaluate(own, ground, self._config.eval, around.get(name), asked)
        return out

    def _answers(self, part: Part) -> dict[str, NDArray[np.bool_]]:
        items = self._prepared.collection.items
        return answers(self._questions, [items[at].shown for at in part.positions])

    def images(self, towers: Towers, part: Part) -> Rows:
        """Unit vectors float32 [n, D] of a part; all ranks embed a share and all get them."""
        world, n = dist.world_size(), len(part.classes)
        size = -(-n // world)
        # Shares must be equally long to be gathered: the last is filled up with repeats.
        mine = np.minimum(np.arange(size) + size * dist.rank(), n - 1)
        rows = [
            self._embed(towers, torch.from_numpy(part.pixels(mine[i : i + _BATCH])))
            for i in range(0, size, _BATCH)
        ]
        return dist.gather_rows(torch.cat(rows))[:n].cpu().numpy()

    def _embed(self, towers: Towers, pixels: torch.Tensor) -> torch.Tensor:
        device = self.place.device
        narrow = self._dtype != torch.float32
        with torch.inference_mode(), torch.autocast(device.type, self._dtype, enabled=narrow):
            return unit_rows(towers.images(pixels.to(device))).clone()

    def _prompts(self, towers: Towers) -> Rows:
        """Each class by the normalised mean of its normalised prompts (Radford et al. 2021)."""
        listed = self._prepared.prompts(self._config.captions.prompts)
        rows = self._texts(towers, [text for mine in listed for text in mine])
        owner = np.repeat(np.arange(len(listed)), [len(mine) for mine in listed])
        sums = np.zeros((len(listed), rows.shape[1]))
        np.add.at(sums, owner, rows)
        return unit(sums)

    def _texts(self, towers: Towers, texts: Sequence[str]) -> Rows:
        device, narrow = self.place.device, self._dtype != torch.float32
        rows = []
        with torch.inference_mode(), torch.autocast(device.type, self._dtype, enabled=narrow):
            for i in range(0, len(texts), _BATCH):
                tokens = self._prepared.tokens(list(texts[i : i + _BATCH])).to(device)
                rows.append(unit_rows(towers.texts(tokens)).cpu())
        return torch.cat(rows).numpy()
