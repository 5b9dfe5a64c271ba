"""The exports of MLflow, Optuna, Trackio and Weights & Biases as they come: one answer, and no run lost in silence."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from archdsl.errors import ArchError, EnvError
from archdsl.study.answer.measurements import Columns, Failed, Measurements, Sheet, measure, open_sheet

HERE = Path(__file__).parent / "exports"
NEW, BASE = [0.88726, 0.89018, 0.88962, 0.88555], [0.87039, 0.86392, 0.86867, 0.86209]  # of the seeds 0 to 3


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    with zipfile.ZipFile(HERE / "stores.zip") as archive:
        archive.extractall(folder)
    for file in HERE.glob("*.csv"):
        shutil.copy(file, folder)
    return folder


def read(path: Path, metric: str = "acc", failed: Failed | None = None) -> Measurements:
    return measure(open_sheet(str(path)), Columns("model", "seed", metric), failed or Failed(drop=True))


MLFLOW = "`params.model`, --pair `params.seed`, --metric `metrics.acc`"
WANDB = "`config.model`, --pair `config.seed`, --metric `summary.acc`"


@pytest.mark.parametrize(
    ("name", "what", "columns", "lost"),
    [
        ("mlruns", "the file store of MLflow, 14 runs", MLFLOW, "`broken` (FAILED)"),
        ("mlflow.db", "the database of MLflow, 14 runs", MLFLOW, "`broken` (FAILED)"),
        ("mlflow_store.csv", "runs of MLflow (csv)", MLFLOW, "`broken` (FAILED)"),
        ("mlflow_database.csv", "runs of MLflow (csv)", MLFLOW, "`broken` (FAILED)"),
        ("optuna.db", "the database of Optuna, 12 trials", "`params_model`, --pair `params_seed`", "(PRUNED)"),
        ("optuna.csv", "trials of Optuna (csv)", "`params_model`, --pair `params_seed`", "(PRUNED)"),
        ("trackio", "the database of Trackio, 12 runs", "`config.model`, --pair `config.seed`", ""),
        ("trackio/seeds.db", "the database of Trackio, 12 runs", "`config.model`, --pair `config.seed`", ""),
        ("trackio/seeds.parquet", "Trackio's Parquet, with seeds_configs.parquet, 12 runs", "`config.model`", ""),
        ("wandb", "files of Weights & Biases, 13 runs", WANDB, "`broken` (failed)"),
        ("wandb_api.csv", "runs of Weights & Biases (csv, config and summary as mappings)", "`config.model`", ""),
        ("wandb_runs.csv", "runs of Weights & Biases (csv)", "", "`broken` (crashed)"),
    ],
)
def test_each_export_has_the_same_numbers(stores: Path, name: str, what: str, columns: str, lost: str) -> None:
    found = read(stores / name, "value" if name.startswith("optuna") else "acc")
    assert sorted(found.arms) == ["base", "new"]
    assert [found.arms["base"][str(n)] for n in range(4)] == pytest.approx(BASE)
    assert [found.arms["new"][str(n)] for n in range(4)] == pytest.approx(NEW)
    assert len(found.arms["base"]) == 6
    notes = "\n".join(found.notes)
    assert f"read as {what}:" in notes
    assert columns in notes
    assert lost in notes


def test_runs_that_failed_are_refused_by_name_or_counted(stores: Path) -> None:
    for name, label in (
        ("mlruns", "`broken` (FAILED)"),
        ("wandb", "`broken` (failed)"),
        ("wandb_runs.csv", "`broken` (crashed)"),
    ):
        with pytest.raises(ArchError, match="1 run failed") as error:
            read(stores / name, failed=Failed())
        assert label in error.value.message
        found = read(stores / name, failed=Failed(value=0.1))
        assert found.arms["new"]["6"] == 0.1
        assert f"1 run failed, counted as 0.1: {label}" in found.notes


def test_runs_that_are_not_finished_or_deleted_are_named(stores: Path) -> None:
    for name in ("mlruns", "mlflow.db"):
        notes = "\n".join(read(stores / name).notes)
        assert "1 run not finished, left out: `under way` (RUNNING)" in notes
        assert "1 run that MLflow has as deleted is left out: deleted" in notes


def test_the_steps_of_each_store_are_there(stores: Path) -> None:
    for name, metric in (
        ("mlruns", "acc"),
        ("mlflow.db", "acc"),
        ("optuna.db", "value"),
        ("trackio", "acc"),
        ("wandb", "acc"),
    ):
        sheet = open_sheet(str(stores / name))
        assert sheet.steps is not None
        column, _ = sheet.find(metric, "--metric")
        steps = sheet.steps(column)
        points = [
            row
            for row in steps.rows((steps.find("model", "")[0], steps.find("seed", "")[0], "step", column))
            if (str(row[0]), str(row[1])) == ("new", "0")
        ]
        values = [row[3] for row in sorted(points, key=lambda row: row[2])]
        assert values == pytest.approx([0.8206, 0.8706, 0.88726], abs=2e-5), name


def test_a_name_that_may_be_two_columns_is_refused() -> None:
    def sheet(*names: str) -> Sheet:
        return Sheet("csv", names, lambda wanted: iter(()))

    assert sheet("acc", "metrics.acc").find("acc", "--metric") == ("acc", "")
    assert sheet("params.model").find("model", "--arm") == ("params.model", "--arm `params.model`")
    with pytest.raises(ArchError, match=r"`acc` may be the column `params.acc` or `metrics.acc`"):
        sheet("params.acc", "metrics.acc").find("acc", "--metric")
    with pytest.raises(ArchError, match="unknown column `model`"):
        sheet("params.mode").find("model", "--arm")


def test_a_study_that_minimises_says_so(stores: Path, tmp_path: Path) -> None:
    shutil.copy(stores / "optuna.db", tmp_path)
    with sqlite3.connect(tmp_path / "optuna.db") as db:
        db.execute("update study_directions set direction = 'MINIMIZE'")
    assert open_sheet(str(tmp_path / "optuna.db")).minimised
    assert not open_sheet(str(stores / "optuna.db")).minimised


def test_several_projects_of_trackio_are_refused(stores: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copy(stores / "trackio" / "seeds.db", tmp_path / f"{name}.db")
        (tmp_path / f"{name}.lock").touch()
    with pytest.raises(ArchError, match="2 projects of Trackio: a, b"):
        open_sheet(str(tmp_path))


def test_other_folders_and_databases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchError, match="not the folder of a known tool"):
        open_sheet(str(tmp_path))
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("create table t (x)")
    with pytest.raises(ArchError, match="neither of MLflow nor of Optuna nor of Trackio"):
        open_sheet(str(tmp_path / "other.db"))
    (tmp_path / "cut.db").write_bytes((tmp_path / "other.db").read_bytes()[:1000])
    with pytest.raises(EnvError, match="cannot be read"):
        open_sheet(str(tmp_path / "cut.db"))
    with pytest.raises(EnvError, match="cannot be read"):
        open_sheet(str(tmp_path / "none.csv"))
    (tmp_path / "journal.log").write_text('{"op_code": 0, "worker_id": "a", "study_name": "s"}\n')
    with pytest.raises(ArchError, match="a journal of Optuna"):
        open_sheet(str(tmp_path / "journal.log"))


@pytest.mark.parametrize("length", [4, 20, 100, 400, 700])
def test_a_damaged_run_file_is_refused_or_unfinished(stores: Path, tmp_path: Path, length: int) -> None:
    file = next((stores / "wandb").rglob("run-*.wandb"))
    (tmp_path / file.name).write_bytes(file.read_bytes()[:length])
    sheet = open_sheet(str(tmp_path / file.name))
    ((state,),) = sheet.rows(("state",))
    assert state == "no end: killed or running"


def test_any_damage_of_a_run_file_is_an_error_of_ours(stores: Path, tmp_path: Path) -> None:
    file, draw = next((stores / "wandb").rglob("run-*.wandb")), random.Random(5)
    for _ in range(300):
        data = bytearray(file.read_bytes())
        for _ in range(draw.randint(1, 20)):
            data[draw.randrange(4, len(data))] = draw.randrange(256)
        (tmp_path / file.name).write_bytes(data)
        with suppress(ArchError):
            open_sheet(str(tmp_path / file.name))


def test_values_that_are_not_finite_are_refused_with_their_row(stores: Path, tmp_path: Path) -> None:
    shutil.copy(stores / "mlflow.db", tmp_path)
    with sqlite3.connect(tmp_path / "mlflow.db") as db:
        db.execute("update latest_metrics set is_nan = 1, value = 0 where rowid = 2")
    with pytest.raises(ArchError, match=r"column `metrics.acc`: `nan`"):
        read(tmp_path / "mlflow.db")


def test_nested_json_has_names_with_points(tmp_path: Path) -> None:
    rows = [{"config": {"model": arm, "seed": n}, "summary": {"acc": n}} for arm in ("a", "b") for n in range(3)]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read(tmp_path / "runs.jsonl")
    assert found.arms["a"] == {"0": 0.0, "1": 1.0, "2": 2.0}


def test_a_mapping_in_a_cell_is_read_and_never_evaluated(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("summary,config,name\n\"__import__('os').abort()\",{},a\n")
    with pytest.raises(ArchError, match="row 1, column `summary`: not a mapping"):
        open_sheet(str(tmp_path / "p.csv"))
