"""`attend` against the formula written out by hand, against `attention`, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from archdsl.emit import layers
from archdsl.emit.build import build
from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.importer.places import distances
from archdsl.ir.trace import Trace
from archdsl.syntax.parse import parse


def trace_of(text: str) -> Trace:
    return complete(expand(parse(text)), (3, 32, 32), 10).trace


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shaken(module: nn.Module) -> nn.Module:
    torch.manual_seed(2)
    for value in module.parameters():
        nn.init.normal_(value, std=0.3)
    return module.eval()


@pytest.mark.holds("attend")
def test_queries_keys_and_values_of_unlike_numbers_and_widths() -> None:
    q, k, v = drawn(1, 5, 6), drawn(1, 7, 6, seed=2), drawn(1, 7, 4, seed=3)
    found = shaken(layers.Attend(2, scale=0.4))(q, k, v)
    for head in range(2):
        mine = slice(3 * head, 3 * head + 3)
        weights = (0.4 * q[0, :, mine] @ k[0, :, mine].T).softmax(1)
        torch.testing.assert_close(found[0, :, 2 * head : 2 * head + 2], weights @ v[0, :, 2 * head : 2 * head + 2])


@pytest.mark.holds("attend")
def test_with_linear_layers_it_is_attention_within_moved_windows() -> None:
    whole = shaken(build(trace_of("net patch(4, 24) attention(3, window=4, shift=2, relpos) gap linear(10)")))
    by_parts = build(
        trace_of(
            "net patch(4, 24) linear(72, each) attend(part(1, 3) | part(2, 3) | part(3, 3), 3, window=4, shift=2, relpos=signed) "
            "linear(24, each) gap linear(10)"
        )
    ).eval()
    given = list(whole.state_dict().items())
    table = [v for n, v in given if n.endswith("relpos")]
    rest = [v for n, v in given if not n.endswith("relpos")]
    wanted = by_parts.state_dict()
    values = iter(rest)
    by_parts.load_state_dict(
        {n: table[0] if n.endswith("relpos") else next(values).reshape(v.shape) for n, v in wanted.items()}
    )
    x = drawn(2, 3, 32, 32)
    torch.testing.assert_close(by_parts(x), whole(x))


@pytest.mark.holds("attend")
def test_the_bias_of_absolute_distances() -> None:
    module = shaken(layers.Attend(1, relpos="absolute", sizes=((2, 2), (4, 4))))
    q, k, v = drawn(1, 3, 2, 2), drawn(1, 3, 4, 4, seed=2), drawn(1, 3, 4, 4, seed=3)
    found = module(q, k, v)
    assert isinstance(module, layers.Attend)
    assert module.relpos is not None
    for row in range(2):
        for column in range(2):
            scores = []
            for y in range(4):
                for x in range(4):
                    bias = module.relpos[abs(2 * row - y) * 4 + abs(2 * column - x), 0]
                    scores.append(q[0, :, row, column] @ k[0, :, y, x] * 3**-0.5 + bias)
            weights = torch.stack(scores).softmax(0)
            torch.testing.assert_close(found[0, :, row, column], v[0].flatten(1) @ weights)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patch(8, 64) tokens attend(id | id)", "2 branches"),
        ("patch(8, 64) tokens attend(gap | id | id)", "takes tokens or images"),
        ("patch(8, 64) tokens attend(linear(8) | id | id)", "have no product"),
        ("patch(8, 64) tokens attend(id | id | take(0, 4))", "16 keys and 4 values"),
        ("patch(8, 64) tokens attend(id | id | id, 5)", "do not divide"),
        ("patch(8, 64) tokens attend(id | id | id, window=2)", "three images of one size"),
        ("patch(8, 64) attend(id | id | id, window=2, grid=2)", "exclude each other"),
        ("patch(8, 64) attend(id | id | id, shift=1)", "there are none"),
        ("patch(8, 64) attend(tokens | id | id, relpos=signed)", "both tokens, or both images"),
        ("patch(4, 24) attend(conv(24, 3, p=0) | id | id, 3, relpos=absolute)", "queries and keys that fit"),
        ("patch(4, 24) attend(conv(24, 3, p=0) | id | id, 3, relpos=signed)", "queries and keys that fit"),
        ("patch(4, 24) attend(id | maxpool(2) | maxpool(2), 3, relpos=absolute)", "queries and keys that fit"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        trace_of(f"net {text} gap linear(10)")


@pytest.mark.holds("attend")
def test_cosines_with_the_bias_of_a_small_network_are_swin_v2s() -> None:
    module = shaken(layers.Attend(2, relpos="cpb", sizes=((3, 2), (3, 2)), cosine="exp"))
    assert isinstance(module, layers.Attend)
    assert module.factor is not None
    assert module.cpb is not None
    q, k, v = drawn(1, 6, 4), drawn(1, 6, 4, seed=2), drawn(1, 6, 4, seed=3)
    found = module.mixed(q, k, v)
    for head in range(2):
        mine = slice(2 * head, 2 * head + 2)
        for i in range(6):
            scores = []
            for j in range(6):
                by = torch.tensor([8.0 * (i // 2 - j // 2) / 2, 8.0 * (i % 2 - j % 2) / 1])
                bias = 16 * module.cpb(by.sign() * (by.abs() + 1).log2() / 3)[head].sigmoid()
                cosine = torch.cosine_similarity(q[0, i, mine], k[0, j, mine], dim=0)
                scores.append(cosine * module.factor[head].squeeze().clamp(max=100.0).exp() + bias)
            torch.testing.assert_close(found[0, i, mine], torch.stack(scores).softmax(0) @ v[0, :, mine])


@pytest.mark.holds("attend")
@pytest.mark.parametrize("cosine", ["none", "factor"])
def test_channels_attend_to_channels(cosine: str) -> None:
    module = shaken(layers.Attend(2, cosine=cosine, channels=True))
    assert isinstance(module, layers.Attend)
    q, k, v = drawn(1, 7, 6), drawn(1, 7, 4, seed=2), drawn(1, 7, 4, seed=3)
    found = module(q, k, v)
    for head in range(2):
        a, b, c = (x[0, :, n * head : n * head + n].T for x, n in ((q, 3), (k, 2), (v, 2)))  # (channels, tokens)
        scores = a @ b.T * 3**-0.5
        if module.factor is not None:
            scores = nn.functional.normalize(a, dim=1) @ nn.functional.normalize(b, dim=1).T * module.factor[head]
        torch.testing.assert_close(found[0, :, 3 * head : 3 * head + 3], (scores.softmax(1) @ c).T)


@pytest.mark.holds("attend")
@pytest.mark.parametrize("sizes", [((2, 4), (4, 8)), ((2, 4), (4, 4)), ((4, 2), (7, 2)), ((1, 3), (5, 6))])
def test_the_bias_of_signed_distances_of_fewer_queries(sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    (rows, columns), (height, width) = sizes
    module = layers.Attend(1, relpos="signed", sizes=sizes)
    apart = -(-height // rows), -(-width // columns)
    by = [
        [(apart[0] * i - y, apart[1] * j - x) for y in range(height) for x in range(width)]
        for i in range(rows)
        for j in range(columns)
    ]
    index = module.distances(torch.device("cpu")).tolist()
    pairs = {(b, i) for line, found in zip(by, index, strict=True) for b, i in zip(line, found, strict=True)}
    # a row for each distance, and one distance for each row
    assert len(pairs) == len({b for b, _ in pairs}) == len({i for _, i in pairs})
    assert module.relpos is not None
    assert max(i for _, i in pairs) == len(module.relpos) - 1
    known = distances(*sizes, absolute=False)  # those of the importer
    assert known is not None
    assert (known[0].tolist(), known[1]) == (index, len(module.relpos))


@pytest.mark.holds("attend")
def test_a_class_token_has_three_biases_of_its_own() -> None:
    module = shaken(layers.Attend(1, relpos="class", sizes=((2, 2), (2, 2))))
    assert isinstance(module, layers.Attend)
    assert module.relpos is not None
    index = module.distances(torch.device("cpu"))
    assert index[0].tolist() == [11, 9, 9, 9, 9]  # to the others, and to itself
    assert index[1:, 0].tolist() == [10, 10, 10, 10]
    assert index[1:, 1:].tolist() == [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]
    q, k, v = drawn(1, 5, 3), drawn(1, 5, 3, seed=2), drawn(1, 5, 3, seed=3)
    scores = q[0] @ k[0].T * 3**-0.5 + module.relpos[index][:, :, 0]
    torch.testing.assert_close(module(q, k, v)[0], scores.softmax(1) @ v[0])


@pytest.mark.holds("attend")
def test_turned_queries_and_keys_are_those_of_attention() -> None:
    whole = shaken(build(trace_of("net patch(4, 24) attention(3, rotary) gap linear(10)")))
    by_parts = build(
        trace_of(
            "net patch(4, 24) linear(72, each) attend(part(1, 3) | part(2, 3) | part(3, 3), 3, rotary) "
            "linear(24, each) gap linear(10)"
        )
    ).eval()
    values = iter(whole.state_dict().values())
    by_parts.load_state_dict({n: next(values).reshape(v.shape) for n, v in by_parts.state_dict().items()})
    x = drawn(2, 3, 32, 32)
    torch.testing.assert_close(by_parts(x), whole(x))


@pytest.mark.parametrize(
    "text",
    [
        "patch(4, 24) attend(id | id | id, 3, cosine=exp, scale=0.5)",
        "patch(4, 24) attend(id | id | id, 3, channels, window=4)",
        "patch(4, 24) attend(id | id | conv(12, 1), 3, channels)",
        "patch(4, 24) tokens attend(id | id | id, 3, relpos=cpb)",
        "patch(4, 24) tokens attend(id | id | id, 3, relpos=class)",
        "patch(4, 24) attend(id | id | id, 8, rotary)",
    ],
)
def test_forms_that_do_not_fit_are_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(SpecError) as raised:
        trace_of(f"net {text} gap linear(10)")
    assert raised.value.diagnostics[0].help
