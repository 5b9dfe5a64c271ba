"""The functions of each part of the kernels, and what they take and give."""

from __future__ import annotations

import ctypes
from typing import Any, Literal

POINTER, LONG, INT = ctypes.c_void_p, ctypes.c_long, ctypes.c_int
FLOAT, DOUBLE = ctypes.c_float, ctypes.c_double
Part = Literal["conv", "norm", "batch", "separable", "partial", "dense", "tiles"]
_CONVOLVES: dict[str, list[Any]] = {
    "winograd": [POINTER] * 6 + [LONG] * 6 + [INT, POINTER, FLOAT, POINTER, INT],
    "winograd_filter": [POINTER, POINTER, LONG, LONG, POINTER, INT],
}
TAKEN: dict[Part, dict[str, list[Any]]] = {
    "conv": {
        **_CONVOLVES,
        "winograd_weight": [POINTER] * 4 + [LONG] * 6 + [POINTER, INT],
    },
    "norm": {
        "norm_forward": [
            *[POINTER] * 4,
            *[LONG] * 4,
            POINTER,
            POINTER,
            FLOAT,
            INT,
            *[POINTER] * 3,
            DOUBLE,
            POINTER,
            INT,
        ],
        "norm_backward": [*[POINTER] * 6, *[LONG] * 4, INT, *[POINTER] * 5, INT],
        "norm_apply": [POINTER, POINTER, LONG, LONG, POINTER, POINTER, INT, INT],
        "max_pool": [POINTER, POINTER] + [LONG] * 9 + [INT],
    },
    "batch": {"batch": [*[POINTER] * 2, *[LONG] * 4, *[POINTER] * 4, INT]},
    "separable": {"separable": [*[POINTER] * 9, *[LONG] * 7, POINTER, POINTER, INT]},
    "partial": _CONVOLVES,
    "dense": {
        "dense": [*[POINTER] * 5, *[LONG] * 3, FLOAT, INT, FLOAT, POINTER, INT],
        "dense_pair": [*[POINTER] * 3, INT, FLOAT, *[POINTER] * 4, *[LONG] * 4, FLOAT, INT, FLOAT, POINTER, INT],
        "depthwise_dense": [*[POINTER] * 3, FLOAT, *[POINTER] * 4, *[LONG] * 6, INT, FLOAT, POINTER, INT],
    },
    "tiles": {
        "tiles_convolve": [POINTER] * 5 + [LONG] * 6 + [INT, POINTER, INT],
        "tiles_weight": [POINTER] * 4 + [LONG] * 6 + [POINTER, INT],
        "joint_forward": [
            *[POINTER] * 7,
            *[LONG] * 6,
            *[POINTER] * 2,
            FLOAT,
            INT,
            *[POINTER] * 3,
            DOUBLE,
            *[POINTER] * 2,
            INT,
        ],
        "joint_backward": [*[POINTER] * 11, *[LONG] * 6, INT, *[POINTER] * 6, INT],
    },
}
# What gives a number: floats of a workspace, and of a vector.
GIVEN: dict[Part, dict[str, list[Any]]] = {
    "conv": {
        "winograd_workspace": [LONG] * 4,
        "winograd_weight_workspace": [LONG] * 4,
        "winograd_parts": [LONG] * 5 + [INT] * 2,
    },
    "norm": {},
    "batch": {"lanes": []},
    "separable": {"separable_workspace": [LONG] * 5 + [INT]},
    "partial": {"winograd_workspace": [LONG] * 4},
    "dense": {"dense_workspace": [LONG, INT]},
    "tiles": {
        "tiles_granted": [],
        "tiles_workspace": [LONG] * 7,
        "tiles_weight_workspace": [LONG] * 7,
        "joint_fits": [LONG] * 7,
        "joint_workspace": [LONG] * 7,
        "joint_back_workspace": [LONG] * 7,
    },
}
