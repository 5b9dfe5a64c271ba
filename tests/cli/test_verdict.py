"""``archdsl verdict``: tables of other tools, decided; and tables with planted faults, each refused with its place."""

from __future__ import annotations

import csv
import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.cli.conftest import Done, Run

GOOD = [("base", 0.90), ("new", 0.92), ("worse", 0.85), ("equal", 0.90)]


def rows(pairs: int = 12) -> list[dict[str, Any]]:
    draw = random.Random(4)
    return [
        {"model": arm, "seed": seed, "acc": round(mean + 0.002 * draw.gauss(0, 1), 5)}
        for arm, mean in GOOD
        for seed in range(pairs)
    ]


def as_csv(table: list[dict[str, Any]], mark: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(table[0]), delimiter=mark)
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()


Verdict = Callable[..., Done]


@pytest.fixture
def verdict(run: Run, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """`archdsl verdict` with the columns of `rows`; a table may come on standard input."""

    def call(*args: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        return run("verdict", *args, "--arm", "model", "--pair", "seed", "--metric", "acc")

    return call


def decisions(text: str) -> dict[str, str]:
    return {arm["arm"]: arm["verdict"] for arm in json.loads(text)["arms"]}


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet", "stdin", "shuffled", "percent"])
def test_the_same_numbers_have_the_same_verdict_in_every_form(verdict: Verdict, tmp_path: Path, form: str) -> None:
    table = rows()
    if form == "shuffled":
        random.Random(1).shuffle(table)
        table.sort(key=lambda row: row["model"] != "base")
    if form == "percent":
        table = [{**row, "acc": f"{100 * row['acc']:.3f} %"} for row in table]
    path, stdin = tmp_path / f"t.{form if form in ('tsv', 'jsonl', 'parquet') else 'csv'}", ""
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table))
    elif form == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), path)
    elif form == "stdin":
        stdin = as_csv(table)
    else:
        path.write_text(as_csv(table, "\t" if form == "tsv" else ","))
    done = verdict("-" if stdin else str(path), "--reference", "base", "--same", "1%", "--format", "json", stdin=stdin)
    assert done.code == 0
    assert decisions(done.out) == {"new": "better", "worse": "worse", "equal": "same"}


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        ("new better than base", 0),
        ("new worse than base", 6),
        ("worse worse than base", 0),
        ("equal better than base", 3),
        ("equal same as base", 3),  # without --same nothing is the same
        ("new same as base", 6),
    ],
)
def test_a_claim_is_an_exit_code(verdict: Verdict, claim: str, code: int) -> None:
    assert verdict("-", "--claim", claim, stdin=as_csv(rows())).code == code


def test_a_lower_metric_is_better_where_it_is_said(verdict: Verdict) -> None:
    done = verdict("-", "--reference", "base", "--lower", "--format", "json", stdin=as_csv(rows()))
    found = {arm["arm"]: arm for arm in json.loads(done.out)["arms"]}
    assert (found["new"]["verdict"], found["worse"]["verdict"]) == ("worse", "better")
    assert found["new"]["delta"] == pytest.approx(0.02, abs=0.002)
    assert found["new"]["low"] < found["new"]["delta"] < found["new"]["high"]


def test_an_arm_may_end_early_and_it_is_said(verdict: Verdict) -> None:
    table = [row for row in rows() if row["model"] != "worse" or row["seed"] < 7]
    done = verdict("-", "--reference", "base", stdin=as_csv(table))
    assert done.code == 0
    assert "`worse`: compared over its first 7 pairs; 5 later ones are on one side only" in done.out


def changed(row: int, **cells: Any) -> list[dict[str, Any]]:
    table = rows()
    table[row] = {**table[row], **cells}
    return table


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (changed(14, acc="n/a"), "row 15, column `acc`: `n/a`, a missing value, where a number is needed"),
        (changed(14, acc="nan"), "row 15, column `acc`: `nan`, a missing value, where a number is needed"),
        (changed(14, acc=""), "row 15, column `acc`: nothing, where a number is needed"),
        (
            changed(14, acc="inf"),
            "row 15, column `acc`: `inf`, which is not finite in floating point, where a number is needed",
        ),
        (
            changed(14, acc="1e999"),
            "row 15, column `acc`: `1e999`, which is not finite in floating point",
        ),
        (changed(14, acc="0,93"), "write decimals with a point"),
        (changed(14, acc="9_3"), "row 15, column `acc`: `9_3`, with an underscore in it, where a number is needed"),
        (changed(14, acc="92 %"), "has a percent sign in row 15 and none in row 1"),
        (changed(14, seed=3), "rows 15 and 16 both have model `new` and seed `3`"),
        (changed(14, seed=""), "row 15, column `seed`: nothing"),
        (rows()[:14] + rows()[15:], "`new` has no row for pair `2`"),
        (rows()[:2] + rows()[3:], "`base` has no row for pair `2`"),
        (rows()[:12], "`base` is the only arm"),
        (rows()[12:], "no row belongs to the reference `base`"),
    ],
)
def test_a_faulty_table_is_refused_with_its_place(verdict: Verdict, table: list[dict[str, Any]], words: str) -> None:
    done = verdict("-", "--reference", "base", stdin=as_csv(table))
    assert done.code == 2
    assert words in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the table has no column, and so no `model`"),
        ("model,seed,acc\n", "has no row"),
        ("model,seed,acc,acc\nbase,0,1,1\n", "two columns `acc`"),
        ("model,seed,accuracy\nbase,0,1\n", "unknown column `acc`"),
        ("model,seed,acc\nbase,0\n", "row 1 has 2 cells, the header has 3"),
        ('model,seed,acc\nbase,0,"1\n', "is not csv"),
    ],
)
def test_what_is_no_table_is_refused(verdict: Verdict, text: str, words: str) -> None:
    done = verdict("-", "--reference", "base", stdin=text)
    assert done.code == 2
    assert words in done.err


def test_one_pair_and_constant_results_stay_open(verdict: Verdict) -> None:
    one = [row for row in rows() if row["seed"] == 0]
    done = verdict("-", "--reference", "base", "--format", "json", stdin=as_csv(one))
    assert set(decisions(done.out).values()) == {"open"}
    constant = [{**row, "acc": 0.5} for row in rows()]
    done = verdict("-", "--reference", "base", "--format", "json", stdin=as_csv(constant))
    assert set(decisions(done.out).values()) == {"open"}


def test_options_that_contradict_each_other_are_refused(verdict: Verdict) -> None:
    text = as_csv(rows())
    for args, words in (
        ([], "no reference is given"),
        (["--reference", "new", "--claim", "worse better than base"], "--reference says `new`"),
        (["--claim", "new beats base"], "has another form"),
        (["--claim", "none better than base"], "names the arm `none`"),
        (["--reference", "base", "--alpha", "5"], "is not a rate"),
        (["--reference", "base", "--same", "-1"], "is not a size"),
    ):
        done = verdict("-", *args, stdin=text)
        assert done.code == 2
        assert words in done.err


def test_a_margin_in_per_cent_of_a_metric_in_per_cent_is_refused(verdict: Verdict) -> None:
    table = [{**row, "acc": 100 * row["acc"]} for row in rows()]
    done = verdict("-", "--reference", "base", "--same", "0.5%", stdin=as_csv(table))
    assert done.code == 2
    assert "--same 0.5" in done.err


def arms(first: list[tuple[object, float]], second: list[tuple[object, float]], mark: str = ",") -> str:
    """A table of two arms, `base` and `new`, with their pairs and values."""
    lines = [("model", "seed", "acc"), *(("base", s, v) for s, v in first), *(("new", s, v) for s, v in second)]
    return "".join(mark.join(map(str, line)) + "\n" for line in lines)


def test_seeds_are_equal_by_the_rules_of_tables(verdict: Verdict) -> None:
    pairs = [(n, 0.8 + n / 100) for n in range(8)]
    done = verdict(
        "-",
        "--reference",
        "base",
        "--format",
        "json",
        stdin=arms(list(pairs), [(f"{n}.0", v + 0.1 + n / 500) for n, v in pairs]),
    )
    assert json.loads(done.out)["arms"][0]["pairs"] == 8


def test_nothing_in_common_is_refused_with_examples(verdict: Verdict) -> None:
    done = verdict(
        "-", "--reference", "base", stdin=arms([(n, 0.8) for n in range(3)], [(n, 0.9) for n in range(10, 13)])
    )
    assert done.code == 2
    assert "`new` and `base` of the column `model` have no `seed` in common: 10, 11, 12 and 0, 1, 2" in done.err
    done = verdict(
        "-", "--reference", "base", stdin=arms([("a", 0.8)], [("b", 0.9)]).replace("new", "BASE").replace("b,", "c,")
    )
    assert done.code == 2
    assert "`base` and `BASE` differ in capitals alone" in done.err
    done = verdict(
        "-", "--reference", "base", stdin=arms([(0, 0.8), ("f", 0.8), (2, 0.8)], [(0, 0.9), ("F", 0.9), (2, 0.9)])
    )
    assert (done.code, "the pairs `f` and `F` differ in capitals alone" in done.err) == (2, True)


def test_one_column_is_not_two_things(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(arms([(0, 0.8)], [(0, 0.9)]))
    for pair, metric in (("acc", "acc"), ("seed", "seed"), ("model", "acc")):
        done = run("verdict", "t.csv", "--arm", "model", "--pair", pair, "--metric", metric, "--reference", "base")
        assert done.code == 2
        assert "both name the column" in done.err


def test_mixed_units_are_refused(verdict: Verdict) -> None:
    base, new = [(n, 0.80 + n / 1000) for n in range(6)], [(n, 84.65 + n / 10) for n in range(6)]
    given = ("-", "--reference", "base", "--claim", "new better than base")
    done = verdict(*given, stdin=arms(list(base), list(new)))
    assert (done.code, done.out) == (2, "")
    assert "such as 0.8 in row 1, and 6 that are about a hundred times as large, such as 84.65 in row 7" in done.err
    assert "--as-written takes them as they are" in done.err
    done = verdict(*given, "--as-written", "--format", "json", stdin=arms(list(base), list(new)))
    assert done.code != 2
    assert any(note.startswith("warning: column") for note in json.loads(done.out)["notes"])
    done = verdict("-", "--reference", "base", "--format", "json", stdin=arms(list(base), list(base)))
    assert not any("warning" in note for note in json.loads(done.out)["notes"])


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_the_separator_is_found_as_in_data_tables(verdict: Verdict, mark: str) -> None:
    base, new = [(n, 0.80 + n / 1000) for n in range(6)], [(n, 0.85 + n / 500) for n in range(6)]
    done = verdict("-", "--reference", "base", stdin=arms(list(base), list(new), mark))
    assert done.code == 0, done.err


def test_a_negative_metric_is_quoted_with_its_sign(verdict: Verdict) -> None:
    table = arms([(0, -3.0), (1, -2.9)], [(0, -2.5), (1, -2.4)])
    assert "has values such as -3" in verdict("-", "--reference", "base", "--same", "1%", stdin=table).err


def test_a_small_p_is_a_bound(verdict: Verdict) -> None:
    base, new = [(n, 0.80 + n / 1000) for n in range(20)], [(n, 0.95 + n / 999) for n in range(20)]
    out = verdict("-", "--reference", "base", stdin=arms(list(base), list(new))).out
    assert "< 0.001" in out
    assert "0.000 " not in out
