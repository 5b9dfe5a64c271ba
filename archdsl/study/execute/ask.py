"""Under which conditions this machine would make a study's runs, before any worker is up."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict

from archdsl.errors import EnvError
from archdsl.processes import environment, python
from archdsl.study.execute.local import START
from archdsl.study.execute.messages import RunOptions

ASK = """\
import json, sys
from archdsl.study.execute.cell import conditions
from archdsl.study.execute.messages import RunOptions
print(json.dumps(conditions(RunOptions(**{**json.loads(sys.argv[1]), "again": ()}))))
"""


def conditions(options: RunOptions) -> dict[str, str]:
    """The conditions under which workers of this machine would make runs. A process of its own finds out: what torch takes
    on a GPU to answer stays taken.

    Raises:
        EnvError: it cannot say.
    """
    threads = str(options.threads)
    try:
        done = subprocess.run(
            python("-c", ASK, json.dumps(asdict(options))),
            env=environment(OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads),
            timeout=START,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        words = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise EnvError(
            f"a worker did not start: {words[-1] if words else error}",
            help="`archdsl train` with the same spec shows details",
        ) from error
    return found
