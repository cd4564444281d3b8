"""Everything a run needs, from settings: collection, split, packs, batches, held-out pictures."""

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as c10d
from numpy.typing import NDArray

from core.errors import InvalidSetting, UnreadableSource
from core.settings import Settings
from trainer.assemble import Facts, split_plan, stream
from trainer.augment import augment
from trainer.captions import Names, caption, check, names_of, prompts
from trainer.config import Config
from trainer.config_data import DataSettings
from trainer.data import Collection, only
from trainer.engine_step import Batch
from trainer.graft import grafted
from trainer.launch import Place
from trainer.leaks import Leak, find_leaks, refuse_leaks
from trainer.models import check_text_lengths
from trainer.network import Released
from trainer.newick import Tree, covariance, read_newick, tip_names
from trainer.packs import Pack, enlarged, make_pack, pack_path, read_pack, staged
from trainer.sources import read
from trainer.splits import Split, make_split, read_split, small, trained_too
from trainer.streams import sample_seed, share_of_rank
from trainer.words import Ledger, Said, Words

Say = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """A partition ready to use; positions are those in the collection."""

    positions: NDArray[np.int64]
    classes: NDArray[np.int64]
    pack: Pack
    rows: NDArray[np.int64]
    """Where each picture lies in the pack, which has the unreadable ones too."""

    def pixels(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8 [k, H, W, 3] of the pictures at `places`, read from the disk."""
        return np.asarray(self.pack.pixels[self.rows[places]])


@dataclass(frozen=True)
class Divided:
    """A collection with its split and the pairs found on both sides of it."""

    collection: Collection
    split: Split
    leaks: list[Leak]


def divide(config: Config, settings: Settings) -> Divided:
    """Read the data and split it; raises Conflict on leaks as `split.leaks` says."""
    if config.data is None:
        raise InvalidSetting("data must be given: where do the pictures come from?")
    collection, own = read(config.data, settings), config.split
    if config.data.tree and config.data.tree_lacks == "leave out":
        collection = only(collection, tip_names(_tree(config.data)))
    if own.file:
        split = read_split(Path(own.file))
        strange = {i for ids in split.partitions.values() for i in ids} - set(
            collection.samples.ids
        )
        if strange:
            raise InvalidSetting(
                f"{own.file} names {len(strange)} pictures that the data do not have, such as "
                f"{min(strange)}: it is a split of other data"
            )
    elif own.preset == "test":
        split = Split(own.seed, own.bounds, {"train": (), "test": collection.samples.ids})
    else:
        split = make_split(collection.samples, collection.taxonomy, split_plan(config), own.seed)
        if own.small is not None:
            split = small(split, collection.samples, own.small)
    split = trained_too(split, own.also)
    leaks = find_leaks(split, collection.samples)
    if own.leaks != "say":
        refuse_leaks(leaks, allow_near=own.leaks == "near")
    return Divided(collection, split, leaks)


class Prepared:
    """The data of a run as one rank sees them."""

    def __init__(
        self, config: Config, settings: Settings, released: Released, place: Place, say: Say
    ) -> None:
        check([*config.captions.templates, *config.captions.prompts])
        self._config, self._released, self._place, self._say = config, released, place, say
        self.divided = divide(config, settings)
        self.names = names_of(self.divided.collection)
        self._lock = threading.Lock()  # Hugging Face tokenizers are not re-entrant
        self._check_lengths()

    @property
    def collection(self) -> Collection:
        """The pictures."""
        return self.divided.collection

    @property
    def reads_texts(self) -> bool:
        """Whether the network has a text tower."""
        return self._released.text_length > 0

    def part(self, names: Iterable[str], *, margin: float = 1.0) -> Part:
        """The readable pictures of these partitions, `margin` times as large as the network's."""
        ids = {i for name in names for i in self.divided.split.partitions.get(name, ())}
        every = self.collection.samples
        positions = np.array([i for i, own in enumerate(every.ids) if own in ids], dtype=np.int64)
        if len(positions) == 0:
            raise InvalidSetting("a partition that is needed has no pictures: change the split")
        pack = self._pack(positions, margin)
        if pack.unreadable:
            self._say(f"{len(pack.unreadable)} pictures cannot be read and are left out")
        readable = [every.ids[at] not in pack.unreadable for at in positions]
        rows = np.flatnonzero(readable)
        return Part(positions[rows], every.classes[positions[rows]], pack, rows)

    def facts(self, part: Part) -> Facts:
        """What loss and stream need to know of the training partition."""
        return Facts(
            part.classes,
            self.collection.taxonomy.codes,
            covariance=self._covariance(),
            columns=self.collection.columns(part.positions.tolist()),
            log_scale=self._released.log_scale,
            bias=self._released.bias,
            width=int(self._released.model_cfg["embed_dim"]),
        )

    def loader(self, part: Part, facts: Facts) -> Callable[[int], Batch]:
        """This rank's share of every step: a pure function of the seed and the step."""
        config, place = self._config, self._place
        drawn = stream(config, facts)
        ledger = self._ledger(part) if any(t.target == "truth" for t in config.loss) else None

        def load(step: int) -> Batch:
            batch = drawn.batch(step)
            mine = share_of_rank(np.arange(len(batch)), place.rank, place.world)
            pictures = part.pixels(batch[mine])
            draws = [
                self.draw(part, int(batch[p]), step * len(batch) + int(p), picture)
                for p, picture in zip(mine, pictures, strict=True)
            ]
            classes = torch.from_numpy(part.classes[batch[mine]])
            pixels = torch.from_numpy(np.stack([pixels for pixels, _ in draws]))
            tokens = self.tokens([said.text for _, said in draws])
            labels = words = None
            if facts.labels is not None:
                labels = torch.from_numpy(facts.labels[batch[mine]])
            if ledger is not None:
                claims = ledger.claims([said.claims for _, said in draws])
                shown = ledger.facts[batch[mine]]
                words = Words(torch.from_numpy(shown), torch.from_numpy(claims))
            return Batch(pixels, tokens, classes, labels, words)

        return load

    def tokens(self, texts: list[str]) -> torch.Tensor:
        """int64 [n, L] of n texts."""
        with self._lock:
            return self._released.tokenizer(texts)

    def prompts(self, templates: tuple[str, ...]) -> list[list[str]]:
        """The prompts of every class."""
        return [prompts(templates, names) for names in self.names]

    def _covariance(self) -> NDArray[np.float64] | None:
        data = self._config.data
        if data is None or not data.tree:
            return None
        if data.tree_lacks == "graft":
            return grafted(_tree(data), self.collection.taxonomy)
        return covariance(_tree(data), self.collection.taxonomy.names)

    def _check_lengths(self) -> None:
        """Before the first step rather than in the midst of the run."""
        own = self._config.captions
        texts = {
            text
            for templates in (own.templates, own.prompts)
            for mine in self.prompts(templates)
            for text in mine
        }
        texts |= self._own_words(own.own)
        longest = max(token_count(self._released.tokenizer, text) for text in texts)
        check_text_lengths(self._config.model.id, self._released.text_length, longest)

    def _own_words(self, share: float) -> set[str]:
        """One text of every picture's own words; raises InvalidSetting where there are none."""
        said = [item.say for item in self.collection.items if item.say is not None]
        if share and not said:
            raise InvalidSetting("captions.own is set, and the data have no words of their own")
        return {say(random.Random(i)).text for i, say in enumerate(said)} if share else set()

    def draw(
        self, part: Part, place: int, position: int, picture: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], Said]:
        """The picture at `place`, varied and captioned as at this `position` of the stream."""
        item = self.collection.items[part.positions[place]]
        seed = sample_seed(self._config.seed, position, item.id)
        size = self._released.preprocess.size
        pixels = augment(picture, size, self._config.augment, seed)
        rng, own = np.random.default_rng([seed, 1]), self._config.captions
        if item.say is not None and own.own and rng.random() < own.own:
            return pixels, item.say(random.Random(seed))
        names: Names = self.names[int(part.classes[place])]
        return pixels, caption(own.templates, names, item.columns, rng)

    def _ledger(self, part: Part) -> Ledger:
        return Ledger([self.collection.items[at].shown for at in part.positions])

    def _pack(self, positions: NDArray[np.int64], margin: float) -> Pack:
        data = self._config.data
        assert data is not None  # divide() has refused it
        items = [self.collection.items[i] for i in positions]
        preprocess = enlarged(self._released.preprocess, margin)
        path = pack_path(Path(data.packs), items, preprocess, _origin(data))
        if self._place.leads:
            if not path.exists():
                self._say(f"packing {len(items)} pictures into {path}")
            make_pack(path, items, preprocess, self._config.run.workers)
        if self._place.world > 1:
            c10d.barrier()
        return read_pack(staged(path, Path(data.stage)) if data.stage else path)


def _tree(data: DataSettings) -> Tree:
    try:
        return read_newick(Path(data.tree).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSource(f"cannot read the tree {data.tree}: {error}") from error


def token_count(tokenizer: Any, text: str) -> int:
    """Tokens of a text with start and end marks, before any cut; 0 where it cannot be known."""
    if hasattr(tokenizer, "encode"):
        return len(tokenizer.encode(text)) + 2
    inner = getattr(tokenizer, "tokenizer", None)
    if inner is None:
        return 0
    clean = getattr(tokenizer, "clean_fn", None) or (lambda words: words)
    return len(inner(clean(text), truncation=False)["input_ids"])


def _origin(data: DataSettings) -> str:
    """What decides drawings, which have no bytes of their own to tell them apart."""
    if data.source == "museum":
        return (
            f"museum {data.museum_seed} {data.specimens} {data.even} {data.breadth} {data.reduce}"
        )
    return ""
