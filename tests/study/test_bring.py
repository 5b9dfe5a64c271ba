"""Runs of nodes that have a store of their own: each is put where the study looks for it, and takes nothing away."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archdsl.errors import StoreError
from archdsl.runs.run import find_run, load_run, place_of
from archdsl.runs.store.lock import RunLocked, lock_run
from archdsl.runs.writer import RunFolder
from archdsl.settings.experiment import Experiment
from archdsl.study.execute.bring import bring, files_of
from archdsl.study.execute.cluster import Cluster
from archdsl.study.execute.messages import RunOptions, RunRequest, RunResult
from archdsl.study.execute.requested import experiment_for, spec_of
from tests.cli.folders import finished as result

TEXT = "net conv(2, s=8) gap linear(10)\ndata fashion-mini subset(32)\ntrain sgd(0.1) epochs(1) batch(16)\n"
STATE = {"w": torch.arange(6.0)}


def request(letter: str, text: str = TEXT) -> RunRequest:
    """For a run on data of another fingerprint."""
    return RunRequest(letter, "net", text, data=letter * 64)


def experiment(asked: RunRequest) -> Experiment:
    return experiment_for(asked, spec_of(asked))


def begun(out: Path, asked: RunRequest) -> RunFolder:
    folder = RunFolder.open(out, experiment(asked))
    folder.describe("cpu", {"precision": "fp32"}, {})
    return folder


def finished(out: Path, asked: RunRequest, **figures: float) -> Path:
    folder = begun(out, asked)
    folder.finish(STATE, result(**figures))
    folder.close()
    return folder.path


def test_a_run_on_other_data_stays_as_it_is(tmp_path: Path) -> None:
    here, node = tmp_path / "here", tmp_path / "node"
    old, new = request("a"), request("b")
    first, made = finished(here, old), finished(node, new)
    assert made.name == first.name  # the node has no run of that name
    before = files_of(first)
    cluster = Cluster(RunOptions(str(here)), None)
    ended = RunResult(new.key, "finished", folder=str(made))
    assert cluster._stored(new, ended, files_of(made)) == ended
    assert files_of(first) == before
    run = find_run(here, experiment(new))
    assert run is not None
    assert (run.done, run.folder.name) == (True, f"{first.name}-2")
    assert files_of(run.folder) == files_of(made)
    assert not (run.folder / "claim.json").exists()


def test_a_run_of_a_node_with_older_runs_is_found(tmp_path: Path) -> None:
    here, node = tmp_path / "here", tmp_path / "node"
    finished(node, request("a"))
    made = finished(node, request("b"))
    assert made.name.endswith("-2")
    bring(here, request("b"), files_of(made))
    run = find_run(here, experiment(request("b")))
    assert run is not None
    assert run.done


def test_a_run_that_has_not_ended_takes_nothing_away(tmp_path: Path) -> None:
    here, node, asked = tmp_path / "here", tmp_path / "node", request("a")
    unfinished = begun(node, asked)
    unfinished.note({"status": "timeout"})
    unfinished.close()
    own = begun(here, asked)
    own.save(STATE, {"step": 3})
    own.close()
    bring(here, asked, files_of(unfinished.path))
    assert load_run(own.path).result is None
    bring(here, asked, files_of(finished(node, asked)))
    kept = files_of(own.path)
    assert load_run(own.path).done
    assert not list(own.path.glob("checkpoint-*"))
    bring(here, asked, {name: data for name, data in kept.items() if name != "result.json"})
    assert files_of(own.path) == kept


def test_a_run_that_another_process_writes_is_asked_for_later(tmp_path: Path) -> None:
    here, asked = tmp_path / "here", request("a")
    files = files_of(finished(tmp_path / "node", asked))
    place_of(here, experiment(asked)).mkdir(parents=True)
    lock = lock_run(place_of(here, experiment(asked)))
    with pytest.raises(RunLocked):
        bring(here, asked, files)
    cluster = Cluster(RunOptions(str(here)), None)
    assert cluster._stored(asked, RunResult("a", "finished"), files).status == "busy"
    lock.release()


def test_another_run_than_was_asked_for_is_refused(tmp_path: Path) -> None:
    files = files_of(finished(tmp_path / "node", request("a")))
    with pytest.raises(StoreError, match="in the place of") as error:
        bring(tmp_path / "here", request("b"), files)
    assert "same version of archdsl" in error.value.help
    assert not (tmp_path / "here").exists()
