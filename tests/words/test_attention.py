"""The forms of attention against formulas written out by hand, and what they refuse."""

from __future__ import annotations

from functools import partial
from itertools import product
from math import cos, sin

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.emit import layers
from archdsl.emit.vision import import_torchvision
from archdsl.expand import complete, expand
from archdsl.export.alive import drawing
from archdsl.ir.trace import Trace
from archdsl.syntax.parse import parse


def trace_of(text: str) -> Trace:
    return complete(expand(parse(text)), (3, 32, 32), 10).trace


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def shaken(module: nn.Module) -> nn.Module:
    torch.manual_seed(2)
    for value in module.parameters():
        nn.init.normal_(value, std=0.3)
    return module.eval()


def heads_of(attention: nn.Module, x: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Queries, keys and values of each head by slices of the one matrix, for one example (T, width)."""
    assert isinstance(attention, layers.GeneralAttention)
    rows = attention.qkv(x)
    d, queries, keys = attention.head_dim, attention.heads, attention.kv
    parts = [rows[:, n * d : (n + 1) * d] for n in range(queries + 2 * keys)]
    return parts[:queries], parts[queries : queries + keys], parts[queries + keys :]


@pytest.mark.holds("attention")
def test_without_a_form_it_is_the_plain_one() -> None:
    plain, general = shaken(layers.Attention(24, 4)), shaken(layers.GeneralAttention(24, 4))
    values = list(plain.state_dict().values())
    general.load_state_dict(dict(zip(general.state_dict(), values, strict=True)))
    x = drawn(3, 7, 24)
    torch.testing.assert_close(general(x), plain(x))


@pytest.mark.holds("attention")
@pytest.mark.parametrize("kv", [1, 2, 4])
def test_heads_share_keys_and_have_a_width_of_their_own(kv: int) -> None:
    module = shaken(layers.GeneralAttention(12, 4, head_dim=5, out=9, kv=kv, scale=0.3))
    x = drawn(1, 6, 12)
    q, k, v = heads_of(module, x[0])
    mixed = [(0.3 * q[h] @ k[h * kv // 4].T).softmax(1) @ v[h * kv // 4] for h in range(4)]
    torch.testing.assert_close(module(x)[0], module.proj(torch.cat(mixed, 1)))


@pytest.mark.holds("attention")
def test_causal_attention_is_that_of_each_beginning() -> None:
    module, x = shaken(layers.GeneralAttention(8, 2, causal=True)), drawn(2, 5, 8)
    free = layers.GeneralAttention(8, 2).eval()
    free.load_state_dict(module.state_dict())
    for n in range(1, 6):
        torch.testing.assert_close(module(x)[:, n - 1], free(x[:, :n])[:, -1])


@pytest.mark.holds("attention")
@pytest.mark.parametrize("size", [(6,), (2, 3)])
def test_a_bias_for_each_distance(size: tuple[int, ...]) -> None:
    module, x = shaken(layers.GeneralAttention(8, 2, size=size, relpos=True)), drawn(1, 6, 8)
    rows = list(product(*(range(-n + 1, n) for n in size)))  # as the table is laid out: the last axis changes fastest
    places = list(product(*map(range, size)))
    q, k, v = heads_of(module, x[0])
    mixed = []
    for h in range(2):
        bias = [[module.relpos.detach()[rows.index(tuple(map(int.__sub__, a, b))), h] for b in places] for a in places]
        mixed.append((q[h] @ k[h].T / 2 + torch.tensor(bias)).softmax(1) @ v[h])
    torch.testing.assert_close(module(x)[0], module.proj(torch.cat(mixed, 1)))


@pytest.mark.holds("attention")
@pytest.mark.parametrize("size", [(6,), (2, 3)])
def test_rotary_angles(size: tuple[int, ...]) -> None:
    """Each pair of neighbouring numbers is a complex one, turned by place·base^(-2i/width), an axis after the other."""
    module, q = layers.GeneralAttention(16, 2, size=size, rotary=100.0), drawn(1, 2, 6, 8)
    turned = module.turned(q, size, 100.0)
    for number, place in enumerate(product(*map(range, size))):
        width = 8 // len(size)
        angles = [at * 100.0 ** (-2 * i / width) for at in place for i in range(width // 2)]
        for pair, angle in enumerate(angles):
            a, b = q[0, :, number, 2 * pair], q[0, :, number, 2 * pair + 1]
            torch.testing.assert_close(turned[0, :, number, 2 * pair], a * cos(angle) - b * sin(angle))
            torch.testing.assert_close(turned[0, :, number, 2 * pair + 1], a * sin(angle) + b * cos(angle))


@pytest.mark.holds("attention")
@pytest.mark.parametrize("kind", ["ln", "rms"])
def test_normalised_queries_and_keys(kind: str) -> None:
    module, x = shaken(layers.GeneralAttention(8, 2, qknorm=kind)), drawn(1, 5, 8)

    def norm(value: Tensor, by: nn.Module) -> Tensor:
        centred = value - value.mean(1, keepdim=True) if kind == "ln" else value
        scaled = centred / (centred.square().mean(1, keepdim=True) + 1e-6).sqrt() * by.weight
        return scaled + by.bias if kind == "ln" else scaled

    q, k, v = heads_of(module, x[0])
    mixed = [(norm(q[h], module.q_norm) @ norm(k[h], module.k_norm).T / 2).softmax(1) @ v[h] for h in range(2)]
    torch.testing.assert_close(module(x)[0], module.proj(torch.cat(mixed, 1)))


@pytest.mark.holds("attention")
def test_talking_heads() -> None:
    module, x = shaken(layers.GeneralAttention(8, 4, talk=True)), drawn(1, 5, 8)
    q, k, v = heads_of(module, x[0])
    products = torch.stack([a @ b.T for a, b in zip(q, k, strict=True)]) / 2**0.5
    before, after = module.talk_before, module.talk_after
    scores = torch.einsum("gh,hts->gts", before.weight, products) + before.bias[:, None, None]
    weights = torch.einsum("gh,hts->gts", after.weight, scores.softmax(2)) + after.bias[:, None, None]
    mixed = [weights[h] @ v[h] for h in range(4)]
    torch.testing.assert_close(module(x)[0], module.proj(torch.cat(mixed, 1)))


def looks(height: int, width: int, size: int, shift: int) -> list[list[int]]:
    """By brute force, which pixels each pixel looks at: those of its window, without those that came round the border."""

    def cell(at: int, length: int) -> tuple[int, bool]:
        moved = (at - shift) % length
        return moved // size, at < shift  # the window of the moved image, and whether the pixel came round

    cells = [(cell(r, height), cell(c, width)) for r, c in product(range(height), range(width))]
    return [[n for n, other in enumerate(cells) if other == own] for own in cells]


@pytest.mark.holds("attention")
@pytest.mark.parametrize(("height", "width", "shift"), [(8, 12, 0), (8, 12, 2), (8, 12, 1), (4, 8, 0)])
def test_windows_by_brute_force(height: int, width: int, shift: int) -> None:
    f = shaken(layers.GeneralAttention(6, 2, size=(4, 4)))
    module, x = layers.Windows(f, (4, 4), shift=(shift, shift)), drawn(1, 6, height, width)
    pixels = x.flatten(2).transpose(1, 2)
    found = module(x).flatten(2).transpose(1, 2)
    for at, seen in enumerate(looks(height, width, 4, shift)):
        expected = f(pixels[:, seen])[:, seen.index(at)]
        torch.testing.assert_close(found[:, at], expected)


@pytest.mark.holds("attention")
@pytest.mark.parametrize("size", [(2, 3), (4, 6), (1, 2)])
def test_a_grid_is_of_pixels_that_are_equally_far_apart(size: tuple[int, int]) -> None:
    f = shaken(layers.GeneralAttention(6, 2, size=size, relpos=True))
    module, x = layers.Windows(f, size, grid=True), drawn(2, 6, 4, 6)
    down, right = 4 // size[0], 6 // size[1]
    found = module(x)
    for r, c in product(range(down), range(right)):
        part = x[:, :, r::down, c::right]
        expected = f(part.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, size)
        torch.testing.assert_close(found[:, :, r::down, c::right], expected)


@pytest.mark.holds("attention")
@pytest.mark.parametrize(("shift", "height"), [(0, 14), (3, 14), (3, 17), (0, 10), (3, 10)])
def test_swins_windows_are_torchvisions_also_where_they_do_not_divide_the_image(shift: int, height: int) -> None:
    import_torchvision()
    from torchvision.models.swin_transformer import ShiftedWindowAttention

    theirs = shaken(ShiftedWindowAttention(12, [7, 7], [shift, shift], 3))
    ours = layers.Windows(layers.GeneralAttention(12, 3, size=(7, 7), relpos=True), (7, 7), shift=(shift, shift)).eval()
    held = [v for n, v in theirs.state_dict().items() if not n.endswith("index")]
    ours.load_state_dict(dict(zip(ours.state_dict(), held, strict=True)))
    x = drawn(2, 12, height, 16)
    torch.testing.assert_close(ours(x), theirs(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


@pytest.mark.holds("attention")
def test_coatnets_attention_with_a_table_of_the_whole_image_is_timms() -> None:
    import_torchvision()  # timm imports it
    timm = pytest.importorskip("timm.models.maxxvit")
    table = partial(timm.RelPosBias, window_size=(3, 4))
    theirs = shaken(timm.Attention2d(8, 12, dim_head=4, expand_first=False, rel_pos_cls=table))
    ours = layers.Windows(layers.GeneralAttention(8, 2, out=12, size=(3, 4), relpos=True), (3, 4)).eval()
    held = {n: v.flatten(1) if v.ndim == 4 else v for n, v in theirs.state_dict().items()}
    for name in ("qkv.weight", "qkv.bias"):  # heads, then queries, keys and values of each; here the other way round
        held[name] = held[name].unflatten(0, (2, 3, 4)).transpose(0, 1).flatten(0, 2)
    held["relpos"] = held.pop("rel_pos.relative_position_bias_table")
    ours.f.load_state_dict(held)
    x = drawn(2, 8, 3, 4)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.holds("attention")
@pytest.mark.parametrize("settings", [{"reduce": 2}, {"reduce": (1, 2)}, {"reduce": 1}, {"pool": 2}])
def test_keys_and_values_of_a_smaller_image(settings: dict[str, int]) -> None:
    module, x = shaken(layers.ReducedAttention(8, 2, **settings)), drawn(2, 8, 4, 6)
    small = x
    if "pool" in settings:
        small = functional.adaptive_avg_pool2d(x, 2)
    if settings != {"reduce": 1}:
        small = module.reduce(small)
    keys = small.flatten(2).transpose(1, 2)
    keys = keys if settings == {"reduce": 1} else module.norm(keys)
    keys = functional.gelu(keys) if "pool" in settings else keys
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    k, v = module.kv.weight.chunk(2)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat((module.q.weight, k, v)))
        theirs.in_proj_bias.copy_(torch.cat((module.q.bias, module.kv.bias)))
        theirs.out_proj.load_state_dict(module.proj.state_dict())
    expected = theirs(x.flatten(2).transpose(1, 2), keys, keys)[0]
    torch.testing.assert_close(module(x).flatten(2).transpose(1, 2), expected)


@pytest.mark.holds("classattention")
def test_the_class_token_alone_asks() -> None:
    module, x = shaken(layers.ClassAttention(8, 2)), drawn(2, 5, 8)
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([m.weight for m in (module.q, module.k, module.v)]))
        theirs.in_proj_bias.copy_(torch.cat([m.bias for m in (module.q, module.k, module.v)]))
        theirs.out_proj.load_state_dict(module.proj.state_dict())
    torch.testing.assert_close(module(x), theirs(x[:, :1], x, x)[0])


@pytest.mark.holds("xca")
def test_cross_covariance_is_the_papers_formula() -> None:
    """V·softmax(K̂ᵀQ̂/τ) in the paper, with channels as columns; the temperature of the published code is 1/τ."""
    module, x = shaken(layers.CrossCovarianceAttention(8, 2)), drawn(1, 5, 8)
    q, k, v = module.qkv(x[0]).chunk(3, 1)
    mixed = []
    for h in range(2):
        own = slice(4 * h, 4 * h + 4)
        queries, keys = (t[:, own] / t[:, own].square().sum(0).sqrt() for t in (q, k))
        weights = (queries.T @ keys * module.temperature[h]).softmax(1)  # of each channel over all
        mixed.append(v[:, own] @ weights.T)
    torch.testing.assert_close(module(x)[0], module.proj(torch.cat(mixed, 1)))


@pytest.mark.holds("pos")
def test_sines_and_cosines_of_places() -> None:
    module = layers.SinCosPosition()
    found = module(torch.zeros(1, 7, 6))[0]
    expected = [[(sin, cos)[c % 2](p / 10000 ** (c // 2 * 2 / 6)) for c in range(6)] for p in range(7)]
    torch.testing.assert_close(found, torch.tensor(expected))
    image = module(torch.zeros(1, 12, 4, 7))[0]
    torch.testing.assert_close(image[:6], found[:4].T[:, :, None].expand(-1, -1, 7))
    torch.testing.assert_close(image[6:], found.T[:, None].expand(-1, 4, -1))


@pytest.mark.holds("attention classattention xca")
@pytest.mark.parametrize(
    "module",
    [
        layers.GeneralAttention(8, 2, drop=0.4, talk=True),
        layers.GeneralAttention(8, 2, drop=0.4, causal=True),
        layers.ClassAttention(8, 2, drop=0.4),
        layers.CrossCovarianceAttention(8, 2, drop=0.4),
    ],
)
def test_dropout_of_weights_works_in_training_alone(module: nn.Module) -> None:
    x = drawn(2, 5, 8)
    assert drawing(module) == [module]
    assert not torch.equal(module.train()(x), module(x))
    assert torch.equal(module.eval()(x), module(x))


def test_another_spelling_of_the_default_is_the_plain_layer() -> None:
    plain, same = (trace_of(f"patch(4, 24) tokens attention({a})") for a in ("4", "4, head_dim=6, out=24, kv=4"))
    assert [list(r.layer.weights) for r in plain.rows] == [list(r.layer.weights) for r in same.rows]
