"""Forms of attention, products, layers along rows and within windows, each against its formula written out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.emit import layers
from archdsl.emit.build import build
from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.ir.cost import cost
from archdsl.syntax.parse import parse


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shaken(module: nn.Module) -> nn.Module:
    torch.manual_seed(2)
    for value in module.parameters():
        nn.init.normal_(value, std=0.3)
    return module.eval()


def refused(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        complete(expand(parse(f"net {text} gap linear(10)")), (3, 32, 32), 10)
    return str(caught.value.message)


@pytest.mark.holds("attend")
def test_products_as_weights_and_their_fractions() -> None:
    q, k, v = (drawn(1, 5, 6, seed=i).relu() for i in (1, 2, 3))
    plain, fraction = layers.LinearAttend(2, scale=0.5), layers.LinearAttend(2, fraction=True)
    for head in range(2):
        mine = slice(3 * head, 3 * head + 3)
        weights = q[0, :, mine] @ k[0, :, mine].T
        torch.testing.assert_close(plain(q, k, v)[0, :, mine], 0.5 * weights @ v[0, :, mine])
        shares = weights / (weights.sum(1, keepdim=True) + 1e-5)
        torch.testing.assert_close(fraction(q, k, v)[0, :, mine], shares @ v[0, :, mine])


@pytest.mark.holds("attend")
def test_heads_that_share_keys() -> None:
    q, k, v = drawn(1, 5, 6), drawn(1, 7, 3, seed=2), drawn(1, 7, 4, seed=3)
    found = layers.Attend(2, kv=1)(q, k, v)
    for head in range(2):
        weights = (q[0, :, 3 * head : 3 * head + 3] @ k[0].T * 3**-0.5).softmax(1)
        torch.testing.assert_close(found[0, :, 4 * head : 4 * head + 4], weights @ v[0])


@pytest.mark.holds("attend")
def test_a_bias_that_depends_on_the_query() -> None:
    module = shaken(layers.Attend(1, relpos="query", sizes=((2, 2), (4, 4)), head=3))
    assert isinstance(module, layers.Attend)
    q, k, v = drawn(1, 3, 2, 2), drawn(1, 3, 4, 4, seed=2), drawn(1, 3, 4, 4, seed=3)
    found = module(q, k, v)
    for row in range(2):
        for column in range(2):
            one = q[0, :, row, column]
            scores = [
                one @ k[0, :, y, x] * 3**-0.5
                + one @ module.rows[2 * row - y + 3]
                + one @ module.columns[2 * column - x + 3]
                for y in range(4)
                for x in range(4)
            ]
            torch.testing.assert_close(found[0, :, row, column], v[0].flatten(1) @ torch.stack(scores).softmax(0))


@pytest.mark.holds("attend")
def test_a_softmax_of_distances_mixed_in() -> None:
    module = shaken(layers.Attend(1, relpos="gated", sizes=((2, 3), (2, 3))))
    assert isinstance(module, layers.Attend)
    q, k, v = (drawn(1, 4, 2, 3, seed=i) for i in (1, 2, 3))
    tokens = [x.flatten(2)[0].T for x in (q, k, v)]
    by = torch.tensor(
        [
            [[x - c, y - r, (x - c) ** 2 + (y - r) ** 2] for y in range(2) for x in range(3)]
            for r in range(2)
            for c in range(3)
        ]
    ).float()
    local = (by @ module.place.weight[0] + module.place.bias).softmax(1)
    gate = module.gate.sigmoid()
    weights = (1 - gate) * (tokens[0] @ tokens[1].T * 4**-0.5).softmax(1) + gate * local
    torch.testing.assert_close(module(q, k, v).flatten(2)[0].T, weights @ tokens[2])


@pytest.mark.holds("attend")
def test_centred_places_behind_tokens_that_have_none() -> None:
    module = layers.Attend(1, rotary=100.0, centred=True, prefix=1, sizes=((2, 2), (2, 2)))
    x = drawn(1, 1, 5, 4)
    found = module.placed(x, (2, 2))
    torch.testing.assert_close(found[..., 0, :], x[..., 0, :])
    for token in range(4):
        pairs = x[0, 0, token + 1].unflatten(0, (2, 2))
        for axis, place in enumerate((token // 2, token % 2)):
            angle = torch.tensor(2 * torch.pi * ((2 * place + 1) / 2 - 1))
            a, b = pairs[axis]
            turned = torch.stack((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()))
            torch.testing.assert_close(found[0, 0, token + 1, 2 * axis : 2 * axis + 2], turned)


@pytest.mark.holds("attend")
def test_windows_of_a_smaller_image_of_queries() -> None:
    q, k, v = drawn(1, 3, 2, 4), drawn(1, 3, 4, 8, seed=2), drawn(1, 5, 4, 8, seed=3)
    found = layers.AttendPooled(1, (4, 4))(q, k, v)
    for half in range(2):
        mine, theirs = slice(2 * half, 2 * half + 2), slice(4 * half, 4 * half + 4)
        one, other, values = (x.flatten(2)[0] for x in (q[..., mine], k[..., theirs], v[..., theirs]))
        weights = (one.T @ other * 3**-0.5).softmax(1)
        torch.testing.assert_close(found[..., mine].flatten(2)[0].T, weights @ values.T)


def test_biases_are_added_before_heads_talk() -> None:
    module = shaken(layers.Attend(2, relpos="absolute", talk=True, sizes=((1, 2), (1, 2))))
    assert isinstance(module, layers.Attend)
    assert module.relpos is not None
    q, k, v = (drawn(1, 2, 4, seed=i) for i in (1, 2, 3))
    scores = torch.stack([q[0, :, i : i + 2] @ k[0, :, i : i + 2].T * 2**-0.5 for i in (0, 2)], -1)
    scores = scores + module.relpos[torch.tensor([[0, 1], [1, 0]])]
    weights = module.talk_after(module.talk_before(scores).softmax(1))
    wanted = torch.cat([weights[..., i] @ v[0, :, 2 * i : 2 * i + 2] for i in range(2)], 1)
    torch.testing.assert_close(module(q, k, v)[0], wanted)


@pytest.mark.holds("lstm gru")
def test_recurrent_layers_along_rows_and_columns() -> None:
    x = drawn(2, 3, 4, 5)
    for kind, plain in (("LSTM", nn.LSTM), ("GRU", nn.GRU)):
        rows = shaken(getattr(layers, f"Row{kind}")(3, 2, batch_first=True, bidirectional=True))
        columns = getattr(layers, f"Column{kind}")(3, 2, batch_first=True, bidirectional=True)
        theirs = plain(3, 2, batch_first=True, bidirectional=True)
        for module in (columns, theirs):
            module.load_state_dict(rows.state_dict())
        for row in range(4):
            torch.testing.assert_close(rows(x)[:, :, row], theirs(x[:, :, row].transpose(1, 2))[0].transpose(1, 2))
        for column in range(5):
            torch.testing.assert_close(
                columns(x)[..., column], theirs(x[..., column].transpose(1, 2))[0].transpose(1, 2)
            )


@pytest.mark.holds("dwconv ln")
def test_what_heads_and_windows_have_in_common() -> None:
    x, conv, norm = drawn(2, 6, 4, 8), shaken(nn.Conv2d(3, 3, 3, padding=1, groups=3)), shaken(layers.LayerNorm2d(3))
    found = layers.Apart(conv, heads=2)(x)
    torch.testing.assert_close(found, torch.cat([conv(part) for part in x.chunk(2, 1)], 1))
    torch.testing.assert_close(layers.Apart(norm, heads=2)(x), torch.cat([norm(part) for part in x.chunk(2, 1)], 1))
    tokens = shaken(nn.LayerNorm(3))
    y = drawn(2, 5, 6)
    torch.testing.assert_close(layers.Apart(tokens, heads=2)(y), torch.cat([tokens(p) for p in y.chunk(2, 2)], 2))
    cut = layers.Apart(conv, window=(4, 4))(x[:, :3])
    torch.testing.assert_close(cut, torch.cat([conv(part) for part in x[:, :3].chunk(2, 3)], 3))


@pytest.mark.holds("shuffle matmul blend offset scale rms tile")
def test_small_words() -> None:
    x = drawn(2, 12, 4, 4)
    for text, wanted in (
        ("shuffle(2, run=3)", torch.cat([x[:, :3], x[:, 6:9], x[:, 3:6], x[:, 9:]], 1)),
        ("tile(2x1)", torch.cat([x, x], 2)),
        ("rms(std, affine=false)", x / (x.var(1, keepdim=True) + 1e-6).sqrt()),
        ("tokens matmul(transpose | id) transpose", (x.flatten(2) @ x.flatten(2).transpose(1, 2)).transpose(1, 2)),
        ("scale(0, sigmoid)", x / 2),
        ("offset", x),
        ("blend(id | times(3))", 2 * x),
    ):
        trace = complete(expand(parse(f"net {text} gap linear(10)")), (12, 4, 4), 10).trace
        net = build(trace).eval()
        seen: list[Tensor] = []
        head = next(m for m in net.modules() if isinstance(m, layers.GlobalAvgPool2d | layers.MeanTokens))
        head.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args[0]))
        net(x)
        torch.testing.assert_close(seen[0], wanted)
        assert cost(trace).params == sum(p.numel() for p in net.parameters())


@pytest.mark.holds("pos")
def test_positions_of_another_size() -> None:
    x = drawn(1, 2, 6, 8)
    whole = shaken(layers.ResizedPosition(2, 3, 4))
    assert isinstance(whole, layers.ResizedPosition)
    torch.testing.assert_close(whole(x) - x, functional.interpolate(whole.embedding, size=(6, 8), mode="bicubic"))
    axes = shaken(layers.ResizedAxesPosition(2, 3, 4))
    assert isinstance(axes, layers.ResizedAxesPosition)
    rows = functional.interpolate(axes.rows[..., 0], size=6, mode="linear")[..., None]
    columns = functional.interpolate(axes.columns[:, :, 0], size=8, mode="linear")[:, :, None]
    torch.testing.assert_close(axes(x) - x, (rows + columns).expand_as(x))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv(24) tokens attend(id | id | id, 2, by=fraction, drop=0.1)", "does not support `drop`"),
        ("conv(24) attend(id | id | id, 4, kv=3)", "3 heads of keys do not divide 4 heads"),
        ("conv(24) tokens attend(id | id | id, 2, prefix=1)", "`prefix` says where `rotary` turns"),
        ("conv(24) tokens attend(id | id | id, 2, rotary, prefix=2)", "behind 2 tokens there is no square image"),
        ("conv(24) tokens attend(id | id | id, 2, relpos=query)", "needs queries and keys of images"),
        ("conv(24) attend(maxpool(2) | id | id, 2, relpos=gated)", "needs queries and keys of images of one size"),
        ("conv(24) attend(maxpool(2) | id | id, 2, window=4, shift=2)", "do not support `shift`"),
        ("conv(24) attend(id | id | id, 2, relpos=gated, talk)", "does not support `talk`"),
        ("conv(24) dwconv(3, heads=5)", "5 heads do not divide 24 channels"),
        ("conv(24) dwconv(3, window=5)", "windows of 5x5 do not divide an image of 32x32"),
        ("conv(24) ln(heads=5)", "5 heads do not divide 24 channels"),
        ("conv(24) shuffle(2, run=5)", "2 groups of runs of 5 do not divide 24 channels"),
        ("conv(24) tokens matmul(id | id)", "`matmul` joins 1024 tokens of 24 and 1024 tokens of 24"),
        ("conv(24) blend(id | maxpool(2))", "`blend` joins unlike shapes"),
        ("conv(24) tokens lstm(4, along=rows)", "`along=rows` takes an image"),
        ("conv(24) pos(of=4, tile=4)", "`of` is the size of learnt vectors"),
        ("conv(1) rms(std)", "one channel has no standard deviation"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    assert message in refused(text)
