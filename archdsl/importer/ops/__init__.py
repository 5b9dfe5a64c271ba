"""What PyTorch's functions are in words: ``OPS`` has for each name of a function a Python function with the arguments
of torch's own behind the steps, which adds words and gives a view (or several)."""

from archdsl.importer.ops.chance import CHANCE
from archdsl.importer.ops.heads import HEADS, OF_SCORES, OF_TURNED, OF_UNIT, OF_WEIGHT_SUMS
from archdsl.importer.ops.joins import JOINS
from archdsl.importer.ops.layers import LAYERS
from archdsl.importer.ops.moves import MOVES
from archdsl.importer.ops.norms import NORMS
from archdsl.importer.ops.outlooks import OF_SPREAD, Mixed, Mixing, Spread, fold
from archdsl.importer.ops.paths import PATHS
from archdsl.importer.ops.pointwise import POINTWISE
from archdsl.importer.ops.pools import POOLS
from archdsl.importer.ops.pools1 import POOLS1
from archdsl.importer.ops.products import OF_KEYED, OF_SUMS, OF_WEIGHTED, Keyed, Ones, Summed, Weighted
from archdsl.importer.ops.reshapes import RESHAPES
from archdsl.importer.ops.scores import Scores, Sums, Unit
from archdsl.importer.ops.sequences import OF_STATES, SEQUENCES, Last
from archdsl.importer.ops.sizes import SIZES
from archdsl.importer.ops.turning import Turned
from archdsl.importer.ops.windows import WINDOWS

OPS = {
    **LAYERS,
    **POINTWISE,
    **POOLS,
    **POOLS1,
    **RESHAPES,
    **JOINS,
    **CHANCE,
    **HEADS,
    **MOVES,
    **PATHS,
    **NORMS,
    **WINDOWS,
    **SEQUENCES,
    **SIZES,
    "fold": fold,
}

# torch.export gives operators of ATen; these take their arguments in another order than the functions.
ATEN = {"batch_norm": "aten_batch_norm", "group_norm": "aten_group_norm", "instance_norm": "aten_instance_norm"}

# Values that the language has no tensor for, what they are called, and what may be done to them.
OF_KIND = (
    (Spread | Mixing | Mixed, "neighbourhoods of pixels that overlap", OF_SPREAD),
    (Keyed, "keys and values of linear attention", OF_KEYED),
    (Ones, "padding with other values than zeros", OF_KEYED),
    (Summed, "sums of values for queries", OF_SUMS),
    (Weighted, "branches with learnt weights", OF_WEIGHTED),
    (Scores, "products of queries and keys", OF_SCORES),
    (Sums, "sums of weights of attention", OF_WEIGHT_SUMS),
    (Unit, "unit vectors", OF_UNIT),
    (Turned, "queries and keys that are turned", OF_TURNED),
    (Last, "the last states of a recurrent layer", OF_STATES),
)

__all__ = ["ATEN", "OF_KIND", "OPS"]
