import pytest

from archdsl.errors import ArchError
from archdsl.expand.statements import expand
from archdsl.syntax.parse import parse
from archdsl.train.experiment import fold_data, fold_train
from archdsl.train.override import data_word, override

TEXT = (
    "net gap linear(10)  # a net\ndata fashion-mini valid(10%)\ntrain sgd(0.1, momentum=0.8) epochs(3) cosine  # go\n"
)


@pytest.mark.parametrize(
    ("assignment", "old", "new"),
    [
        ("train.epochs=1", "epochs(3)", "epochs(1)"),
        ("train.epochs=epochs(1)", "epochs(3)", "epochs(1)"),
        ("train.optimizer=adam(1e-3)", "sgd(0.1, momentum=0.8)", "adam(1e-3)"),
        ("train.schedule=step(2)", "cosine", "step(2)"),
        ("train.schedule=", "cosine", ""),
        ("train.batch=64", "cosine", "cosine batch(64)"),
        ("train.lr=0.2", "sgd(0.1", "sgd(0.2"),
        ("train.momentum=0", "momentum=0.8", "momentum=0"),
        ("train.nesterov=true", "momentum=0.8", "momentum=0.8, nesterov=true"),
        ("train.end=1%", "cosine", "cosine(end=1%)"),
        ("data.dataset=cifar10", "fashion-mini", "cifar10"),
        ("data.valid=200", "valid(10%)", "valid(200)"),
        ("data.flip=flip", "valid(10%)", "valid(10%) flip"),
    ],
)
def test_one_word_changes_and_all_else_stays(assignment: str, old: str, new: str) -> None:
    changed = override(TEXT, [assignment])
    assert changed == TEXT.replace(old, new)
    graph = expand(parse(changed))
    assert fold_data(graph.data)
    assert fold_train(graph.train)


def test_a_text_without_statements_gets_them() -> None:
    changed = override("gap linear(10)", ["data.dataset=fashion-mini", "train.epochs=2", "train.seed=1"])
    assert changed == "gap linear(10)\ndata fashion-mini\ntrain epochs(2) seed(1)\n"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs=1", "not SPACE.KEY=VALUE"),
        ("train.epochs", "not SPACE.KEY=VALUE"),
        ("net.conv=1", "not SPACE.KEY=VALUE"),
        ("train.epoch=1", "did you mean `epochs`"),
        ("train.optimizer=sdg(0.1)", "no word for train.optimizer"),
        ("train.batch=", "does not have"),
        ("train.epochs=1\nnet x", "more than one word"),
        ("data.dataset=imagenet21k", "no word for data.dataset"),
    ],
)
def test_an_assignment_that_means_nothing(assignment: str, message: str) -> None:
    with pytest.raises(ArchError, match=message) as caught:
        override(TEXT, [assignment])
    assert message in str(caught.value)


def test_data_names() -> None:
    assert data_word("cifar10") == "cifar10"
    assert data_word("folder:my photos/x") == 'folder("my photos/x")'
    with pytest.raises(ArchError, match="names no folder"):
        data_word('folder:a"b')
