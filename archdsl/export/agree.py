"""Whether what was written does what the network does: the same answers, or, where it draws, the same distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from archdsl.emit.memory import check_memory
from archdsl.errors import ArchError
from archdsl.export.deploy import Form
from archdsl.words.tasks import CLASSIFICATION, Regression, Task

BATCHES = (1, 2, 7)
TOLERANCE = 1e-4  # of the largest logit
TIE = 1e-5  # logits nearer to each other, as a fraction of the largest, may change places by rounding
HALF = 2e-2  # the same of float16, which has eleven bits
PASSES = 128  # with dropout alive, over the largest batch
SIGMAS = 6.0  # of a mean over the passes; chance alone goes beyond it less than once in 10⁸
OTHER_OPSET, SOURCE = "another --opset may do better; ", "the source always does: model.py"  # what to do instead
FEW_DIGITS = f"leave --half-io out: float16 has about three digits, which may be too few for these targets; or {SOURCE}"

Runner = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Agreement:
    """differences: for each batch size tried, the largest difference to the network's answers, as a fraction of the
        largest of them. Numbers to predict are compared as they were trained, and the fraction is of 1 where none is larger.
        With dropout alive, the differences of the means over many passes, of probabilities as they are.
    spread: how far the answers to random inputs are apart, as a fraction of the largest; where it is not above the
        differences, the comparison says little (a LayerScale that starts at 1e-6 hides what is behind it).
    """

    differences: dict[int, float]
    spread: float


def agreement(run: Runner, reference: nn.Module, form: Form, what: str, seed: int = 0) -> Agreement:
    """Compare a runner with the network itself on random inputs.

    Args:
        run: what was written: a batch as the form takes it to its answers.
        reference: the module of ``form.plain``.
        what: who runs it, for messages.

    Raises:
        ArchError: they differ by more than rounding, or prefer another class, or the runner fails.
    """
    generator = torch.Generator().manual_seed(seed)
    differences: dict[int, float] = {}
    seen: list[np.ndarray] = []
    for batch in BATCHES:
        x = form.sample(batch, generator)
        given, wanted = asked(run, x.numpy(), batch, what), answers(reference, x)
        if not form.mc:
            differences[batch] = _compared(wanted, given, batch, what, form)
            wanted = _standardised(wanted, form)
        elif given.shape != wanted.shape or not np.isfinite(given).all():
            raise refusal(
                f"at batch {batch} {what} gives {given.shape}, or no finite numbers, and torch {wanted.shape}"
            )
        elif batch == BATCHES[-1]:
            wanted, differences[batch] = _drawn(run, reference, x, form)
            seen = []  # single passes are not mean values
        seen.append(wanted)
    every = np.concatenate(seen)
    return Agreement(differences, min(map(_spread, _heads(every, form))))


def _spread(answers: np.ndarray) -> float:
    return float(np.ptp(answers, 0).max()) / (float(np.abs(answers).max()) or 1.0)


def _heads(answers: np.ndarray, form: Form) -> list[np.ndarray]:
    """The answers of each of several heads by themselves; those of one output as they are."""
    return np.split(answers, np.cumsum(list(form.heads.values()))[:-1], 1) if form.heads else [answers]


def _standardised(answers: np.ndarray, form: Form) -> np.ndarray:
    """Numbers to predict as they were trained. In their units, a mean far from 0 or a target that is much larger than the others
    would hide every difference."""
    if form.scales is None:
        return answers
    unit, origin = (np.array(part) for part in form.scales)
    return (answers.astype(np.float64) - origin) / unit


def _rounded(answers: np.ndarray, form: Form) -> float:
    """How far standardised answers may be apart because those in units are float32."""
    if form.scales is None:
        return 0.0
    return float((2 * np.finfo(np.float32).eps * np.abs(answers).max(0) / np.array(form.scales[0])).max())


def _compared(wanted: np.ndarray, given: np.ndarray, batch: int, what: str, form: Form) -> float:
    """The largest difference, of each of several heads by the largest of its own answers."""
    loose = HALF if form.half else None
    if given.shape != wanted.shape:
        return compare(wanted, given, batch, what)
    rounded = None if form.scales is None else _rounded(wanted, form)
    help = FEW_DIGITS if form.half_ends and form.scales is not None else ""
    wanted, given = _standardised(wanted, form), _standardised(given, form)
    if not form.heads:
        return compare(wanted, given, batch, what, loose, form.task, rounded, help)
    parts = zip(_heads(wanted, form), _heads(given, form), form.tasks.items(), strict=True)
    return max(
        compare(
            w,
            g,
            batch,
            f"head {name} of {what}",
            loose,
            task,
            *((rounded, help) if isinstance(task, Regression) else ()),
        )
        for w, g, (name, task) in parts
    )


def answers(reference: nn.Module, x: torch.Tensor) -> np.ndarray:
    """What the network says, float32; several outputs side by side.

    Raises:
        ArchError: NaN or infinity.
    """
    with torch.no_grad():
        said = reference(x.float() if x.dtype is torch.float16 else x.clone())
        wanted: np.ndarray = (torch.cat(said, 1) if isinstance(said, tuple) else said).numpy()
    if not np.isfinite(wanted).all():
        raise ArchError(
            "the network gives NaN or infinity for random inputs, so nothing can be compared",
            help="export a run that trained; a deep net without normalisation may need one",
        )
    return wanted


def asked(run: Runner, x: np.ndarray, batch: int, what: str) -> np.ndarray:
    """What the runner says."""
    try:
        return run(x)
    except Exception as error:  # onnxruntime's exceptions share no base class
        check_memory(error)
        raise refusal(f"{what} fails at batch {batch}: {str(error).splitlines()[0]}") from error


def compare(
    wanted: np.ndarray,
    given: np.ndarray,
    batch: int,
    what: str = "it",
    loose: float | None = None,
    task: Task = CLASSIFICATION,
    rounded: float | None = None,
    help: str = "",
) -> float:
    """The largest difference as a fraction of the largest answer; ``loose`` is in for both tolerances. Answers are those of a
    net for the ``task``. Of standardised numbers ``rounded`` is allowed besides, and answers near 0, the mean of the targets, are
    compared by the standard deviation of the targets. ``help``: the remedy where they differ too much.

    Raises:
        ArchError: it is too large, or the first choice of an example is another one.
    """
    allowed, tie = (TOLERANCE, TIE) if loose is None else (loose, loose)
    if given.shape != wanted.shape:
        raise refusal(f"at batch {batch} {what} gives {given.shape}, and torch {wanted.shape}")
    scale = max(float(np.abs(wanted).max()), 0.0 if rounded is None else 1.0) or 1.0
    difference = float(np.abs(given.astype(wanted.dtype) - wanted).max()) / scale
    if not difference <= allowed + (rounded or 0.0) / scale:  # NaN too
        raise refusal(
            f"at batch {batch} {what} differs from torch by {difference:.2g} of the largest answer; "
            f"{allowed:g} is allowed",
            help,
        )
    if not task.counted:
        return difference
    wanted, given = (task.rows(torch.from_numpy(answer)).numpy() for answer in (wanted, given))
    rows = np.arange(len(wanted))
    lead = wanted.max(1) - wanted[rows, given.argmax(1)]  # what torch thinks of the class that is preferred
    if (lead > tie * scale).any():
        raise refusal(
            f"at batch {batch} {what} prefers another class than torch for {int((lead > tie * scale).sum())} "
            f"of {len(wanted)} random inputs"
        )
    return difference


def _drawn(run: Runner, reference: nn.Module, x: torch.Tensor, form: Form) -> tuple[np.ndarray, float]:
    """The mean answers of torch over many passes, probabilities where the task has classes, and how far those of the runner are
    from them; numbers as a fraction of the largest."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        said = [answers(reference, x) for _ in range(PASSES)]
    wanted = np.stack([_averaged(one, form) for one in said])
    given = np.stack([_averaged(run(x.numpy()), form) for _ in range(PASSES)])
    if (wanted != wanted[:1]).any() and (given == given[:1]).all():
        raise refusal("dropout should be active in it, and two passes over one batch are equal")
    scale = 1.0 if form.task.counted else max(float(np.abs(wanted).max()), 1.0 if form.scales else 0.0) or 1.0
    difference = np.abs(given.mean(0) - wanted.mean(0)) / scale
    error = np.sqrt((wanted.var(0) + given.var(0)) / PASSES) / scale
    if not (difference <= SIGMAS * error + TOLERANCE + _rounded(said[0], form) / scale).all():
        raise refusal(
            f"with active dropout its mean over {PASSES} passes is {difference.max():.2g} away from torch's, "
            f"more than {SIGMAS:g} standard errors"
        )
    return wanted.mean(0), float(difference.max())


def _averaged(given: np.ndarray, form: Form) -> np.ndarray:
    """What is averaged over the passes: probabilities of classes, or the numbers themselves."""
    given = given.astype(np.float64)
    if form.softmax or not form.task.counted:
        return _standardised(given, form)
    axis = -1 if form.task.name == "tokens" else 1
    grown = np.exp(given - given.max(axis, keepdims=True))
    return np.asarray(grown / grown.sum(axis, keepdims=True))


def refusal(why: str, help: str = "") -> ArchError:
    """What is said of a file that gets no name."""
    return ArchError(
        f"the export is refused and no file is left: {why}",
        help=help or f"{OTHER_OPSET}{SOURCE}",
    )
