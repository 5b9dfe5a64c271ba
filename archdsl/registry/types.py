"""The annotations of a word's parameters. Each is an ordinary type to a type checker, with its bounds beside it."""

from __future__ import annotations

from typing import Annotated, Any

from archdsl.registry.params import Base, Flag, Range

MOST = 999_999_999  # nine digits, see archdsl.limits

# (c, h, w) an image, (n, d) tokens, (d,) a vector, or archdsl.registry.shapes.Ids; no batch
Shape = tuple[int, ...]

Count = Annotated[int, Range(1, MOST)]
Channels = Annotated[int, Range(1, MOST)]
Natural = Annotated[int, Range(0, MOST)]
Whole = Annotated[int, Range(-MOST, MOST)]
Size = Annotated[Any, Base("size"), Range(1, MOST)]  # 3, or (1, 7) written 1x7
Padding = Annotated[Any, Base("size"), Range(0, MOST)]
Rate = Annotated[float, Base("share"), Range(0, 1, open=True)]  # a dropout rate; 1 would drop everything
Share = Annotated[float, Base("share"), Range(0, 1)]
Early = Annotated[float, Base("share"), Range(0, 1), Flag(0.5)]
Late = Annotated[float, Base("share"), Range(0, 1), Flag(0.5)]
Amount = Annotated[Any, Base("amount"), Range(0, MOST)]  # a count (int) or a share (float)
Positive = Annotated[float, Range(1e-300, 1e300)]
NonNegative = Annotated[float, Range(0, 1e300)]
Real = Annotated[float, Range(-1e300, 1e300)]
Ints = Annotated[tuple[int, ...], Base("ints")]
Floats = Annotated[tuple[float, ...], Base("floats")]
Labels = Annotated[Any, Base("layers")]  # `stem` or `stem..stage2`: an archdsl.registry.layer_range.LayerRange
Block = Annotated[Any, Base("block")]  # the number of a block, from 1, or the label of a part of the network
Blocks = Annotated[Any, Base("blocks")]  # several of them; takes all arguments without a name
Source = Annotated[str, Base("source")]  # a string, or `arm NAME`, which is the string "arm:NAME"
Act = Annotated[str, Base("act")]  # the name of a layer with the trait `act`, which needs no argument
Net = Annotated[Any, Base("node")]  # a network as an argument: an IR node
