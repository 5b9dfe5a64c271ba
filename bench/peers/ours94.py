"""specs/airbench94.arch on CIFAR-10: a JSON line with the seconds and the accuracy of each run."""

from __future__ import annotations

import json
import sys
import time

import torch

from archdsl.api import experiment_of, load
from archdsl.emit.build import build
from archdsl.runs.events import Finished
from archdsl.train.distributed import Distributed
from archdsl.train.loop import Training
from archdsl.train.options import FitOptions
from archdsl.train.prepare import prepare

about = json.loads(sys.argv[1])
for number in range(-1, about["runs"]):  # the first one warms the kernels up
    spec = load("specs/airbench94.arch", set=[f"train.seed={number + 1}"])
    begun = time.perf_counter()
    options = FitOptions(device=about["device"], data_root=about["parquet"])
    setup = prepare(build(spec.trace), experiment_of(spec), options, Distributed(), lambda: False)
    torch.cuda.synchronize()
    ready = time.perf_counter()
    last = list(Training(setup.job).events())[-1]  # the whole run and its test, capture of the graph included
    torch.cuda.synchronize()
    assert isinstance(last, Finished), last
    if number >= 0:
        facts = {"seconds": time.perf_counter() - ready, "setup": ready - begun, "accuracy": last.test_accuracy}
        print("RUN " + json.dumps({**facts, "notes": setup.started.notes}), flush=True)
