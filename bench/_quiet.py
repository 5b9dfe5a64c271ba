"""Imported before torch: how long its threads wait for work is that of `archdsl eval`, `predict` and `bench`."""

from archdsl.accelerate.threads import yield_cores

yield_cores(short=True)
