"""A network as it is deployed: what it takes and gives, and the module that does it.

The module runs on the CPU in eval mode, with plain weights, batch norm folded away, and, where asked for, the
normalisation of its images, a softmax, half precision or live dropout inside.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from archdsl.emit import layers
from archdsl.emit.inputs import random_inputs
from archdsl.emit.normal import coefficients
from archdsl.errors import ArchError
from archdsl.export.alive import enliven
from archdsl.export.fold import fold, merge
from archdsl.export.torchfile import Scales
from archdsl.registry.shapes import Ids, batch_of, dims
from archdsl.registry.types import Shape
from archdsl.version import __version__
from archdsl.words.tasks import CLASSIFICATION, TASKS, Regression, Several, Task

Layout = Literal["nchw", "nhwc", "values"]
INPUT = "input"  # the name of what is taken
INSIDE = "net."  # where the network's own weights are inside Deployed


@dataclass(frozen=True, slots=True)
class Form:
    """What a deployed network takes and gives, a batch of any size before each shape.

    input: the shape that the network itself takes, (C, H, W), (T, D), (D,) or ``Ids``.
    preprocess: take images as they are in the data set and normalise them inside: bytes as (C, H, W) or (H, W, C), or
        the numbers of a table (``values``).
    mean, std: of each channel (of pictures: of the pixels as numbers from 0 to 1), for ``preprocess``.
    softmax: give probabilities instead of logits.
    mc: keep dropout alive, at its full rate: every pass draws again.
    folded: batch norm and standardised weights are folded.
    half: weights and activations are float16; what is taken and given stays float32 unless ``half_ends``.
    task: what the output is for; numbers are given in the units of their targets.
    shape: of the output where it is not a vector of classes.
    heads: how many values each of several outputs has, by its name; empty where there is one output.
    """

    input: Shape
    classes: int
    preprocess: Layout | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    softmax: bool = False
    mc: bool = False
    folded: bool = True
    half: bool = False
    half_ends: bool = False
    task: Task = CLASSIFICATION
    shape: Shape | None = None
    heads: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.heads and self.mc:
            raise ArchError(
                "--mc compares the probabilities of one output, and the network has several heads",
                help="leave --mc out",
            )
        if INPUT in self.heads:
            raise ArchError(f"the head `{INPUT}` has the name of what is taken", help="give the head another label")
        if self.softmax and not self.task.counted:
            raise ArchError(f"--softmax is of classes, and the task is {self.task.name}", help="leave --softmax out")
        if self.preprocess is None:
            return
        picture = len(self.input) == 3
        if picture == (self.preprocess == "values") or isinstance(self.input, Ids):
            shape = dims(self.input)
            raise ArchError(
                f"--preprocess {self.preprocess} does not fit an input of {shape}",
                help="nchw or nhwc for pictures, values for the rows of a table",
            )
        if not self.mean or len(self.mean) != self.input[0] or len(self.std) != self.input[0]:
            raise ArchError(
                f"nothing says how the {self.input[0]} channels of an input are normalised",
                help="export a run, or name a data set with published figures: --data cifar10",
            )

    @property
    def taken(self) -> Shape:
        """The shape of one example as it is taken."""
        return (*self.input[1:], self.input[0]) if self.preprocess == "nhwc" else self.input

    @property
    def dtype(self) -> torch.dtype:
        """The type of what is taken."""
        if self.preprocess in ("nchw", "nhwc"):
            return torch.uint8
        if isinstance(self.input, Ids):
            return torch.int64
        return torch.float16 if self.half_ends else torch.float32

    @property
    def output(self) -> str:
        """The name of what is given."""
        if not self.task.counted:
            return "values" if self.task.trained else self.task.name
        return "probabilities" if self.softmax else "logits"

    @property
    def given(self) -> Shape:
        """The shape of one output."""
        return self.shape or (self.classes,)

    @property
    def outputs(self) -> dict[str, Shape]:
        """The name and the shape of each output."""
        return {name: (size,) for name, size in self.heads.items()} or {self.output: self.given}

    @property
    def tasks(self) -> dict[str, Task]:
        """What each of several heads is for; nothing is known of those of a text without data."""
        return tasks_of(self.task, self.heads)

    @property
    def scales(self) -> Scales | None:
        """What each value of the output is multiplied by, and what is added, to have the units of targets; None where nothing
        is."""
        return scales_of(self.task, self.heads)

    @property
    def plain(self) -> Form:
        """The same in float32 with nothing folded: what the other is held to."""
        return replace(self, folded=False, half=False, half_ends=False)

    def sample(self, batch: int, generator: torch.Generator) -> Tensor:
        """A batch of random inputs, as they are taken."""
        if self.dtype is torch.uint8:
            return torch.randint(256, (batch, *self.taken), generator=generator, dtype=torch.uint8)
        return random_inputs(batch_of(self.taken, batch), generator, dtype=self.dtype)

    def about(self) -> dict[str, str]:
        """What a file says of itself."""
        channels = "NT" if isinstance(self.input, Ids) else {3: "NCHW", 2: "NTD", 1: "ND"}[len(self.input)]
        return {
            "archdsl.version": __version__,
            "archdsl.input": dims(self.input),
            "archdsl.classes": str(self.classes),
            "archdsl.layout": "NHWC" if self.preprocess == "nhwc" else channels,
            "archdsl.takes": f"{str(self.dtype).removeprefix('torch.')}, {self._told()}",
            "archdsl.gives": ", ".join(self.outputs),
            **self._heads(),
            **({"archdsl.task": self.task.name} if self.task.name != CLASSIFICATION.name else {}),
            "archdsl.mode": "mc-dropout" if self.mc else "eval",
            "archdsl.precision": "float16" if self.half else "float32",
        }

    def _heads(self) -> dict[str, str]:
        """Of several heads what they are for, as JSON."""
        if not isinstance(self.task, Several) or not self.heads:
            return {}
        heads = [{"name": h.name, "task": h.task.name, "classes": h.classes} for h in self.task.heads]
        return {"archdsl.heads": json.dumps(heads)} if heads else {}

    def _told(self) -> str:
        if isinstance(self.input, Ids):
            return f"ids below {self.input.vocabulary}"
        return "normalised by the caller" if self.preprocess is None else "normalised inside"


def tasks_of(task: Task, heads: Mapping[str, int]) -> dict[str, Task]:
    """What each of several heads is for, by its name."""
    known = {h.name: h.task for h in task.heads} if isinstance(task, Several) else {}
    return {name: known.get(name, TASKS["features"]) for name in heads}


def scales_of(task: Task, heads: Mapping[str, int]) -> Scales | None:
    """What the values of a network for this task and with these heads are scaled by, as ``Form.scales``."""
    if isinstance(task, Regression) and task.mean:
        return task.std, task.mean
    parts = [(tasks_of(task, heads)[name], size) for name, size in heads.items()]
    if not any(isinstance(part, Regression) and part.mean for part, _ in parts):
        return None
    known = [(t.std, t.mean) if isinstance(t, Regression) else ((1.0,) * n, (0.0,) * n) for t, n in parts]
    return tuple(v for std, _ in known for v in std), tuple(v for _, mean in known for v in mean)


def deployed(model: nn.Module, form: Form) -> nn.Module:
    """A module of its own that does what ``form`` says; ``model`` stays as it is.

    Raises:
        ArchError: ``mc`` of a net without dropout; weights that float16 cannot hold.
    """
    net = copy.deepcopy(model).cpu().float().eval().requires_grad_(False)
    merge(net)
    if form.mc:
        _own_masks(net)
        enliven(net)
    if form.folded:
        fold(net)
    if form.half:
        _check_range(net)
        net.half()
    if not (form.preprocess or form.softmax or form.half or form.scales or form.heads):
        return net
    return Deployed(net, form)


def _own_masks(net: nn.Module) -> None:
    """Dropout as a comparison with uniform numbers. ONNX has an operator for it, but onnxruntime 1.32 seeds that
    operator's generator with one number more at each call, and takes the first draws of such generators as they come:
    the first value of a batch is then kept, or dropped, in every call alike."""
    for path, module in list(net.named_modules()):
        if isinstance(module, nn.Dropout | nn.Dropout2d) and path:
            net.set_submodule(path, layers.PhasedDropout(module.p, channels=isinstance(module, nn.Dropout2d)))


class Deployed(nn.Module):
    """Normalisation, the network, softmax or the units of the targets; of several heads a tuple of their outputs."""

    scale: Tensor
    shift: Tensor
    unit: Tensor
    origin: Tensor

    def __init__(self, net: nn.Module, form: Form) -> None:
        super().__init__()
        self.net, self.form = net, form
        if form.preprocess:
            shape = (1, -1, *(1,) * (len(form.input) - 1))
            scale, shift = coefficients(form.mean, form.std, 255 if len(form.input) == 3 else 1)
            self.register_buffer("scale", scale.float().view(shape))
            self.register_buffer("shift", shift.float().view(shape))
        self.scales = form.scales is not None
        if form.scales is not None:
            unit, origin = form.scales
            self.register_buffer("unit", torch.tensor(unit))
            self.register_buffer("origin", torch.tensor(origin))
        self.training = net.training

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        form = self.form
        if form.preprocess == "nhwc":
            x = x.permute(0, 3, 1, 2).contiguous()  # else convolutions on CPUs take other paths, with more nodes
        if form.preprocess:
            x = x.float() * self.scale + self.shift
        if not isinstance(form.input, Ids):
            x = x.half() if form.half else x.float()
        x = self.net(x)
        if form.softmax:
            x = x.float().softmax(-1 if form.task.name == "tokens" else 1)
        if self.scales:
            x = x.float() * self.unit + self.origin
        x = x.half() if form.half_ends else x.float()
        return x.split(list(form.heads.values()), 1) if form.heads else x


def check(model: nn.Module) -> None:
    """Refuse what no fixed graph can do, and weights that no comparison can vouch for.

    Raises:
        ArchError: an adaptive solver; NaN or infinity among the weights.
    """
    for name, module in model.named_modules():
        if isinstance(module, layers.Ode) and module.solver == "dopri5":
            raise ArchError(
                f"`ode` at {name or 'the top'} has no ONNX form: dopri5 chooses its steps by the values "
                "that arrive, and a graph is fixed",
                help="write ode(…, solver=rk4, steps=4), or export the source: model.py",
            )
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ArchError(f"the weights {name} hold NaN or infinity", help="export a run that did not diverge")


def _check_range(net: nn.Module) -> None:
    top = torch.finfo(torch.float16).max
    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point() and tensor.numel() and tensor.abs().max() > top:
            raise ArchError(
                f"float16 ends at {top:g}, and {name} holds {float(tensor.abs().max()):.3g}", help="leave --half out"
            )
