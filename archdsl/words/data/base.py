"""What an augmentation, a mixing and a corruption are: the classes that data words of these kinds derive from.

A word is a frozen dataclass: its fields are the arguments, and one method is its behaviour. The method gets the functions
that it needs (``ops``: ``archdsl.data.augment.ops``; ``np``: numpy), so that no word imports torch or numpy. Facts about a
word are attributes of its class, or properties where they depend on the arguments. Their defaults are the safe answers: a
class that declares nothing runs, without any fast path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from archdsl.errors import ArchError
from archdsl.registry import gives

Where = Literal["pipeline", "model"]
WHERE = (  # what help says of it
    "`where` it happens: `pipeline` changes the bytes of each batch before they are normalised, outside of the network; `model`"
    " is a layer at its input, which changes normalised images in training mode and is the identity in eval mode. Both do the"
    " same to an image; `archdsl.model` has the layer, under the name `augment`."
)
# What a word does where each pixel has a class: it "moves" pixels by whole numbers, and their classes with them, as a further
# channel on which ``apply`` does the same; or it "keeps" every pixel in its place and changes values alone; or it has no rule.
OnMasks = Literal["moves", "keeps", "no"]
Images = Any  # a batch (N, C, H, W): uint8, a torch tensor for augmentations, a numpy array for corruptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """A change of training batches, drawn for each image at each step; validation and test images never see it.

    ``where`` it happens: in the data ``pipeline``, or as a layer of the ``model``, which acts on normalised images.
    """

    fusible: ClassVar[bool] = (
        False  # the result depends on images, seed and step alone: seeds may be trained as one net
    )
    capturable: ClassVar[bool] = False  # reads nothing back to the host: the step may be captured as a CUDA graph
    spelt: ClassVar[str] = ""  # the word, which the decorator writes here
    any_slot: ClassVar[bool] = True  # it may fill a slot of its own name
    vectors: ClassVar[bool] = False  # acts on vectors (D,), too
    masks: ClassVar[OnMasks] = "no"
    amounts: ClassVar[tuple[str, ...]] = ()  # fields of which 0 means that nothing changes

    where: Where = "pipeline"

    @property
    def name(self) -> str:
        """The word."""
        return self.spelt or type(self).__name__.lower()

    @property
    def stream(self) -> str:
        """The name of its random stream; a class that is moved or renamed gives its earlier one to draw as before."""
        return _stream(type(self), self.name)

    @property
    def native(self) -> str:
        """The operation of the C kernel that ``apply`` consists of: ``flip``, or ``crop`` with black borders; "" for none."""
        return ""

    @property
    def alternates(self) -> bool:
        """Whether it depends on the epoch, by ``draw.mirrored``."""
        return False

    @property
    def colours(self) -> bool:
        """Whether it needs images of three channels."""
        return False

    @property
    def mirrored(self) -> int:
        """How many pixels it mirrors at the edge of an image, which must have more on each side."""
        return 0

    @property
    def idle(self) -> bool:
        """Whether these arguments leave every image as it is."""
        return any(getattr(self, name) == 0 for name in self.amounts)

    @gives("the changed batch", lambda images, *_: hasattr(images, "shape"))
    def apply(self, images: Images, draw: Any, ops: Any) -> Images:
        """The batch (N, C, H, W) of bytes after the change, of the same shape, type and device; the given one is not changed.

        Args:
            draw: ``archdsl.data.augment.draws.Draw``, numbers for each image: ``draw.uniform(low, high)`` is (N,).
            ops: functions of images, and ``ops.torch``.
        """
        raise _without(self, "apply")


class Pure(Augmentation):
    """An augmentation made of ``draw``, ``ops`` and its arguments alone: its seeds may be fused, and its step captured."""

    __slots__ = ()
    fusible: ClassVar[bool] = True
    capturable: ClassVar[bool] = True


class InPlace(Pure):
    """Such an augmentation that changes values alone: every pixel keeps its place, and so its class."""

    __slots__ = ()
    masks: ClassVar[OnMasks] = "keeps"


@dataclass(frozen=True, slots=True)
class Mixture:
    """The numbers of one step: weights of an image and of its partner, the partner's box (pixels), the weight of the first
    label.
    """

    own: float = 1.0
    other: float = 0.0
    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0
    label: float = 1.0

    @property
    def numbers(self) -> tuple[float, ...]:
        """All of them, in the order in which ``mix_by`` takes them."""
        return (self.own, self.other, self.top, self.bottom, self.left, self.right, self.label)


@dataclass(frozen=True, slots=True)
class Mixing(Augmentation):
    """A way to mix each normalised image, and its label, with another of its batch. It has no place in the model."""

    blends: ClassVar[bool] = True  # a mixture may weigh the whole images
    boxes: ClassVar[bool] = True  # a mixture may have a box

    where: Where = field(default="pipeline", init=False)

    @gives("a `Mixture`", lambda drawn, *_: isinstance(drawn, Mixture))
    def mixture(self, rng: Any, shape: tuple[int, ...]) -> Mixture:
        """The numbers of one step, for a batch of this shape.

        Args:
            rng: a ``numpy.random.Generator`` of this word and step.
            shape: (N, C, H, W), or (N, D) where the word acts on ``vectors``.
        """
        raise _without(self, "mixture")


@dataclass(frozen=True, slots=True)
class Corruption:
    """A change of the training part itself, drawn once for a run from its seed."""

    spelt: ClassVar[str] = ""  # the word, which the decorator writes here
    any_slot: ClassVar[bool] = True  # it may fill a slot of its own name
    vectors: ClassVar[bool] = False  # acts on vectors (D,), too
    amounts: ClassVar[tuple[str, ...]] = ()  # fields of which 0 means that nothing changes

    @property
    def name(self) -> str:
        """The word."""
        return self.spelt or type(self).__name__.lower()

    @property
    def stream(self) -> str:
        """The name of its random stream; see ``Augmentation.stream``."""
        return _stream(type(self), type(self).__name__)

    @property
    def idle(self) -> bool:
        """Whether these arguments leave every image and label as it is."""
        return any(getattr(self, name) == 0 for name in self.amounts)

    @gives("images and labels, two arrays", lambda pair, *_: is_pair(pair))
    def apply(self, images: Images, labels: Any, classes: int, rng: Any, np: Any) -> tuple[Images, Any]:
        """Images (N, C, H, W), bytes, and labels (N,), int64, after the change; those given are read-only.

        Args:
            classes: how many there are.
            rng: a ``numpy.random.Generator`` of this word.
            np: numpy.
        """
        raise _without(self, "apply")


def is_pair(pair: Any) -> bool:
    """Whether a value is two arrays."""
    return isinstance(pair, tuple) and len(pair) == 2 and all(hasattr(array, "shape") for array in pair)


def _stream(kind: type, own: str) -> str:
    """The name of one of our words alone; with the module of a class from elsewhere, which may be called as one of ours."""
    return own if kind.__module__.startswith("archdsl.") else f"{kind.__module__}.{kind.__qualname__}"


def check_behaviour(word: Augmentation | Corruption) -> None:
    """Refuse a word whose class does not say what it does.

    Raises:
        ArchError: it lacks the method that does it.
    """
    kind, method = next((k, m) for k, m in _METHODS if isinstance(word, k))
    if getattr(type(word), method) is getattr(kind, method):
        raise _without(word, method)


_METHODS: tuple[tuple[type, str], ...] = ((Mixing, "mixture"), (Augmentation, "apply"), (Corruption, "apply"))


def _without(word: object, method: str) -> ArchError:
    kind = type(word)
    return ArchError(
        f"nothing says how `{kind.__name__}` of {kind.__module__} is carried out",
        help=f"give the class a method `{method}`, as docs/house.md describes",
    )
