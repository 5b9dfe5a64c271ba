"""Studies on a Ray cluster of two nodes on this machine: the same table, and a lost node costs no finished run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")

from archdsl.errors import ArchError, EnvError  # noqa: E402
from archdsl.search.execute import HowToSearch, SearchExecution  # noqa: E402
from archdsl.search.plan import Asked  # noqa: E402
from archdsl.search.plan import planned as search_planned  # noqa: E402
from archdsl.search.report import candidates_table, winners_table  # noqa: E402
from archdsl.study.amounts import Budget  # noqa: E402
from archdsl.study.execute import cluster as room  # noqa: E402
from archdsl.study.execute.cluster import Cluster  # noqa: E402
from archdsl.study.execute.local import Local  # noqa: E402
from archdsl.study.execute.messages import RunOptions, RunProgress, RunResult  # noqa: E402
from archdsl.study.execute.runner import StudyRunner  # noqa: E402
from archdsl.study.execute.sequential import SequentialRun  # noqa: E402
from archdsl.study.plan.arms import arms_of  # noqa: E402
from archdsl.study.plan.cells import cells  # noqa: E402
from archdsl.study.plan.file import study_of  # noqa: E402
from archdsl.study.report.tables import table  # noqa: E402
from archdsl.study.results.decide import DecisionOptions  # noqa: E402
from archdsl.study.results.results import results  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of Ray and what it imports
STUDY = """\
base: |
  net conv(4, s=4) {norm: bn | } relu gap linear(10)
  data fashion-mini subset(200)
  train sgd(0.05) epochs(EPOCHS) batch(20)
seeds: 4
"""


def runner(runs: Path, epochs: int = 2) -> StudyRunner:
    study = study_of(STUDY.replace("EPOCHS", str(epochs)))
    arms = arms_of(study)
    return StudyRunner(arms, cells(arms, study.seeds), runs)


def options(runs: Path) -> RunOptions:
    return RunOptions(str(runs), device="cpu", precision="fp32")


def shown(found: StudyRunner) -> object:
    return table(results("t", "test_accuracy", found.arms, range(4), found.every, found.with_foreign())).rows


def weights(runs: Path) -> dict[str, str]:
    return {p.parent.name: json.loads(p.read_text())["weights_sha256"] for p in runs.glob("*/result.json")}


def begun(runs: Path) -> dict[str, int]:
    logs = {p.parent.name: p.read_text().splitlines() for p in runs.glob("*/events.jsonl")}
    return {name: sum(json.loads(line)["event"] == "started" for line in lines) for name, lines in logs.items()}


@pytest.fixture
def two_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    from ray.cluster_utils import Cluster as Nodes

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("ARCHDSL_OFFLINE", "1")
    monkeypatch.setattr(room, "LOOK", 0.3)
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    yield nodes, second
    ray.shutdown()
    nodes.shutdown()


def test_a_cluster_gives_the_table_of_one_machine(two_nodes: tuple[Any, Any], tmp_path: Path) -> None:
    here, there, back = (runner(tmp_path / name) for name in ("here", "there", "back"))
    here.carry_out(Local(options(here.runs), 2, tmp_path / "logs"), here.missing)
    workers = set()
    there.carry_out(
        Cluster(options(there.runs), None), there.missing, lambda e: workers.add(getattr(e, "worker", None))
    )
    assert shown(there) == shown(here)
    assert weights(there.runs) == weights(here.runs)
    assert {0, 1} <= workers
    # Nodes that do not see the store send their runs back; here they come over what is there already.
    back.carry_out(Cluster(options(back.runs), None, collect=True), back.missing)
    assert shown(back) == shown(here)
    assert weights(back.runs) == weights(here.runs)
    assert not list(tmp_path.glob("*/.shared-*"))


def test_a_sequential_study_decides_alike_on_a_cluster(two_nodes: tuple[Any, Any], tmp_path: Path) -> None:
    """On two nodes and on one, two and four workers of one machine: the same verdicts from the same seeds."""
    study = study_of(STUDY.replace("EPOCHS", "2").replace("seeds: 4\n", "max_seeds: 8\n"))
    arms, decided = arms_of(study), DecisionOptions(sequential=True)
    engines = {
        "nodes": lambda runs: Cluster(options(runs), None),
        **{f"local {n}": lambda runs, n=n: Local(options(runs), n, tmp_path / "logs") for n in (1, 2, 4)},  # type: ignore[misc]
    }
    seen = []
    for name, engine in engines.items():
        found = StudyRunner(arms, cells(arms, study.seeds), tmp_path / name)
        found.decide(engine(found.runs), SequentialRun(arms, found.every, found.found, study.metric, decided))
        seen.append(results("t", study.metric, arms, study.seeds, found.every, found.with_foreign(), decided))
    assert len({repr([a.decision for a in one.arms]) for one in seen}) == 1
    assert len({repr(table(one, people=False).rows) for one in seen}) == 1
    assert seen[0].looks > 3


def test_a_node_that_is_killed_costs_no_finished_run(two_nodes: tuple[Any, Any], tmp_path: Path) -> None:
    nodes, second = two_nodes
    study = runner(tmp_path / "runs", epochs=40)
    ended: list[str] = []

    def listen(event: object) -> None:
        if isinstance(event, RunResult):
            ended.append(event.status)
            if len(ended) == 2:
                nodes.remove_node(second, allow_graceful=False)

    study.carry_out(Cluster(options(study.runs), None), study.missing, listen)
    assert ended == ["finished"] * 8
    assert len(study.missing) == 0
    counts = begun(study.runs)
    assert len(counts) == 8
    assert sum(counts.values()) <= 9  # at most the run of the lost node was begun twice
    straight = runner(tmp_path / "straight", epochs=40)
    straight.carry_out(Local(options(straight.runs), 2, tmp_path / "logs"), straight.missing)
    assert weights(study.runs) == weights(straight.runs)


def test_an_interrupted_study_leaves_runs_that_go_on(two_nodes: tuple[Any, Any], tmp_path: Path) -> None:
    study = runner(tmp_path / "runs", epochs=300)
    events = Cluster(options(study.runs), None).run([study.request(c) for c in study.missing])
    for event in events:
        if isinstance(event, RunProgress) and event.epoch > 2:
            break
    events.close()  # type: ignore[attr-defined]
    assert list(study.runs.glob("*/checkpoint*"))
    assert not list(study.runs.glob("*/claim.json"))


def test_no_cluster_at_an_address(tmp_path: Path) -> None:
    study = runner(tmp_path)
    requests = [study.request(cell) for cell in study.missing]
    with pytest.raises(EnvError, match="no Ray cluster at localhost:1"):
        list(Cluster(options(tmp_path), 1, address="localhost:1").run(requests))


def test_actors_that_do_not_start_end_the_study(two_nodes: tuple[Any, Any], tmp_path: Path) -> None:
    study = runner(tmp_path)
    nodes = Cluster(options(tmp_path), 1, work="archdsl.not_on_this_node:work")
    with pytest.raises(EnvError, match=r"4 actors of Ray in a row did not start: .*archdsl\.not_on_this_node"):
        list(nodes.run([study.request(cell) for cell in study.missing]))


SPACE = """
net conv({width: 2..6 log}, s=4) {norm: bn | } relu {drop: drop({p: 0.1..0.5 uniform}) | } gap linear(10)
data fashion-mini subset(200) valid(20%)
train sgd({lr: 5e-3..0.5 log}) epochs(4) batch(20) cosine
"""


def searched(runs: Path, **how: Any) -> SearchExecution:
    options, candidates = search_planned(Asked(SPACE, rungs="1,2,4"), "two", runs)
    asked = HowToSearch(Budget(runs=14), winners=2, runs=runs, device="cpu", precision="fp32", **how)
    return SearchExecution(options, candidates, asked)


def test_a_search_decides_alike_on_a_cluster(two_nodes: tuple[Any, Any], tmp_path: Path) -> None:
    """The candidates, the winners, their weights and the table are those of one machine."""
    with pytest.raises(ArchError, match="needs the number of workers"):
        searched(tmp_path / "nodes", engine="ray")
    seen = {}
    for name, how in {"nodes": {"engine": "ray", "jobs": 2}, "local": {"jobs": 2}}.items():
        execution = searched(tmp_path / name, **how)
        execution.run()
        winners = execution.winners()
        found = execution.results(winners, execution.compare(winners))
        seen[name] = (
            [c.key for c in execution.search.candidates.every],
            candidates_table(found).rows,
            winners_table(found).rows,
            weights(tmp_path / name),
        )
    (*nodes, on_nodes), (*local, here) = seen["nodes"], seen["local"]
    assert nodes == local
    # A run that is under way when the last arm is decided may come to its end or not.
    both = on_nodes.keys() & here.keys()
    assert both
    assert {run: on_nodes[run] for run in both} == {run: here[run] for run in both}
    assert len(seen["nodes"][0]) == 14
    assert len(seen["nodes"][2]) == 3  # the base and two winners
