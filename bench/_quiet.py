"""Imported before torch: its threads sleep soon after their work, as in our commands, and leave the cores to the contender behind."""

from archdsl.accelerate.threads import yield_cores

yield_cores()
