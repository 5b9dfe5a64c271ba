"""Fine-tuning while a run goes: which parameters stay as they are in an epoch, and the rates of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from torch import nn
from torch.nn import Parameter
from torch.nn.modules.batchnorm import _NormBase

from archdsl.errors import ArchError
from archdsl.ir.places import depths, layers_of
from archdsl.settings.network_checks import NOT_SLOWED, NOTHING_LEFT, NOTHING_YET
from archdsl.transfer.read import trace_of

if TYPE_CHECKING:
    from archdsl.ir.trace import Trace
    from archdsl.settings.experiment import Experiment, TrainSettings

FOREVER = 10**9  # more epochs than any run has


class Frozen:
    """The parts of a net that are not trained, by the epoch. A frozen part gets no gradient, so neither decay nor
    penalty nor step, and its batch norm uses its running statistics and leaves them as they are; dropout continues.
    """

    def __init__(self, until: dict[str, int] | None = None) -> None:
        self._until = until or {}  # a module's path → the epochs for which it stays
        self._modules: list[tuple[nn.Module, int]] = []
        self._fixed: list[Parameter] = []  # never trained, such as the filters of a whitening layer

    @property
    def thaws(self) -> bool:
        """Whether a part is trained later on."""
        return any(u < FOREVER for u in self._until.values())

    def bind(self, *nets: nn.Module) -> Frozen:
        """Take hold of the modules in one or several forms of the net; parts that never thaw lose their gradients."""
        for net in nets:
            for path, module in net.named_modules():
                epochs = self._epochs(path)
                if epochs:
                    self._modules.append((module, epochs))
                    self._fixed += [p for p in module.parameters(recurse=False) if not p.requires_grad]
        for module, epochs in self._modules:
            if epochs >= FOREVER:
                module.requires_grad_(False)
        return self

    def _epochs(self, path: str) -> int:
        """For how long a module stays: as long as the layer that it is, or is in."""
        while path:
            if path in self._until:
                return self._until[path]
            path = path.rpartition(".")[0]
        return 0

    def held(self, epoch: int) -> set[int]:
        """The ids of the parameters that are frozen in an epoch, counted from 1."""
        return {id(p) for module, epochs in self._modules if epoch <= epochs for p in module.parameters()}

    def norms(self, epoch: int) -> list[nn.Module]:
        """The normalisations with running statistics that are frozen in an epoch, counted from 1."""
        return [module for module, epochs in self._modules if epoch <= epochs and isinstance(module, _NormBase)]

    def hold(self, epoch: int) -> None:
        """Make it so for an epoch, counted from 1; after ``train()``, which sets every batch norm to learn."""
        fixed = {id(p) for p in self._fixed}
        for module, epochs in self._modules:
            held = epoch <= epochs
            if epochs < FOREVER:
                for p in module.parameters():
                    p.requires_grad_(not held and id(p) not in fixed)
        for norm in self.norms(epoch):
            norm.eval()


def frozen(experiment: Experiment, trace: Trace | None = None) -> Frozen:
    """What the words ``freeze`` of an experiment say.

    Args:
        trace: its network; None: that of its text.

    Raises:
        SpecError: A223, a label that the network does not have.
    """
    settings = experiment.train
    if not settings.freeze:
        return Frozen()
    trace = trace if trace is not None else trace_of(experiment.text, experiment.name)
    until: dict[str, int] = {}
    for word in settings.freeze:
        for path in layers_of(trace, word.part):
            until[path] = max(until.get(path, 0), word.until or FOREVER)
    return Frozen(until)


def scales(experiment: Experiment) -> dict[str, float]:
    """Factors of the learning rate by the path of a layer, where they are not 1.

    Raises:
        SpecError: A223, a label that the network does not have.
    """
    settings = experiment.train
    if not tuned(settings):
        return {}
    trace = trace_of(experiment.text, experiment.name)
    found: dict[str, float] = dict.fromkeys((r.path for r in trace.flat()), 1.0)
    if settings.layerdecay is not None:
        depth, head = depths(trace)
        for path in found:
            found[path] *= settings.layerdecay ** (head - depth[path])
    for word in settings.rate:
        for path in layers_of(trace, word.part):
            found[path] *= word.factor
    return {p: f for p, f in found.items() if f != 1.0}


def tuned(settings: TrainSettings) -> bool:
    """Whether parts of the net have rates of their own."""
    return bool(settings.rate) or settings.layerdecay is not None


def by_parameter(model: nn.Module, factors: Mapping[str, float]) -> dict[int, float]:
    """The factor of each parameter, by its id; a parameter that two layers share has that of the first.

    Raises:
        ArchError: no parameter that is trained has a factor, so the words have no effect.
    """
    found: dict[int, float] = {}
    for path, parameter in _owners(model):
        while path:
            if path in factors:
                found.setdefault(id(parameter), factors[path])
                break
            path = path.rpartition(".")[0]
    if factors and not found:
        raise ArchError(NOT_SLOWED[0], help=NOT_SLOWED[1])
    return found


def _owners(model: nn.Module) -> Iterator[tuple[str, Parameter]]:
    for path, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                yield path, parameter


def check_left(model: nn.Module, still: Frozen) -> None:
    """Refuse a run that would train nothing, or nothing in its first epoch.

    Raises:
        ArchError: every parameter is frozen.
    """
    wanted = {id(p) for p in model.parameters() if p.requires_grad}
    if not wanted:
        raise ArchError(NOTHING_LEFT[0], help=NOTHING_LEFT[1])
    if wanted <= still.held(1):
        raise ArchError(NOTHING_YET[0], help=NOTHING_YET[1])
