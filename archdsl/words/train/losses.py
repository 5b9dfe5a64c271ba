"""Losses in the place of the task's own."""

from __future__ import annotations

from math import inf
from typing import Any, ClassVar

from archdsl.errors import ArchError, InternalError
from archdsl.registry import setting, train_word
from archdsl.registry.types import Floats, Positive, Share
from archdsl.report.numbers import many
from archdsl.words.train.kinds import Loss, Others, Remark, TrainWord

SHOWN = 10  # class weights that are written one by one


@train_word("adamw bce", "lamb(5e-3) bce(20%)", slot="bce", paper="Wightman et al. 2021, arXiv:2110.00476")
@setting
class Bce(Loss):
    """Binary cross-entropy: each class is a yes or no of its own, and the loss is the mean over all classes.

    With a `threshold` every class that has a larger fraction of a mixed image has the target 1. `smooth` works as in the
    cross-entropy; validation and test report the cross-entropy, whatever the net is trained by.
    """

    threshold: Share | None = None
    fusible: ClassVar[bool] = True
    capturable: ClassVar[bool] = True

    def loss(self, functional: Any, logits: Any, targets: Any, smooth: float) -> Any:
        if self.threshold is not None:
            targets = (targets > self.threshold).to(logits.dtype)
        return functional.binary_cross_entropy_with_logits(logits, targets * (1 - smooth) + smooth / logits.shape[1])

    def idle_unmixed(self) -> Remark | None:
        if self.threshold is None:
            return None
        return Remark(
            "the threshold of `bce` has no effect: it acts on mixed images, and none are mixed",
            "leave the threshold out, or add mixup or cutmix to the data statement",
        )


@train_word(
    "adam ce(balanced)",
    "sgd(0.1) ce(weights=[1, 1, 1, 1, 1, 1, 1, 1, 1, 4])",
    slot="loss",
    paper="King & Zeng 2001, Logistic regression in rare events data",
)
@setting
class Ce(Loss):
    """Cross-entropy with a weight for each class: the mean over a batch in which each image counts by the weight of its class.

    With `balanced` the weight of a class is N / (C · n): n of the N training images are of the class, and C classes occur. So all
    classes weigh the same together, and the mean weight of an image is 1. `weights` gives them in the order of the classes. Of
    pixels and tokens, each counts. Validation and test report the plain cross-entropy.
    """

    balanced: bool = False
    weights: Floats | None = None
    tasks: ClassVar[tuple[str, ...]] = ("classification", "segmentation", "tokens")

    def __post_init__(self) -> None:
        if self.balanced == (self.weights is not None):
            what = "two weights for" if self.balanced else "no weights for"
            raise ArchError(f"`ce` has {what} the classes", help="write ce(balanced), or ce(weights=[1, 2.5])")
        if not all(0 < weight < inf for weight in self.weights or ()):
            raise ArchError("the weights of `ce` must be above 0", help="write ce(weights=[1, 2.5])")

    @property
    def counts(self) -> bool:
        return self.balanced

    def counted(self, numbers: tuple[int, ...]) -> Loss:
        even = sum(numbers) / sum(n > 0 for n in numbers)
        return Ce(weights=tuple(even / n if n else 1.0 for n in numbers))

    def said(self, names: tuple[str, ...]) -> str:
        weights = self.weights or ()
        if len(weights) > SHOWN or len(names) != len(weights):
            return f"class weights from {min(weights):.4g} to {max(weights):.4g}"
        return "class weights: " + ", ".join(f"{name} {w:.4g}" for name, w in zip(names, weights, strict=True))

    def loss(self, functional: Any, logits: Any, targets: Any, smooth: float) -> Any:
        if self.weights is None:
            raise InternalError("the training images of each class have not been counted")
        weights = logits.new_tensor(self.weights)  # (classes,)
        wanted = targets * (1 - smooth) + targets.sum(1, keepdim=True) * (smooth / logits.shape[1])
        total = -(wanted * weights * functional.log_softmax(logits, 1)).sum()
        return total / (targets * weights).sum().clamp(min=1e-30)

    def unfit(self, classes: int) -> Remark | None:
        if self.weights is None or len(self.weights) == classes:
            return None
        return Remark(
            f"`ce` has {many(len(self.weights), 'weight')}, and there are {classes} classes", "give one for each class"
        )


@train_word("adam mae", slot="loss", unpublished="a mean of distances")
@setting
class Mae(Loss):
    """The mean absolute error in the place of the squared error: for targets that are numbers, with few far ones.

    Validation and test report the squared error, whatever the net is trained by.
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    capturable: ClassVar[bool] = True

    def loss(self, functional: Any, logits: Any, targets: Any, smooth: float) -> Any:
        return functional.l1_loss(logits, targets)


@train_word("adam huber", "adam huber(0.5)", slot="loss", paper="Huber 1964")
@setting
class Huber(Loss):
    """Half the squared error up to a distance of `delta` standard deviations of the target, and linear beyond it.

    Validation and test report the squared error, whatever the net is trained by.
    """

    delta: Positive = 1.0
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    capturable: ClassVar[bool] = True

    def loss(self, functional: Any, logits: Any, targets: Any, smooth: float) -> Any:
        return functional.huber_loss(logits, targets, delta=self.delta)


@train_word("adam weigh(price, 0.1)", "adam weigh(kind, 2) weigh(price, 0.5)", paper="Caruana 1997, Multitask learning")
@setting
class Weigh(TrainWord):
    """Multiplies the loss of one of several heads by `factor`; the loss of the network is the sum of them all.

    Heads that are not named have the factor 1. Validation and test report the same sum, and the loss of each head by itself.
    """

    head: str
    factor: Positive

    def idle(self, others: Others) -> Remark | None:
        return Remark(f"`weigh({self.head}, 1)` has no effect: the factor is 1") if self.factor == 1 else None

    def record(self) -> object:
        return {"head": str(self.head), "factor": self.factor}
