"""What each kind of evaluation word is: facts, as class attributes, and its behaviour, as a method.

An evaluation acts in one order, whatever the order of its words: networks are changed (``Rewiring``), then their weights
(``Change``), then the images (``Shift``), each kind in the order of the text; ``passes`` says how often the net is asked. What
needs torch is given to the method, so that no word imports it. A word of another package derives from one of these classes;
one that derives from none is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, ClassVar

from archdsl.registry import Setting, gives

Tensor = Any
Images = Callable[[int], Iterable[Tensor]]


class Evaluation(Setting):
    """A word of an ``evaluate`` statement. ``pictures``: it needs images (C, H, W). ``draws``: it needs a layer that draws at
    random, such as dropout.
    """

    __slots__ = ()
    pictures: ClassVar[bool] = False
    draws: ClassVar[bool] = False


class Rewiring(Evaluation):
    """A change of which layers act on what."""

    __slots__ = ()

    @gives("the changed `Trace`", lambda trace, *_: hasattr(trace, "rows"))
    def rewire(self, trace: Any, draw: Random) -> Any:
        """The changed network.

        Args:
            trace: the traced network, an ``archdsl.ir.trace.Trace``.
            draw: random numbers of the run's seed.

        Raises:
            ArchError: the network does not allow it.
        """
        raise NotImplementedError


class Change(Evaluation):
    """A change of the weights or statistics of a trained net."""

    __slots__ = ()

    @gives("nothing")
    def change(self, torch: Any, model: Any, images: Images) -> None:
        """Change the model in place.

        Args:
            torch: the package.
            model: the net in eval mode. Batch norm of a part that is frozen to the end of the run stays in it, also after
                ``train()``.
            images: gives batches (N, ...) of at least so many normalised training images, 0: of all, never augmented.
        """
        raise NotImplementedError


class Shift(Evaluation):
    """A corruption of images: the one field is its strength. ``in_place``: each pixel stays where it is, so that the classes of
    pixels hold; a word that does not say so is refused for networks that predict those.
    """

    __slots__ = ()
    pictures: ClassVar[bool] = True
    in_place: ClassVar[bool] = False

    @property
    def strength(self) -> float:
        """The value of the first field."""
        return float(self._compared()[0])

    @property
    def stream(self) -> str:
        """The name of its random numbers: its word, with the module of a class of another package."""
        own = type(self)
        return self.word if own.__module__.startswith("archdsl.") else f"{own.__module__}.{own.__qualname__}"

    def __str__(self) -> str:
        return f"{self.word}({self.strength:g})"

    @gives("images of the given shape", lambda images, torch, x, *_: getattr(images, "shape", None) == x.shape)
    def apply(self, torch: Any, x: Tensor, generator: Any) -> Tensor:
        """Corrupted images.

        Args:
            torch: the package.
            x: (N, C, H, W) float32 in [0, 1], black to white.
            generator: random numbers on the host; a stronger corruption is to draw the same ones.
        """
        raise NotImplementedError


class Passes(Evaluation):
    """How often the net is asked of each image, with its random layers active. ``passes`` is a field."""

    __slots__ = ()
    draws: ClassVar[bool] = True
    passes: int
