"""Study files: every key known, every complaint with its line, nothing evaluated."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archdsl.errors import ArchError, EnvError
from archdsl.study.amounts import Budget, amount, budget
from archdsl.study.execute.select import STUDY, SelectionOptions, folder_of, question_changes, select, standalone
from archdsl.study.plan.arms import arms_of
from archdsl.study.plan.cells import cells
from archdsl.study.plan.file import MOST_BYTES, read_study, study_of
from archdsl.study.plan.levels import number
from archdsl.study.plan.where import condition

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "specs" / "studies").glob("*.yaml"))


def test_all_keys() -> None:
    study = study_of(
        "study: a title\nbase: lenet5\nfactors:\n  norm: [+bn, none]\n  wd: train wd(1e-3)\ndesign: full\nseeds: [3, 5]\n"
        "set: {train.epochs: 1}\ndata: mnist\nwhere: params < 1M\nmatch: macs\nbaseline: {norm: none}\nmetric: loss\n"
        "engine: ray\nprecision: fp32\ntime_limit: 60\n",
        folder=Path("x"),
    )
    assert (study.title, study.base, study.design, study.seeds) == ("a title", (("lenet5", "lenet5"),), "full", (3, 5))
    assert [(f.name, f.levels) for f in study.factors] == [("norm", ("+bn", "")), ("wd", ("train wd(1e-3)", ""))]
    assert (study.set, study.data, study.where, study.match) == (("train.epochs=1",), "mnist", ("params < 1M",), "macs")
    assert (study.baseline, study.metric, study.engine) == ({"norm": "none"}, "train_loss", "ray")
    assert study.notes == ("the metric `loss` is that of training, and is called `train_loss` now",)
    assert (study.precision, study.time_limit, study.folder) == ("fp32", 60.0, Path("x"))


def test_texts_stay_what_was_written() -> None:
    """YAML would read booleans and numbers: `off` is absence, 1e-3 stays 1e-3."""
    study = study_of("base: lenet5\nfactors:\n  a: [adam(1e-3), off]\n  lr: [1e-3, 0.010]\nseeds: 2\n")
    assert [f.levels for f in study.factors] == [("adam(1e-3)", ""), ("1e-3", "0.010")]
    assert study.seeds == (0, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("factors: {a: +bn}", "needs a `base:`"),
        ("base: x\ndesing: full", "<study>:2:1: unknown key `desing`"),
        ("base: x\nbase: y", "is given twice"),
        ("base: x\nseeds: 0", "1 to 10,000 seeds"),
        ("base: x\nseeds: -1", "<study>:2:8"),
        ("base: x\nseeds: 1.5", "number of seeds"),
        ("base: x\nseeds: ٣", "number of seeds"),
        ("base: x\nseeds: 99999999999", "number of seeds"),
        ("base: x\nseeds: [1, 1]", "different numbers"),
        ("base: x\nmetric: acc", "<study>:2:9: unknown metric `acc`"),
        ("base: x\nmetric: ece", "`ece` of which images?"),
        ("base: x\nmetrics: []", "`metrics` names none"),
        ("base: x\nmetrics: [test_ece, ece(test)]", "named twice"),
        ("base: x\nmetric: gap\nmetrics: [gap]", "are one setting"),
        ("base: x\ntime_limit: soon", "`time_limit` is a number of seconds"),
        ("base: x\nmax_seeds: 1", "`max_seeds` is a number of seeds from 2"),
        ("base: x\nalpha: 2", "<study>:2:8: `alpha: 2` is not between 0 and 1"),
        ("base: x\nsame: wide", "<study>:2:7: `same: wide` is not a difference"),
        ("base: x\nbudget: 1week", "<study>:2:9: `budget: 1week` is not a budget"),
        ("base: x\nmetric: test_loss\nsame: 1%", "<study>:3:7: `same: 1%` is a difference of fractions"),
        (
            "base: x\nfactors:\n  k: [conv(8, k=3), conv(8, k=5)]",
            "<study>:3:3: factor `k`: `conv(8` has an open bracket",
        ),
        ("base: &a x\nwhere: *a", "aliases (`*name`) are not"),
        ("base: [", "<study>:1"),
        ("base: x\n\tseeds: 3", "<study>:2"),
        ("- a\n- b", "`key: value` lines"),
        ("", "`key: value` lines"),
        ("base: x\nfactors: {d: [drop(0.3, late), none]}", "open bracket"),
        ("base: x\nset: [a]", "`key: value` lines"),
        ("base: x\nstudy: {a: b}", "one value is expected"),
        ("!!python/object/apply:os.system ['true']", "`key: value` lines"),
        ("[" * 5000, "nest"),
    ],
)
def test_what_is_no_study(text: str, words: str) -> None:
    with pytest.raises(ArchError) as error:
        study_of(text)
    assert words in str(error.value) or ("nest" in words and "<study>" in str(error.value))
    assert error.value.exit_code == 2


@pytest.mark.parametrize("key", ["alpha: 2", "same: wide", "budget: 1week", "metric: test_loss\nsame: 1%"])
def test_a_remedy_in_a_file_is_written_as_in_a_file(key: str) -> None:
    with pytest.raises(ArchError) as error:
        study_of(f"base: x\n{key}\n")
    name = key.split("\n")[-1].split(":")[0]
    assert f"{name}: " in error.value.help
    assert "--" not in f"{error.value}{error.value.help}"


@given(
    st.floats(1e-9, 1, exclude_max=True).flatmap(
        lambda x: st.sampled_from([f"{x:e}", f"{x:.3e}", f"{x:.2E}", f"{x:f}1", f"{100 * x:e}%"])
    )
)
def test_a_number_of_the_language_is_a_number_of_a_study(text: str) -> None:
    """YAML reads `1e-3` as a text, the language as a number."""
    value = float(Decimal(text.rstrip("%")).scaleb(-2 if text.endswith("%") else 0))
    assume(value < 1)
    study = study_of(f"base: x\nsame: {text}\nalpha: {text}\n")
    assert (amount(study.same), study.alpha) == (value, value)
    assert number(text) == value
    assert budget(f"{text.rstrip('%')}h") == Budget(seconds=float(text.rstrip("%")) * 3600)


def test_exponents_in_the_other_keys() -> None:
    study = study_of("base: x\nbudget: 2e2runs\ntime_limit: 1e3\nfactors: {train.wd: [1E-4, 1e-3, 1e-2]}\n")
    assert budget(study.budget) == Budget(runs=200)
    assert study.time_limit == 1000
    assert study.factors[0].is_axis
    for bound in ("1e4", "1E+4", "1.0e4"):
        assert condition(f"params < {bound}", ("params",))({"params": 9_999}, {}, frozenset())


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="cannot be read"):
        read_study(tmp_path / "none.yaml")
    (tmp_path / "long.yaml").write_text("base: x #" + "x" * MOST_BYTES)
    with pytest.raises(ArchError, match="larger than 65,536 bytes"):
        read_study(tmp_path / "long.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"base: caf\xe9")
    with pytest.raises(ArchError, match="not UTF-8"):
        read_study(tmp_path / "latin.yaml")


@given(st.one_of(st.text(max_size=200), st.text(alphabet="base: factors[]{}\n-+|&*!#'\"0123", max_size=200)))
def test_whatever_is_written_only_our_own_errors_escape(text: str) -> None:
    with suppress(ArchError):
        study_of(text)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_studies_stand_alone_as_they_do_with_their_base(path: Path, tmp_path: Path) -> None:
    study = read_study(path)
    copy = tmp_path / "study.yaml"
    copy.write_text(standalone(study))
    again = read_study(copy)
    first, second = arms_of(study), arms_of(again)
    assert [a.name for a in first.arms] == [a.name for a in second.arms]
    assert [c.key for c in cells(first, (0, 1))] == [c.key for c in cells(second, (0, 1))]
    assert len({c.key for c in cells(first, (0, 1))}) == 2 * len(first.arms)


def test_a_study_that_stands_alone_keeps_how_it_is_carried_out_and_shown(tmp_path: Path) -> None:
    text = "base: lenet5\nfactors: {norm: [+bn, none]}\nseeds: 5\n"
    more = "time_limit: 600\nengine: ray\nlabels: {norm: normalisation, norm=none: as it is}\n"
    study, plain = study_of(text + more), study_of(text)
    again = study_of(standalone(study))
    assert (again.time_limit, again.engine, again.labels) == (600.0, "ray", study.labels)
    assert study_of(standalone(plain)).labels == plain.labels
    folder = folder_of(study, tmp_path)
    assert folder == folder_of(plain, tmp_path)
    folder.mkdir(parents=True)
    (folder / STUDY).write_text(standalone(plain))
    assert question_changes(folder, study) == []


def test_many_seeds_are_written_as_their_number() -> None:
    study = study_of("base: lenet5\nmax_seeds: 10000\n")
    text = standalone(study)
    assert len(text) < MOST_BYTES
    assert (study_of(text).seeds, study_of(text).sequential) == (study.seeds, True)


@pytest.mark.parametrize(
    ("base", "message", "help"),
    [
        (
            "[v1/net.arch, v2/net.arch]",
            "<study>:1:21: two bases are called `net`",
            "base: {first: v1/net.arch, second: v2/net.arch}",
        ),
        ("[lenet5, vgg, lenet5]", "<study>:1:21: two bases are the same", "leave one out"),
    ],
)
def test_bases_that_cannot_be_told_apart_are_refused(base: str, message: str, help: str) -> None:
    with pytest.raises(ArchError) as error:
        study_of(f"base: {base}\nseeds: 5\n")
    assert message in str(error.value)
    assert help in error.value.help
    study_of("base: {v1: v1/net.arch, v2: v2/net.arch}\n")


def test_options_go_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("base: lenet5\nseeds: 5\ndata: mnist\nset: {train.epochs: 9}\n")
    study = select(str(tmp_path / "s.yaml"), SelectionOptions(seeds=2, data="fashion-mini", set=["train.epochs=1"]))
    arm = arms_of(study).reference
    assert (study.seeds, study.data) == ((0, 1), "fashion-mini")
    assert "epochs(1)" in arm.spec.canonical
    assert "fashion-mini" in arm.spec.canonical
