"""From settings to working parts: split plan, batches, objective, what of the network learns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import InvalidSetting
from trainer.config import Config, ImbalanceSettings, LossSettings, SampleSettings
from trainer.heads import MarginHead
from trainer.layers import Group, freeze, parameter_groups
from trainer.lora import add_lora
from trainer.losses import LogitPair, Objective
from trainer.models import family_defaults
from trainer.newick import patristic
from trainer.sampling import (
    Balance,
    Balanced,
    ClassesTimesImages,
    Neighbours,
    Repeated,
    nearest_taxa,
)
from trainer.splits import PRESETS, Plan
from trainer.streams import Homogeneous, Shuffled, Stream
from trainer.targets import (
    ClassTarget,
    InstanceTarget,
    TableTarget,
    Target,
    TruthTarget,
    patristic_table,
    phylogenetic_table,
    shuffled,
    taxonomic_table,
)
from trainer.terms import Term
from trainer.weights import ClassWeights, Frequency, PairWeights, log_prior


@dataclass(frozen=True)
class Facts:
    """What the parts need to know about the training partition and the released model."""

    classes: NDArray[np.int64]
    """int64 [n]: class of each training sample."""
    ranks: NDArray[np.int64]
    """int64 [C, R] of `Taxonomy.codes`."""
    covariance: NDArray[np.float64] | None = None
    """float64 [C, C] of `newick.covariance`, where there is a tree."""
    columns: Mapping[str, list[str]] | None = None
    """Values per training sample, such as the view."""
    log_scale: float = math.log(1 / 0.07)
    bias: float | None = None
    width: int = 0
    """Numbers in a vector."""
    labels: NDArray[np.int64] | None = None
    """int64 [n] of `clusters`: what the head tells apart, where that is not the classes."""

    @property
    def counts(self) -> Tensor:
        """int64 [C] of training samples per class."""
        return torch.from_numpy(np.bincount(self.classes, minlength=len(self.ranks)))


def split_plan(config: Config) -> Plan:
    """The plan of the split, a preset or one's own."""
    own = config.split
    if own.preset != "plan":
        return PRESETS[own.preset]
    return Plan(own.known, own.unknown or {}, own.bounds, own.tail)


def stream(config: Config, facts: Facts) -> Stream:
    """The stream of training batches; a seed of its own for every run seed."""
    sample = config.sample
    if sample.near is None:
        return _plain(sample, sample.batch, config.seed, facts)
    extra = round(sample.near.share * sample.batch)
    if not 0 < extra < sample.batch:
        raise InvalidSetting("the share of near taxa leaves one part of the batch empty")
    inner = _plain(sample, sample.batch - extra, config.seed, facts)
    near = nearest_taxa(_likeness(sample.near.by, facts).double().numpy(), sample.near.taxa)
    return Neighbours(inner, facts.classes, near, extra, config.seed)


def objective(config: Config, facts: Facts, device: torch.device | str = "cpu") -> Objective:
    """The loss with its tables on `device`, ready for features."""
    terms = [_term(loss, config, facts, torch.device(device)) for loss in config.loss]
    pairs = []
    for own in config.logits:
        scale = facts.log_scale if own.scale is None else math.log(own.scale)
        bias = facts.bias if own.bias is None else own.bias
        pairs.append(
            LogitPair(
                scale,
                bias,
                freeze_scale=own.freeze_scale,
                freeze_bias=own.freeze_bias,
                cap=own.cap,
            )
        )
    tile = tile_side(config, torch.device(device))
    return Objective(terms, pairs, tile, _head(config, facts)).to(device)


def tile_side(config: Config, device: torch.device) -> int:
    """As set, else what was measured to be fast and small: a GPU wants fewer, larger tiles."""
    return config.tile or (2048 if device.type == "cuda" else 1024)


def trainable(network: nn.Module, config: Config) -> list[Group]:
    """Adapt and freeze `network` as set, and group what is left for the optimiser.

    Weight decay is that of the model's family where none is set. Call before wrapping.
    """
    own = config.model
    if own.lora is not None:
        add_lora(network, own.lora.towers, own.lora.rank, own.lora.alpha)
    if own.freeze:
        freeze(network, own.freeze)
    decay = config.optim.weight_decay
    if decay is None:
        decay = family_defaults(own.id, network).weight_decay
    return parameter_groups(network, decay, own.layer_decay)


def _plain(sample: SampleSettings, batch: int, seed: int, facts: Facts) -> Stream:
    balance = Balance(sample.tau, sample.tau_end, sample.tau_steps)
    if sample.order == "balanced":
        return Balanced(facts.classes, batch, seed, balance)
    if sample.order == "classes":
        return ClassesTimesImages(facts.classes, batch, seed, sample.images_per_class, balance)
    if sample.order == "repeat":
        return Repeated(facts.classes, batch, seed, sample.repeat_below)
    if sample.order == "groups":
        columns = facts.columns or {}
        if sample.group_by not in columns:
            raise InvalidSetting(
                f"no column {sample.group_by!r} to group batches by: there are {sorted(columns)}"
            )
        return Homogeneous(columns[sample.group_by], batch, seed)
    return Shuffled(len(facts.classes), batch, seed)


def _head(config: Config, facts: Facts) -> MarginHead | None:
    if config.head is None:
        return None
    count = len(facts.ranks) if facts.labels is None else int(facts.labels.max()) + 1
    return MarginHead(count, facts.width, config.head, config.seed)


def _term(loss: LossSettings, config: Config, facts: Facts, device: torch.device) -> Term:
    prior = loss.prior * log_prior(facts.counts).to(device) if loss.prior else None
    return Term(
        kind=loss.kind,
        target=_target(loss, facts, device),
        similarity=loss.similarity,
        weight=loss.weight,
        imbalance=_imbalance(loss.imbalance, config.sample.batch, facts.counts.to(device)),
        focal=loss.focal,
        balance=loss.balance,
        combine=loss.combine,
        mean_one=loss.mean_one,
        mean_one_combined=loss.mean_one_combined,
        unit=loss.unit,
        prior=prior,
        hard=loss.hard,
        logits=loss.logits,
        delta=loss.delta,
    )


def _target(loss: LossSettings, facts: Facts, device: torch.device) -> Target:
    if loss.target == "instance":
        return InstanceTarget()
    if loss.target == "class":
        return ClassTarget()
    if loss.target == "truth":
        return TruthTarget()
    if loss.target == "patristic":
        table = patristic_table(patristic(_tree(facts)), loss.temperature)
    else:
        table = _likeness(loss.target, facts, loss.power)
    if loss.shuffle is not None:
        table = shuffled(table, loss.shuffle)
    return TableTarget(table.to(device))


def _imbalance(
    own: ImbalanceSettings | None, batch: int, counts: Tensor
) -> ClassWeights | PairWeights | None:
    if own is None:
        return None
    law = Frequency(own.gamma, own.beta)
    if own.per == "class":
        return ClassWeights(counts, law, own.mean_over)
    return PairWeights(counts, law, own.pairing, own.mean_over, batch)


def _likeness(by: str, facts: Facts, power: float = 1.0) -> Tensor:
    if by == "taxonomic":
        return taxonomic_table(facts.ranks, power)
    return phylogenetic_table(_tree(facts), power)


def _tree(facts: Facts) -> NDArray[np.float64]:
    if facts.covariance is None:
        raise InvalidSetting("phylogenetic and patristic targets need a tree, and none was given")
    return facts.covariance
