"""How often the net is asked."""

from __future__ import annotations

from typing import Annotated

from archdsl.registry import Range, evaluation_word, setting
from archdsl.words.evaluation.base import Passes

MOST = 10_000


@evaluation_word("mc", "mc(50)", slot="passes", paper="Gal & Ghahramani 2016, arXiv:1506.02142")
@setting
class Mc(Passes):
    """Monte Carlo dropout: the probabilities of so many passes with active dropout, averaged.

    Without the word there is one pass with dropout off. `mc(1)` is one pass with dropout active. `test_information` is the
    mutual information of prediction and weights, `test_entropy` the entropy of the averaged prediction.
    """

    passes: Annotated[int, Range(1, MOST)] = 20
