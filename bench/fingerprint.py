"""What a data set's fingerprint costs: 60,000 small pictures in a folder, at the first look, at the second, and after one
file has changed; and what the bare question to the system costs for each of them.

python bench/fingerprint.py [PICTURES]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from archdsl.data.fingerprint import fingerprint
from archdsl.words.data.folders import Folder

CLASSES, BYTES = 10, 800  # a picture of 28x28 as PNG has about so many


def made(root: Path, pictures: int) -> None:
    """A tree of files that are called pictures; nothing decodes them here. They are an hour old."""
    then = time.time() - 3600
    for number in range(pictures):
        part = "test" if number % 7 == 0 else "train"
        folder = root / part / f"class{number % CLASSES}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number:06}.png"
        path.write_bytes(number.to_bytes(8, "big") + os.urandom(BYTES - 8))
        os.utime(path, (then, then))


def main(pictures: int) -> None:
    """Print a line a look."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "data"
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        made(root, pictures)
        time.sleep(2.5)  # files that have just been written are not trusted: see archdsl.data.remembered
        data = Folder(str(root), 28)
        for what in ("first look", "second look", "third look", "one file changed"):
            if what == "one file changed":
                (root / "train" / "class1" / "000001.png").write_bytes(b"another")
                time.sleep(2.5)
            began, busy = time.perf_counter(), time.process_time()
            found = fingerprint(data)
            passed, used = time.perf_counter() - began, time.process_time() - busy
            print(f"{what:<18} {passed:6.2f} s, {used:5.2f} s of the processors  {found[:8]}")
        began, busy = time.perf_counter(), time.process_time()
        for folder, _, names in os.walk(root):
            for name in names:
                os.stat(os.path.join(folder, name))
        passed, used = time.perf_counter() - began, time.process_time() - busy
        print(f"{'os.stat alone':<18} {passed:6.2f} s, {used:5.2f} s of the processors")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60_000)
