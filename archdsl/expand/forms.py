"""What belongs to the language itself and is not an entry of the registry: statements, signs, and names in arithmetic."""

from __future__ import annotations

FORMS = {
    "let": "let name = …, let f(c, s=1) = …: a constant or a block of one's own; parameters may be numbers or networks. "
    "f[64x2, 128x2] is a family of such blocks: the width for the first parameter, stride 2 for `s` where a later stage begins, "
    "a parameter `down` for the network between two stages.",
    "net": "net …: the network; the word may be left out.",
    "data": "data NAME …: the data set, its split and its augmentation (`archdsl words data`).",
    "train": "train …: optimiser, schedule and length of training (`archdsl words train`).",
    "evaluate": "evaluate …: what is measured of the trained net, and on which images (`archdsl words evaluate`).",
    "include": 'include "other.arch": the lets of another file.',
    "input": "input 3x32x32, input 64, input 128 ids(256): what arrives, an image (channels first), a vector, or ids.",
    "ids": "input 128 ids(256): a sequence of 128 ids, whole numbers from 0 to 255; `embed` turns it into tokens.",
    "classes": "classes 10: how many there are; `linear(classes)` reads it.",
    "task": "task segmentation: what the output is for, where no data set says it: classification (the default), regression, "
    "segmentation, tokens, heads (several outputs), or features (any output).",
    "as": "a as x: names the value at this point; `@x` continues from it.",
    "@": "@x: continues from the value that `as x` named.",
    "cin": "the channels that arrive at the `let` whose body contains it; outside any `let`, at the word itself.",
    "id": "nothing: the empty branch, and the empty network as an argument.",
    "*": "(a b)*3: copies with weights of their own; in a stage list `64x2*3`, equal stages.",
    "^": "64x2^4: stages, each twice as wide as the one before.",
    "{": "{+bn | +ln | }, {1..4}, {64, 128}, {norm: …}: a choice left open; equal names vary together.",
    "min": "min(a, b, …): the smallest number.",
    "max": "max(a, b, …): the largest number.",
    "abs": "abs(a): without its sign.",
    "round": "round(a): the nearest whole number, halves up.",
    "ceil": "ceil(a): the next whole number up.",
    "floor": "floor(a): the next whole number down.",
    "round8": "round8(a), round8(a, 4): the nearest multiple of 8, or of 4, that loses at most a tenth (Howard et al. 2017).",
}
