"""A text that a language model continues, token by token."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

import torch

from archdsl.emit.causal import LOOKS_AHEAD, looks_ahead
from archdsl.errors import ArchError
from archdsl.evaluate.load import Trained
from archdsl.seeds import stream


@torch.no_grad()
def continued(net: Trained, prompt: str, length: int, temperature: float = 1.0, seed: int = 0) -> Iterator[str]:
    """The characters that follow a prompt, one after the other; the net sees as many as its window holds.

    Args:
        temperature: divides the logits before a character is drawn; 0 takes the most probable one.

    Raises:
        ArchError: a character of the prompt is unknown to the net, the net sees later tokens or gives no numbers.
    """
    known = {name: n for n, name in enumerate(net.class_names)}
    unknown = next((c for c in prompt if c not in known), None)
    if unknown is not None:
        raise ArchError(
            f"the net does not know the character {unknown!r} of the prompt",
            help=f"it knows {' '.join(repr(c) if not c.strip() else c for c in net.class_names)}",
        )
    if isnan(temperature):
        raise ArchError(
            "the temperature is not a number", help="give one from 0 on: 1 is the distribution of the net itself"
        )
    size = net.input[0]
    ids = [known[c] for c in prompt] or [known.get("\n", 0)]
    generator = torch.Generator().manual_seed(stream(seed, "continuation"))
    for step in range(length):
        window = ids[-size:]
        x = torch.zeros(1, size, dtype=torch.int64)
        x[0, : len(window)] = torch.tensor(window)
        x = x.to(net.device)
        logits = net.model(x)[0, len(window) - 1].double().cpu()
        if not bool(logits.isfinite().all()):
            raise ArchError(
                "the output of the net is not finite, so that no character follows",
                help="its training has diverged: train it again at a smaller learning rate",
            )
        if not step and looks_ahead(net.model, x, len(known)):
            raise ArchError(LOOKS_AHEAD[0], help=f"train a net that does not: {LOOKS_AHEAD[1]}")
        if temperature == 0 or not bool(
            (logits / temperature).isfinite().all()
        ):  # so little that nothing else is drawn
            chosen = int(logits.argmax())
        else:
            chosen = int(torch.multinomial((logits / temperature).softmax(0), 1, generator=generator))
        ids.append(chosen)
        yield net.class_names[chosen]
