"""What a factor takes the place of: the base stays what its file says, or the study says that it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.api import load
from archdsl.errors import ArchError
from archdsl.expand.text import canonical_text
from archdsl.study.execute.select import STUDY, SelectionOptions, folder_of, question_changes, select, standalone
from archdsl.study.plan.arms import Arm, Arms, arms_of
from archdsl.study.plan.file import study_of

BASE = """\
net conv(8) relu drop(0.1) conv(16) relu drop(0.3) gap linear(classes)
data fashion-mini subset(300) crop(2)
train sgd(0.1) epochs(1) batch(50)
"""


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("b.arch").write_text(BASE)


def _text(arm: Arm) -> str:
    return canonical_text(arm.spec.file)


def _with(*words: str, **options: object) -> Arms:
    return arms_of(select("b.arch", SelectionOptions(into=words, **options)))  # type: ignore[arg-type]


def _study(factors: str, more: str = "") -> Arms:
    return arms_of(study_of(f"base: b.arch\nfactors: {factors}\n{more}", "s.yaml", "s", Path()))


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("adam(0.1)", "adam(0.1)"),
        ("epochs(2)", "epochs(2)"),
        ("batch(10)", "batch(10)"),
        ("subset(100)", "subset(100)"),
        ("crop(4)", "crop(4)"),
        ("train sgd(0.2)", "sgd(0.2)"),
        ("mixup(0.4)", "mixup(0.4)"),
        ("train wd(1e-2)", "wd(1e-2)"),
        ("tanh", "tanh"),
    ],
)
def test_the_base_of_with_is_the_file(word: str, text: str) -> None:
    """Whether the word is new, or takes the place of one."""
    found = _with(word)
    file = load(Path("b.arch"))
    assert [arm.spec.hash == file.hash for arm in found.arms] == [True, False]
    assert text in _text(found.arms[1])
    assert found.arms[1].name != "base"
    assert not found.notes


def test_with_a_word_that_stands_at_several_places_is_refused() -> None:
    with pytest.raises(ArchError, match=r"`drop\(0\.1\)` and `drop\(0\.3\)`, and nothing says which") as raised:
        _with("drop(0.5)")
    assert "{drop(0.1) | drop(0.5)}" in str(raised.value.help)
    Path("b.arch").write_text(BASE.replace("drop(0.3)", "drop(0.1)"))
    both = _with("drop(0.5)").arms
    assert both[0].spec.hash == load(Path("b.arch")).hash
    assert _text(both[1]).count("drop(0.5)") == 2


def test_a_factor_is_about_the_place_that_has_one_of_its_levels() -> None:
    base, wide = _study("{width: [conv(8), conv(32)]}").arms
    assert base.spec.hash == load(Path("b.arch")).hash
    assert "conv(32)" in _text(wide)
    assert "conv(16)" in _text(wide)
    less, more = _study("{drop: [drop(0.5), drop(0.3)]}").arms
    assert "drop(0.1)" in _text(less)
    assert "drop(0.5)" in _text(less)
    assert more.spec.hash == load(Path("b.arch")).hash


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ("[conv(64), conv(32)]", r"`conv\(8\)` and `conv\(16\)`, and it does not say which of them"),
        ("[conv(8), conv(16)]", r"`conv\(8\)` and `conv\(16\)`, and it does not say which of them"),
        ("[drop(0.1), none]", r"the arm without `drop\(0\.1\)` would still have `drop\(0\.3\)`"),
    ],
)
def test_a_factor_of_several_places_is_refused(levels: str, message: str) -> None:
    with pytest.raises(ArchError, match=message) as raised:
        _study(f"{{f: {levels}}}")
    assert "put holes there: {f: " in str(raised.value.help)


@pytest.mark.parametrize(
    ("factors", "note"),
    [
        ("{opt: [none, adam(0.1)]}", "factor `opt`: the base file has `sgd(0.1)`, and the reference arm has none"),
        ("{opt: [adam(0.2), adam(0.1)]}", "the base file has `sgd(0.1)`, and the reference arm has `adam(0.2)`"),
        ("{act: [none, relu]}", "the base file has `relu`, and the reference arm has none"),
        ("{opt: [sgd(0.10), adam(0.1)]}", ""),
        ("{opt: [adam(0.1), sgd(0.1)]}", "the base file has `sgd(0.1)`, and the reference arm has `adam(0.1)`"),
        ("{mixup: [mixup(0.2), none]}", ""),
        ("{train.epochs: [2, 3]}", ""),
        ("{net: [gap linear(10), flatten linear(10)]}", ""),
    ],
)
def test_a_reference_that_is_not_the_file_is_said(factors: str, note: str) -> None:
    notes = _study(factors).notes
    assert note in " ".join(notes)
    assert bool(notes) == bool(note)


@pytest.mark.parametrize(
    ("factors", "given", "refused"),
    [
        ("{ep: [epochs(1), epochs(2)]}", "train.epochs: 5", True),
        ("{ep: [epochs(5), epochs(2)]}", "train.epochs: 5", False),
        ("{train.epochs: [1, 2]}", "train.epochs: 5", True),
        ("{train.epochs: [5, 2]}", "train.epochs: 5", False),
        ("{opt: [sgd(0.2), sgd(0.3)]}", "train.adam: 0.1", True),
        ("{opt: [sgd(0.2), sgd(0.3)]}", "train.batch: 10", False),
        ("{c: [crop(2), none]}", "data.crop: 4", True),
    ],
)
def test_a_setting_that_no_arm_would_have_is_refused(factors: str, given: str, refused: bool) -> None:
    more = f"set: {{{given}}}\n"
    if not refused:
        _study(factors, more)
        return
    with pytest.raises(ArchError, match=r"is set, and the factor `.*` has its own levels"):
        _study(factors, more)


def test_a_setting_is_the_base_of_with() -> None:
    found = _with("epochs(2)", set=("train.epochs=7",))
    assert ["epochs(7)" in _text(arm) for arm in found.arms] == [True, False]


def test_line_breaks_around_a_text_are_no_other_question(tmp_path: Path) -> None:
    """A study of a text is found again in its folder as what it was."""
    for text in (BASE.strip(), BASE, f"\n{BASE}\n\n"):
        study = select(text, SelectionOptions(into=("tanh",)))
        folder = folder_of(study, tmp_path)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / STUDY).exists():
            (folder / STUDY).write_text(standalone(study))
        assert question_changes(folder, study) == []
    assert len(list((tmp_path / "studies").iterdir())) == 1
