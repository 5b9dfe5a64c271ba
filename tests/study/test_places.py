"""Where a study file is wrong, as the commands that carry it out say it: with the line of the file, as `archdsl check` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.cli.main import main

NET = "  net conv(4, s=4) bn relu gap linear(10)\n"
BASE = f"base: |\n{NET}  data fashion-mini subset(64)\n  train sgd(0.05) epochs(2) batch(32)\n"
FACTORS = "factors:\n  norm: [bn, none]\n"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("where: parms < 1M\n", "7:1", "unknown column `parms`"),
        ("where:\n  - norm\n  - norm = bnn\n", "9:3", "the factor `norm` has no level `bnn`"),
        ("baseline: {nrom: none}\n", "7:1", "unknown factor `nrom`"),
        ("baseline: {norm: ln}\n", "7:1", "factor `norm` has no level `ln`"),
        ("labels: {width: units}\n", "7:1", "`width` is of no factor of the study"),
        ("design: frac:IV\n", "7:1", "`frac:IV` needs 4 factors at least"),
        ("design: half\n", "7:1", "unknown design `half`"),
        ("set: {nonsense: 1}\n", "7:7", "sets nothing"),
        ("metric: valid_loss\n", "7:1", "needs validation images"),
        ("claims: [base better than nobody]\n", "7:1", "names the arm `nobody`"),
        ("fit: power(params -> test_loss)\n", "7:1", "needs 4 sizes"),
        ("  width: [conv(4), conv(bad)]\n", "7:25", ""),
        ("  train: [bad]\n", "7:11", ""),
    ],
)
@pytest.mark.parametrize("command", ["ablate", "report"])
def test_what_a_file_has_wrong_is_shown_with_its_line(
    command: str, text: str, place: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(BASE + FACTORS + text)
    assert main(["check", str(file)]) == 2
    assert f"s.yaml:{place}" in capsys.readouterr().out
    assert main([command, str(file), "--runs", str(tmp_path / "runs")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert f"s.yaml:{place}" in told


@pytest.mark.parametrize(
    ("options", "text", "said"),
    [
        (["--where", "parms < 1M"], "where: params < 1M\n", "unknown column `parms`"),
        (["--baseline", "nrom=none"], "baseline: {norm: none}\n", "unknown factor `nrom`"),
        (["--metric", "valid_loss"], "metric: test_loss\n", "needs validation images"),
        (["--design", "half"], "design: grid\n", "unknown design `half`"),
        (["--set", "nonsense=1"], "set: {train.sgd: 0.1}\n", "`--set nonsense=1` sets nothing"),
        (["--with", "train bad"], "", "bad"),
    ],
)
def test_what_an_option_has_wrong_is_not_laid_to_the_file(
    options: list[str], text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(BASE + FACTORS + text)
    assert main(["ablate", str(file), "--runs", str(tmp_path / "runs"), *options]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "s.yaml:" not in told
