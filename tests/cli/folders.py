"""Run folders without a training: the files that a run writes, with figures that are known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STARTED = {
    "event": "started",
    "device": "cpu",
    "source": "here",
    "train_images": 80,
    "valid_images": 10,
    "test_images": 20,
    "params": 1234,
    "epochs": 4,
    "steps": 40,
    "notes": [],
}


def epoch(number: int, **more: Any) -> dict[str, Any]:
    return {
        "event": "epochdone",
        "epoch": number,
        "step": 10 * number,
        "loss": 2.0 / number,
        "accuracy": 0.2 * number,
        "valid_loss": 2.5 / number,
        "valid_accuracy": 0.15 * number,
        "lr": 0.1 / number,
        "seconds": 1.5,
        "images_per_second": 100.0,
        **more,
    }


def made(
    out: Path,
    name: str,
    *,
    epochs: int = 4,
    result: Mapping[str, Any] | None = None,
    hash: str = "abcdef0123456789",
    net: str = "conv(8)",
    batch: int = 128,
    lr: float = 0.1,
    seed: int = 0,
    **more: Any,
) -> Path:
    """A run folder; without ``result`` it is one that was cut short."""
    folder = out / name
    folder.mkdir(parents=True)
    settings = {
        "format": 1,
        "name": "net",
        "hash": hash,
        "identity": name,
        "source": "here",
        "classes": None,
        "normalise": None,
        "data": {"dataset": "digits", "input": [1, 8, 8], "valid": None, "subset": None, "augment": [], "corrupt": []},
        "train": {
            "optimizer": {"kind": "sgd", "lr": lr},
            "batch": batch,
            "seed": seed,
            "schedule": None,
            "syncbn": False,
        },
    }
    (folder / "spec.arch").write_text(f"net {net}\ndata digits\ntrain sgd({lr})\n")
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "versions.json").write_text(json.dumps({"archdsl": "0.1.0", "torch": "2.13.0", "device": "cpu"}))
    events = [STARTED, *(epoch(n, **more) for n in range(1, epochs + 1))]
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    if result is not None:
        (folder / "result.json").write_text(json.dumps(result))
    return folder


def finished(accuracy: float = 0.75, **more: Any) -> dict[str, Any]:
    return {
        "status": "finished",
        "step": 40,
        "train_loss": 0.5,
        "train_accuracy": 0.8,
        "valid_accuracy": 0.6,
        "best_valid_accuracy": 0.6,
        "best_epoch": 4,
        "test_loss": 0.7,
        "test_accuracy": accuracy,
        "seconds": 6.0,
        "images_per_second": 100.0,
        "epochs": 4,
        "why": "",
        **more,
    }
