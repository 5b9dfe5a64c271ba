"""A network as a file of Python with its weights beside it: needs torch and safetensors, and proves itself when run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import gcd, prod
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.emit.source import source
from archdsl.export.target import replacing_several
from archdsl.ir.fans import heads_of
from archdsl.registry.shapes import Ids

if TYPE_CHECKING:
    from torch import Tensor, nn

    from archdsl.ir.trace import Trace
    from archdsl.registry.types import Shape

Scales = tuple[tuple[float, ...], tuple[float, ...]]  # factors and summands, one for each value
SUFFIX = ".safetensors"  # of the file of weights, beside that of Python
PROBES = 2  # images whose logits the file remembers
MOST = 20_000  # of their logits; more of them are a sample. They are in a header, which may have no more than 100 MB

# No random numbers: another version of torch may draw others.
_TAIL = '''

def probe():
    """A batch of inputs to compare by: (N, {input})."""
    {probe}


def weights():
    """The file of weights: beside this one, or beside the file that this is a link to."""
    from pathlib import Path

    places = [file.with_name({weights!r}) for file in (Path(__file__).resolve(), Path(__file__))]
    return next((place for place in places if place.exists()), places[0])


def load(path=None, kind={network}):
    """The network in eval mode with the weights of a safetensors file, by default the one beside this file."""
    from safetensors.torch import load_file

    network = kind()
    network.load_state_dict(load_file(path or weights()))
    return network.eval()


def check():
    """Compare with the logits that the file of weights remembers; the largest difference relative to the largest logit."""
    import json

    from safetensors import safe_open

    with safe_open(weights(), "pt") as file:
        wanted = torch.tensor(json.loads(file.metadata()["archdsl.probe"]), dtype=torch.float64)
    with torch.no_grad():
        given = load(kind=Network)(probe()).double(){sample}
    return float((given - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30))


if __name__ == "__main__":
    difference = check()
    verdict = "ok" if difference <= 1e-4 else "WRONG"
    print(f"{{verdict}}: the logits differ from those at the export by {{difference:.1e}} of the largest")
    raise SystemExit(verdict != "ok")
'''

_UNITS = '''

# By what each value is multiplied, and what is added to it, to have the units of the targets.
UNIT, ORIGIN = {unit}, {origin}


class InUnits(Network):
    """The network with its values in the units of the targets; ``Network`` gives them standardised, as it was trained."""

    def forward(self, x):
        values = super().forward(x)
        return values * values.new_tensor(UNIT) + values.new_tensor(ORIGIN)
'''


def write(
    trace: Trace,
    path: Path,
    title: str,
    model: nn.Module | None = None,
    metadata: Mapping[str, str] | None = None,
    scales: Scales | None = None,
) -> dict[str, int]:
    """Write ``path``, and with a model its weights as safetensors beside it; the bytes of each file.

    With weights, the file has ``load()``, which gives the network with them in eval mode, and run as a program it
    compares its logits with the model's: on this machine they are the same bits.

    Args:
        scales: of a model, what its values have to be scaled by for the units of the targets; ``load()`` gives those.

    Raises:
        EnvError: the place cannot be written. Neither file is left.
    """
    with replacing_several(path) as file:
        weights = file.with_suffix(SUFFIX)
        file.write_text(_text(trace, title.strip(), weights.name if model is not None else None, scales), "utf-8")
        if model is not None:
            _save(model, weights, trace.input, metadata or {})
        return {part.name: part.stat().st_size for part in file.parent.iterdir()}


def _text(trace: Trace, title: str, weights: str | None, scales: Scales | None) -> str:
    """The content of the file of Python; ``weights`` is the name of the file of weights, None where there is none."""
    if weights is None:
        return source(trace, title + _columns(trace))
    units = ", in the units of the targets: value * UNIT + ORIGIN" if scales is not None else ""
    how = f"\n\nWeights: {weights}, beside this file; `load()` gives the network with them{units}."
    text = source(trace, title + _columns(trace) + how)
    if "\nimport torch\n" not in text:
        text = text.replace("\nfrom torch import nn\n", "\nimport torch\nfrom torch import nn\n", 1)
    if scales is not None:
        text += _UNITS.format(unit=scales[0], origin=scales[1])
    network, shape = "InUnits" if scales is not None else "Network", ", ".join(map(str, trace.input))
    every = _every(prod(trace.out))
    sample = f".flatten()[::{every}]" if every > 1 else ""
    return text + _TAIL.format(input=shape, probe=_probe(trace.input), weights=weights, network=network, sample=sample)


def _columns(trace: Trace) -> str:
    """Of several heads, which columns of the output are theirs."""
    heads, end, parts = heads_of(trace), 0, []
    for name, size in heads.items():
        parts.append(f"{name} [:, {end}:{end + size}]")
        end += size
    return f"\n\nHeads: {', '.join(parts)} of the output (N, {end})." if heads else ""


def _every(size: int) -> int:
    """Of outputs with so many numbers, the file remembers every so many-th: some of each channel, row and column."""
    every = -(-PROBES * size // MOST)
    while gcd(every, size) > 1:
        every += 1
    return every


def _probe(shape: Shape) -> str:
    """The statements that make the inputs of which the file remembers the logits."""
    count, sizes = PROBES * prod(shape), ", ".join(map(str, shape))
    made = (
        f"torch.arange(count) * 7919 % {shape.vocabulary}"
        if isinstance(shape, Ids)
        else "(torch.arange(count, dtype=torch.float64) * 0.7).sin().float()"
    )
    return f"count = {count}\n    return ({made}).view({PROBES}, {sizes})"


def _probes(shape: Shape) -> Tensor:
    """The same inputs."""
    import torch

    numbers = torch.arange(PROBES * prod(shape), dtype=torch.float64)
    made = numbers.long() * 7919 % shape.vocabulary if isinstance(shape, Ids) else (numbers * 0.7).sin().float()
    return made.view(PROBES, *shape)


def _save(model: nn.Module, file: Path, shape: tuple[int, ...], metadata: Mapping[str, str]) -> None:
    from safetensors.torch import save

    state = {k: v.detach().contiguous() for k, v in model.state_dict().items()}
    logits = _logits(model, shape).double()
    if (every := _every(logits[0].numel())) > 1:
        logits = logits.flatten()[::every]
    about = {**metadata, "archdsl.probe": json.dumps(logits.tolist())}
    file.write_bytes(save(state, about))


def _logits(model: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """What the model says of the probe of the file."""
    import copy

    import torch

    with torch.no_grad():
        found: Tensor = copy.deepcopy(model).cpu().float().eval()(_probes(shape))
    return found
