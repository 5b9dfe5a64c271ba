"""What each kind of train word is to training: facts, as class attributes, and behaviour, as methods.

A fact that a class does not state is the cautious one: seeds are not fused, steps are not captured. What needs torch is
given to the method that needs it, so that no word imports it. Words of other packages are of these classes too.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol

from archdsl.registry import Setting, gives, is_number


class Remark(NamedTuple):
    """What is wrong with a word, or why it has no effect, and the remedy. ``about`` is the slot of the word that is at fault,
    where it is another one.
    """

    message: str
    help: str = "leave it out"
    about: str = ""


_remarks = gives("a `Remark`, or None", lambda found, *_: found is None or isinstance(found, Remark))


class Others(Protocol):
    """The settings that a word may look at: those of the whole statement (``archdsl.settings.experiment.TrainSettings``)."""

    @property
    def wd(self) -> Any: ...
    @property
    def ema(self) -> float | None: ...
    @property
    def warmup(self) -> Any: ...
    @property
    def epochs(self) -> int: ...


class Net(Protocol):
    """What a word may ask of the parameters that are trained (``archdsl.settings.network_checks.Facts``)."""

    @property
    def wide(self) -> bool:
        """Whether some have two or more dimensions."""

    @property
    def hidden(self) -> bool:
        """Whether there are weights between the first and the last layer."""

    @property
    def before_last(self) -> bool:
        """Whether some are of a layer before the last one with weights."""

    def biases(self, norms: bool) -> bool:
        """Whether there are biases; with ``norms`` of a normalisation."""


class TrainWord(Setting):
    """The value of a train word. ``needs`` are the methods that a class of its kind has to define."""

    __slots__ = ()
    needs: ClassVar[tuple[str, ...]] = ()
    # Several seeds may be trained as one net: what it does, it does to each number by itself, and in every run alike.
    fusible: ClassVar[bool] = False
    # What it does in a step may be recorded once and replayed (a CUDA graph): it asks the host for nothing.
    capturable: ClassVar[bool] = False
    # It may fill a slot of its own name.
    any_slot: ClassVar[bool] = False
    # Its number 0, which it may refuse, is its absence: a study may have it as a level.
    nothing_at_zero: ClassVar[bool] = False
    # It follows the images for validation, so that some must be set aside.
    needs_validation: ClassVar[bool] = False
    # It treats no layer apart, such as the last one: a network may have several heads. Kinds that see layers have to say so.
    alike: ClassVar[bool] = True

    @property
    def fuses(self) -> bool:
        """Whether several seeds may be trained as one net with it."""
        return self.fusible

    @property
    def lacks(self) -> list[str]:
        """What its class has to define, and does not."""
        kind = next(c for c in type(self).__mro__ if "needs" in vars(c))
        return [
            name
            for name in self.needs
            if not hasattr(self, name) or getattr(type(self), name, None) is getattr(kind, name, self)
        ]

    @_remarks
    def against(self, others: Others) -> Remark | None:
        """What contradicts it among the other settings."""
        return None

    @_remarks
    def idle(self, others: Others) -> Remark | None:
        """Why it has no effect, whatever the network is."""
        return None

    @_remarks
    def idle_in(self, net: Net) -> Remark | None:
        """Why it has no effect in a network."""
        return None


class Optimizer(TrainWord):
    """An optimiser: its class has a field ``lr``, the learning rate, and the method ``build``."""

    __slots__ = ()
    needs = ("build", "lr")
    lr: float
    elementwise: ClassVar[bool] = (
        False  # the step of each number depends on this number's gradients alone; seeds may be fused
    )
    # Its step takes torch's standard closure, which computes loss and gradients again: ``optimizer.step(closure)``.
    closure: ClassVar[bool] = False
    alike: ClassVar[bool] = False  # what is ``elementwise`` is, too

    @property
    def fuses(self) -> bool:
        """Whether several seeds may be trained as one net with it."""
        return self.elementwise and not self.closure

    @property
    def decoupled(self) -> float:
        """The rate of the decoupled weight decay that the training step does for it; see ``wd``."""
        return 0.0

    @gives("a `torch.optim.Optimizer`, or several in a list", lambda made, *_: _optimizers(made))
    def build(self, optim: Any, groups: list[dict[str, Any]]) -> Any:
        """The optimiser, a ``torch.optim.Optimizer``, or several in a list.

        Args:
            optim: ``torch.optim`` and what it lacks, see ``archdsl.train.optim.make.Optim``.
            groups: the parameters, and their learning rate as ``lr``.
        """
        raise NotImplementedError


def _optimizers(made: Any) -> bool:
    several = made if isinstance(made, list | tuple) else [made]
    return bool(several) and all(hasattr(one, "param_groups") for one in several)


class Point(NamedTuple):
    """A step of a run. All counts are of steps: ``step`` from 0, ``steps`` of the whole run, ``rise`` of its warm-up."""

    step: int
    steps: int
    per_epoch: int
    rise: int = 0

    @property
    def epoch(self) -> int:
        """The epoch, from 0."""
        return self.step // self.per_epoch

    @property
    def done(self) -> int:
        """Steps since the warm-up."""
        return self.step - self.rise

    @property
    def whole(self) -> int:
        """Steps of the run without its warm-up."""
        return self.steps - self.rise


class Watched(NamedTuple):
    """What a schedule that follows the validation loss has made of it: the ``factor`` of the learning rate, the loss that it
    waits to be bettered, and for how many epochs it has waited.
    """

    factor: float = 1.0
    loss: float = float("inf")
    waited: int = 0


class Schedule(TrainWord):
    """A schedule of the learning rate: its class has the method ``scale``."""

    __slots__ = ()
    needs = ("scale",)
    capturable = True  # it is followed on the host, whatever it is
    rises: ClassVar[bool] = False  # it begins with a rise of its own, so that a warm-up contradicts it

    @gives("a finite number from 0 on", lambda factor, at: is_number(factor) and 0 <= factor < float("inf"))
    def scale(self, at: Point) -> float:
        """What the optimiser's own rate is multiplied by at a step behind the warm-up."""
        raise NotImplementedError

    @gives("a `Watched`", lambda now, *_: isinstance(now, Watched))
    def watched(self, before: Watched, loss: float) -> Watched:
        """What an epoch with this validation loss makes of the rate; asked where the class says ``needs_validation``."""
        return before

    def against(self, others: Others) -> Remark | None:
        """A warm-up, beside a rise of its own."""
        if not (self.rises and others.warmup):
            return None
        return Remark(
            f"`{self.word}` has its own rise, so `warmup` contradicts it",
            f"leave warmup out; {self.word}(up=30%) sets the length of the rise",
            "warmup",
        )


class Penalty(TrainWord):
    """A term that is added to the loss by its gradient, ``rate`` times ``direction``; with ``weights`` on the parameters of
    two or more dimensions alone. A word of another package takes a slot of its own name.
    """

    __slots__ = ()
    needs = ("direction", "rate", "weights")
    nothing_at_zero: ClassVar[bool] = True
    any_slot: ClassVar[bool] = True
    rate: float
    weights: bool

    @gives(
        "a list of tensors with the shapes of the given ones",
        lambda found, torch, values: [getattr(v, "shape", None) for v in found] == [v.shape for v in values],
    )
    def direction(self, torch: Any, values: list[Any]) -> list[Any]:
        """The gradient for a rate of 1, of each of these tensors. A weight has its output channels first."""
        raise NotImplementedError

    def idle_in(self, net: Net) -> Remark | None:
        """There are no weights."""
        return no_weights(self, net)


def no_weights(word: Any, net: Net) -> Remark | None:
    """That a decay of weights finds none."""
    if not word.weights or net.wide:
        return None
    return Remark(f"`{word.word}` has no effect: it acts on weights, and only biases and norms are trained")


class Clipping(TrainWord):
    """A way to shorten gradients that are too long: its class has the method ``shorten``."""

    __slots__ = ()
    needs = ("shorten",)
    alike: ClassVar[bool] = False

    @gives("nothing")
    def shorten(self, gradients: Any) -> None:
        """Change the gradients in place; see ``archdsl.train.optim.clip.Gradients``."""
        raise NotImplementedError


class Loss(TrainWord):
    """A loss in the place of the task's own: its class has the method ``loss``. ``tasks``: those that it is for."""

    __slots__ = ()
    needs = ("loss",)
    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    @property
    def counts(self) -> bool:
        """Whether it needs to know how many training images, pixels or tokens each class has; see ``counted``."""
        return False

    @gives("a loss", lambda made, *_: isinstance(made, Loss))
    def counted(self, numbers: tuple[int, ...]) -> Loss:
        """The loss that knows them, by class."""
        return self

    @gives("a text", lambda text, *_: isinstance(text, str))
    def said(self, names: tuple[str, ...]) -> str:
        """What a run says of a loss that was ``counted``."""
        return ""

    @_remarks
    def unfit(self, classes: int) -> Remark | None:
        """What is wrong with it for so many classes."""
        return None

    @gives("the mean over the batch, a tensor of no dimension", lambda mean, *_: getattr(mean, "ndim", None) == 0)
    def loss(self, functional: Any, logits: Any, targets: Any, smooth: float) -> Any:
        """The mean loss of a batch.

        Args:
            functional: ``torch.nn.functional``.
            logits: (N, classes), of pixels or tokens one row each; of numbers (N, T) the predictions, standardised.
            targets: (N, classes), the fraction of each class in the image; more than one where images are mixed, none where a
                pixel is ignored. Of numbers (N, T), standardised.
            smooth: of the label smoothing.
        """
        raise NotImplementedError

    @_remarks
    def idle_unmixed(self) -> Remark | None:
        """What of it has no effect where no images are mixed."""
        return None
