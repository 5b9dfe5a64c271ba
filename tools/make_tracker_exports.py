"""Writes tests/study/exports: the same small results as MLflow, Optuna, Trackio and Weights & Biases store and export them.

python tools/make_tracker_exports.py    # in an environment with mlflow-skinny, sqlalchemy, optuna, trackio, wandb, pandas

Nothing leaves this machine. Work is done in a folder of its own, since the tools write its name into their files.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "tests" / "study" / "exports"
ARMS, SEEDS, STEPS = ("base", "new"), range(6), (1, 2, 3)
ENV = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_HOST": "host",
    "WANDB_USERNAME": "user",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "LOGNAME": "user",
    "USER": "user",
    "TRACKIO_DIR": "trackio",
    "WANDB_DIR": ".",
}


def acc(arm: str, seed: int, step: int) -> float:
    """Rises with the steps; `new` is better by 0.02."""
    return round(0.9 + 0.02 * (arm == "new") + 0.002 * random.Random(f"{arm}{seed}").gauss(0, 1) - 0.1 / step, 5)


def mlflow() -> None:
    """A file store, a database, and search_runs() as csv; one run fails, one is deleted, one still runs."""
    import mlflow

    for uri, name in ((Path("mlruns").absolute().as_uri(), "store"), ("sqlite:///mlflow.db", "database")):
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment("seeds")
        for arm in ARMS:
            for seed in SEEDS:
                with mlflow.start_run(run_name=f"{arm}-{seed}"):
                    mlflow.log_params({"model": arm, "seed": seed})
                    for step in STEPS:
                        mlflow.log_metric("acc", acc(arm, seed, step), step=step)
        with mlflow.start_run(run_name="deleted") as run:
            mlflow.log_params({"model": "new", "seed": 0})
            mlflow.log_metric("acc", 0.1, step=1)
        mlflow.delete_run(run.info.run_id)
        mlflow.start_run(run_name="broken")
        mlflow.log_params({"model": "new", "seed": 6})
        mlflow.end_run("FAILED")
        mlflow.start_run(run_name="under way")
        mlflow.log_params({"model": "new", "seed": 7})
        mlflow.search_runs().to_csv(f"mlflow_{name}.csv", index=False)
        mlflow.end_run("RUNNING")


def optuna() -> None:
    """A database, and trials_dataframe() as csv; one trial is pruned."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    grid = optuna.samplers.GridSampler({"model": list(ARMS), "seed": list(SEEDS)}, seed=0)
    study = optuna.create_study(storage="sqlite:///optuna.db", study_name="seeds", direction="maximize", sampler=grid)

    def objective(trial: optuna.Trial) -> float:
        arm, seed = trial.suggest_categorical("model", ARMS), trial.suggest_int("seed", 0, 5)
        trial.set_user_attr("host", "a")
        for step in STEPS:
            trial.report(acc(arm, seed, step), step)
        if (arm, seed) == ("new", 5):
            raise optuna.TrialPruned
        return acc(arm, seed, STEPS[-1])

    study.optimize(objective, n_trials=len(ARMS) * len(SEEDS))
    study.trials_dataframe().to_csv("optuna.csv")


def trackio() -> None:
    """A project's database, and its Parquet files."""
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    for arm in ARMS:
        for seed in SEEDS:
            trackio.init(project="seeds", name=f"{arm}-{seed}", config={"model": arm, "seed": seed}, embed=False)
            for step in STEPS:
                trackio.log({"acc": acc(arm, seed, step)})
            trackio.finish()
    SQLiteStorage._dataset_import_attempted = True
    SQLiteStorage.export_to_parquet()


def wandb() -> None:
    """Offline runs, of which one fails; and the table of the documentation's example of `wandb.Api`, from the same values.

    The table of runs that the web page exports needs a server: wandb_runs.csv has its columns, and is written by hand.
    """
    import pandas
    import wandb

    quiet = wandb.Settings(x_disable_stats=True, x_disable_meta=True, x_executable="python", program="make.py")
    configs, summaries, names = [], [], []
    for arm in ARMS:
        for seed in SEEDS:
            config = {"model": arm, "seed": seed, "optimizer": {"lr": 0.1}}
            run = wandb.init(project="seeds", name=f"{arm}-{seed}", config=config, settings=quiet)
            for step in STEPS:
                run.log({"acc": acc(arm, seed, step)})
            run.finish()
            configs.append(config)
            summaries.append({"_step": 2, "acc": acc(arm, seed, STEPS[-1]), "_wandb": {"runtime": 1}})
            names.append(f"{arm}-{seed}")
    run = wandb.init(project="seeds", name="broken", config={"model": "new", "seed": 6}, settings=quiet)
    run.log({"acc": 0.1})
    run.finish(exit_code=1)
    pandas.DataFrame({"summary": summaries, "config": configs, "name": names}).to_csv("wandb_api.csv")
    heads = '"Name","State","Notes","User","Tags","Created","Runtime","Sweep","model","optimizer.lr","seed","acc"'
    day = "2026-01-0{}T00:00:00.000Z"
    rows = [
        f'"{n}","finished","-","user","","{day.format(1 + c["seed"])}","1","","{c["model"]}","0.1","{c["seed"]}","{s["acc"]}"'
        for n, c, s in zip(names, configs, summaries, strict=True)
    ]
    rows += [
        '"broken","crashed","-","user","","2026-01-07T00:00:00.000Z","1","","new","0.1","6",""',
        '"under way","running","-","user","","2026-01-07T00:00:00.000Z","1","","new","0.1","7","0.4"',
    ]
    Path("wandb_runs.csv").write_text("\n".join([heads, *rows]) + "\n")


def main() -> None:
    """Each tool in a process of its own, then the files."""
    if len(sys.argv) > 1:
        {"mlflow": mlflow, "optuna": optuna, "trackio": trackio, "wandb": wandb}[sys.argv[1]]()
        return
    with tempfile.TemporaryDirectory() as name:
        for tool in ("mlflow", "optuna", "trackio", "wandb"):
            shutil.copy(__file__, Path(name) / "make.py")  # the tools write down where their script is
            subprocess.run([sys.executable, "make.py", tool], cwd=name, env=os.environ | ENV, check=True)
        folder = Path(name)
        for file in folder.glob("*.csv"):
            (TARGET / file.name).write_bytes(file.read_bytes())
        kept = [
            *folder.glob("*.db"),
            *folder.glob("mlruns/**/*"),
            *folder.glob("trackio/*"),
            *folder.glob("wandb/**/run-*.wandb"),
        ]
        with zipfile.ZipFile(TARGET / "stores.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted({file for file in kept if file.is_file() and "latest-run" not in file.parts}):
                archive.write(file, file.relative_to(folder).as_posix())
    print(json.dumps(sorted(file.name for file in TARGET.iterdir())))


if __name__ == "__main__":
    main()
