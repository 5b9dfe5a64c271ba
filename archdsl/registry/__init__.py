"""What a word is, and the one place that knows them all.

A word is one decorated function: its name is the word, its signature the arguments, its annotations the bounds, its
docstring the help, its examples the tests. A data, train or metric word is a decorated class: a frozen dataclass, whose fields
are the arguments. Nothing is read from signature and fields before the word is used.
"""

from __future__ import annotations

from archdsl.registry.entry import (
    Entry,
    Kind,
    block,
    data_word,
    evaluation_word,
    family,
    join,
    late,
    metric_word,
    modifier,
    op,
    proxy_word,
    train_word,
)
from archdsl.registry.guard import WordFault, carry, gives, is_figure, is_number, wrong
from archdsl.registry.lookup import entries, find, find_own, load_packages, names, register
from archdsl.registry.params import MISSING, Arg, Range, defaults, nets, params, value_of
from archdsl.registry.phases import Phase
from archdsl.registry.value import Setting, Value, setting

__all__ = [
    "MISSING",
    "Arg",
    "Entry",
    "Kind",
    "Phase",
    "Range",
    "Setting",
    "Value",
    "WordFault",
    "block",
    "carry",
    "data_word",
    "defaults",
    "entries",
    "evaluation_word",
    "family",
    "find",
    "find_own",
    "gives",
    "is_figure",
    "is_number",
    "join",
    "late",
    "load_packages",
    "metric_word",
    "modifier",
    "names",
    "nets",
    "op",
    "params",
    "proxy_word",
    "register",
    "setting",
    "train_word",
    "value_of",
    "wrong",
]
