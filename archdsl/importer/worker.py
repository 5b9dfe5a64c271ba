"""Runs a stranger's file in a process of its own, so that whatever it does ends with it: ``python -m
archdsl.importer.worker``, a request as JSON on standard input, the answer as the last line on standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from textwrap import shorten
from typing import IO, Any

from archdsl.errors import ArchError, EnvError
from archdsl.importer.sources import Named
from archdsl.processes import adopting, end_tree

ANSWER = "archdsl-import: "  # what the file prints itself is not the answer


def in_process(source: Named, shape: tuple[int, ...] | None, unused: bool, seconds: float) -> dict[str, Any]:
    """Import a file's network in another process: its text, and what the gate saw, as plain values.

    Raises:
        ArchError: what the import raised there, with its exit code; or it did not end in time, or not well.
    """
    assert source.path is not None
    if not source.path.is_file():
        raise ArchError(f"there is no file {source.path}", help="check the path")
    request = {"name": source.name, "path": str(source.path), "shape": shape, "unused": unused}
    with _paper() as out, _paper() as talk:
        with adopting():  # a process that the file started may have left the group, and its parent may be gone
            process = subprocess.Popen(
                [sys.executable, "-m", "archdsl.importer.worker"],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=talk,
                text=True,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            try:
                process.communicate(json.dumps(request), timeout=seconds)
            except subprocess.TimeoutExpired:
                raise ArchError(
                    f"{source} did not end within {seconds:g} seconds", help="--time gives it more"
                ) from None
            finally:
                _end(process)
        out.seek(0)
        talk.seek(0)
        answers = [line for line in out.read().splitlines() if line.startswith(ANSWER)]
        said = talk.read().strip().splitlines()
    if not answers:
        raise ArchError(
            f"{source} ended with code {process.returncode} and no answer"
            + (f": {shorten(said[-1], 200, placeholder=' …')}" if said else ""),
            help="`python FILE` may show why",
        )
    answer: dict[str, Any] = json.loads(answers[-1].removeprefix(ANSWER))
    if "error" in answer:
        raise ArchError(answer["error"], help=answer["help"], exit_code=answer["exit_code"])
    return answer


def _paper() -> IO[str]:
    """A file for what a stranger's file says, in whatever bytes."""
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def _end(process: subprocess.Popen[str]) -> None:
    """The process and what it started are gone when this returns; `adopting` ends those that left both."""
    end_tree(process.pid)
    process.wait()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    from archdsl.emit.memory import REMEDY, is_out_of_memory
    from archdsl.importer.importing import imported

    shape = tuple(request["shape"]) if request["shape"] else None
    try:
        found = imported(Named("file", request["name"], Path(request["path"])), shape, request["unused"])
    except ArchError as error:
        return {"error": error.message, "help": error.help, "exit_code": error.exit_code}
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return {"error": "not enough memory for the import", "help": REMEDY, "exit_code": EnvError.exit_code}
    return {"text": found.text, "report": asdict(found.report)}


if __name__ == "__main__":
    done = json.dumps(_answer(json.loads(sys.stdin.read())))
    sys.stdout.write(f"\n{ANSWER}{done}\n")
    sys.stdout.flush()
    os._exit(0)  # threads that the file started do not hold the answer back
