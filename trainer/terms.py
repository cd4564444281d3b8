"""What a loss term is: kind x target x similarity x weighting. A loss is a list of these."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from core.errors import InvalidSetting
from trainer.targets import Target
from trainer.weights import ClassWeights, PairWeights

Kind = Literal["sigmoid", "softmax", "mse", "huber"]
Similarity = Literal["cos", "geo1", "geo2"]
Combine = Literal["product", "mean", "geometric", "harmonic"]


@dataclass(frozen=True)
class Focal:
    """Down-weigh easy pairs by base^gamma (Lin et al. 2017).

    `plain` has base 1 - p_t, which for soft targets does not vanish at p = T; `quality` has base
    |T - p| (Li et al. 2020), which does. On hard targets the two are one.
    """

    gamma: float = 2.0
    form: Literal["plain", "quality"] = "plain"

    def __post_init__(self) -> None:
        if self.gamma < 0:
            raise InvalidSetting(f"the focal gamma must be 0 or more, not {self.gamma}")


@dataclass(frozen=True)
class Term:
    """One term of the loss; `weight` is its share in the sum.

    `balance` (pairwise kinds): "mass" gives likes and unlikes equal total weight in each batch; a
    number alpha weighs likes 2 alpha and unlikes 2 (1 - alpha). `combine` says how imbalance,
    focal, balance and hard-negative weights make one. `mean_one` divides the imbalance weights by
    their batch mean, `mean_one_combined` the combined ones. `unit` divides the term by its own
    value. `prior` holds tau log pi of each class, added to the logits (logit adjustment). `hard`
    is the concentration of negatives exp(hard * S), mean 1 (Robinson et al. 2021). `logits` picks
    one of the objective's scale-and-bias pairs. `delta` is Huber's threshold.
    """

    kind: Kind
    target: Target
    similarity: Similarity = "cos"
    weight: float = 1.0
    imbalance: ClassWeights | PairWeights | None = None
    focal: Focal | None = None
    balance: Literal["mass"] | float | None = None
    combine: Combine = "product"
    mean_one: bool = False
    mean_one_combined: bool = False
    unit: bool = False
    prior: Tensor | None = None
    hard: float = 0.0
    logits: int = 0
    delta: float = 0.1

    def __post_init__(self) -> None:
        softmax = self.kind == "softmax"
        if softmax and (self.balance is not None or self.mean_one_combined or self.mean_one):
            raise InvalidSetting(
                "balance and mean-one weights do not apply to a softmax term: it already averages "
                "by weight"
            )
        if not softmax and isinstance(self.imbalance, ClassWeights):
            raise InvalidSetting(f"a {self.kind} term takes pair weights, not one per class")
        if self.mean_one and self.imbalance is None:
            raise InvalidSetting("mean-one imbalance weights need imbalance weights")
        if isinstance(self.balance, float) and not 0 < self.balance < 1:
            raise InvalidSetting(f"the balance alpha must lie between 0 and 1, not {self.balance}")
        if self.weight <= 0 or self.hard < 0 or self.delta <= 0:
            raise InvalidSetting(
                "a term needs weight > 0, hard-negative concentration >= 0 and delta > 0"
            )
