"""G5: 200 narrow cells (`vgg[16x2,32x2]` and its like, 20 nets × 10 seeds) on one GPU, from the command to the table.

`archdsl ablate` as it is (seeds of narrow nets trained as one net, several runs beside each other), the same with one
worker that trains seeds together, and with one worker that trains run after run. Without a GPU it ends with exit 4;
`--device cpu --images 256 --epochs 1 --seeds 2 --nets 2` tries the parts (and forces `--fuse`, which a CPU does not choose).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

from _timing import publish
from common import Work
from g4_archs import ablate, arguments, device_of, measured, pictures, table

NETS = [f"vgg[{a}x2,{b}x2] +bn{more}" for a in (8, 12, 16, 24, 32) for b in (16, 32) for more in ("", " +res")]
OURS, FUSED, SERIAL = "archdsl ablate", "one worker, seeds together", "one worker, run after run"


def main() -> None:
    """Measure and publish."""
    args = arguments(__doc__)
    device, seeds = device_of(args.device), args.seeds or 10
    nets = NETS[: args.nets]
    together = ("--fuse", "auto" if device == "cuda" else str(seeds))
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        pictures(args.parquet, home / "pictures", args.images)
        work = Work("", str(home / "pictures"), args.images, args.epochs, batch=args.batch)
        ways = {OURS: together, FUSED: (*together, "--jobs", "1"), SERIAL: ("--fuse", "off", "--jobs", "1")}
        sides = {
            side: lambda w=way: ablate(work, nets, seeds, home, "--device", device, *w) for side, way in ways.items()
        }
        raw = measured(sides, args.rounds, len(nets) * seeds)  # type: ignore[arg-type]
    title = f"G5: {len(nets)} narrow nets × {seeds} seeds, {args.images:,} images × {args.epochs} epochs on {device}"
    publish("g5_narrow", [table(title, raw, OURS)], {"nets": nets, "runs": raw}, ["torch"], args.out)


if __name__ == "__main__":
    main()
