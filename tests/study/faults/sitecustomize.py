"""Found by every Python that starts with this folder in PYTHONPATH: the call that FAULT names (`write 3 28`: the third
`os.write` to a file in a folder `runs`, with ENOSPC) fails once, in each process.
"""

from __future__ import annotations

import os
from typing import Any

if os.environ.get("FAULT"):
    _name, _at, _number = os.environ["FAULT"].split()
    _real, _seen = getattr(os, _name), [0]

    def _fails(first: Any, *args: Any, **more: Any) -> Any:
        path = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else os.path.abspath(os.fspath(first))
        if "/runs/" in str(path) and not str(path).endswith(".log"):
            _seen[0] += 1
            if _seen[0] == int(_at):
                raise OSError(int(_number), os.strerror(int(_number)))
        return _real(first, *args, **more)

    setattr(os, _name, _fails)
