import math

import pytest

from archdsl.report import Column, Table


@pytest.fixture
def nets() -> Table:
    """Every kind of column, and cells that each format must treat with care."""
    return Table(
        title="nets",
        columns=(
            Column("spec"),
            Column("params", "int"),
            Column("MACs", "compact", key="macs"),
            Column("size", "bytes"),
            Column("accuracy", "percent"),
            Column("loss", "float"),
        ),
        rows=(
            ("vgg[64x2,128x2] +res|+bn", 11_689_512, 1_814_073_344, 46_758_048, 0.9341, 0.2345678),
            ("a\tb\n\x1b[31mred, *bold* <b>", 10, 0, 40, None, math.nan),
            ("网络", 1_000, 999, 1024, 1.0, math.inf),
        ),
        footer=("total", 11_690_522, 1_814_074_343, 46_759_112, None, None),
        notes=("FLOPs = 2 × MACs",),
    )
