"""Layers against the modules that others publish for the same, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from archdsl.emit import layers
from archdsl.emit.build import build
from archdsl.emit.vision import import_torchvision
from archdsl.errors import SpecError
from archdsl.expand import complete, expand
from archdsl.ir.trace import Trace
from archdsl.syntax.parse import parse


def trace_of(text: str) -> Trace:
    return complete(expand(parse(text)), (3, 32, 32), 10).trace


def value_of(text: str, x: torch.Tensor) -> torch.Tensor:
    """What the network gives before the head that it gets."""
    trace = trace_of(f"{text} (end: flatten) linear(10)")
    seen: list[torch.Tensor] = []
    model = build(trace)
    model.get_submodule("end").register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    model(x)
    return seen[0]


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bias", [True, False])
def test_attention_is_torchs(bias: bool) -> None:
    ours, theirs = layers.Attention(24, 4, bias), nn.MultiheadAttention(24, 4, bias=bias, batch_first=True)
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(3, 7, 24)
    torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0])


def test_standardised_convolutions_are_timms() -> None:
    import_torchvision()  # timm imports it
    timm = pytest.importorskip("timm.layers")
    x = torch.rand(2, 8, 9, 9)
    settings = {"stride": 2, "padding": 1, "groups": 2, "bias": True}
    for name, eps in (("StdConv2d", 1e-8), ("ScaledStdConv2d", 1e-5)):
        ours, theirs = getattr(layers, name)(8, 12, 3, **settings), getattr(timm, name)(8, 12, 3, **settings, eps=eps)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        theirs.load_state_dict(ours.state_dict())
        torch.testing.assert_close(ours(x), theirs(x))


def test_layer_norm_of_an_image_is_that_of_its_pixels() -> None:
    x, norm = torch.rand(2, 5, 4, 3), layers.LayerNorm2d(5, eps=1e-6)
    nn.init.normal_(norm.weight)
    expected = functional.layer_norm(x.movedim(1, -1), (5,), norm.weight, norm.bias, 1e-6).movedim(-1, 1)
    torch.testing.assert_close(norm(x), expected)


def test_blur_is_binomial_and_keeps_a_constant() -> None:
    pool = layers.BlurPool2d(3, 2)
    assert torch.equal(pool.kernel[0, 0] * 16, torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]))
    for size in (1, 2, 3, 4, 5):
        torch.testing.assert_close(
            layers.BlurPool2d(size, 2)(torch.ones(1, 2, 9, 9)),
            torch.ones(1, 2, 5, 5)[:, :, : (9 - 1) // 2 + 1, : (9 - 1) // 2 + 1],
        )


def test_tokens_and_back_are_the_image(x: torch.Tensor) -> None:
    torch.testing.assert_close(value_of("tokens untokens", x), x)
    torch.testing.assert_close(value_of("spacetodepth(4) depthtospace(4)", x), x)
    torch.testing.assert_close(value_of("tokens take(33)", x), x[:, :, 1, 1])
    torch.testing.assert_close(value_of("tokens take(-1)", x), x[:, :, -1, -1])
    torch.testing.assert_close(value_of("spacetodepth(2) tokens slice(-1)", x)[:, :, 0], x[:, 2, 1::2, 1::2].flatten(1))


def test_channels(x: torch.Tensor) -> None:
    torch.testing.assert_close(value_of("slice(1, 3)", x), x[:, 1:3])
    torch.testing.assert_close(value_of("slice(-2, -1)", x), x[:, 1:2])
    padded = value_of("padchannels(5)", x)
    torch.testing.assert_close(padded[:, :3], x)
    assert not padded[:, 3:].any()
    six = torch.cat((x, x + 1), 1)
    torch.testing.assert_close(value_of("cat(id | id) shuffle(2)", x)[:, 1::2], value_of("id", x))
    expected = nn.ChannelShuffle(2)(six)
    first = six.unflatten(1, (2, 3)).transpose(1, 2).flatten(1, 2)
    torch.testing.assert_close(first, expected)


def test_a_unit_of_shufflenet_v2_can_be_written() -> None:
    unit = "cat(slice(0, cin//2) | slice(cin//2) conv(29, 1) bn relu dwconv bn conv(29, 1) bn relu) shuffle(2)"
    trace = trace_of(f"conv(58) {unit}")
    assert trace.rows[-3].layer.out == (58, 32, 32)


def test_a_gate_keeps_the_shape_and_has_the_papers_parameters() -> None:
    def weights(text: str) -> int:
        model = build(trace_of(f"conv(64) {text}"))
        return sum(p.numel() for n, p in model.named_parameters() if n.startswith("se"))

    assert weights("se(16)") == 64 * 4 + 4 + 4 * 64 + 64
    assert weights("se(squeeze=8)") == 64 * 8 + 8 + 8 * 64 + 64
    assert weights("se(100)") == 64 + 1 + 64 + 64  # at least one value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("gap attention(4)", "A301"),
        ("tokens spatial", "A301"),
        ("tokens tokens", "A301"),
        ("gap pos", "A301"),
        ("patch(8, 6) tokens attention(4)", "A303"),
        ("patch(8, 6) tokens cls untokens", "A303"),
        ("patch(8, 6) tokens take(0, 12) untokens", "A303"),
        ("conv(8) gap gn(8)", "A303"),
        ("conv(1) ln", "A303"),
        ("conv(8) ln(heads=8)", "A303"),
        ("patch(4, 24) attend(id | id | conv(24, 1), 3, by=fraction, scale=0.1)", "A302"),
        ("tokens take(1024)", "A303"),
        ("slice(2, 2)", "A303"),
        ("slice(0, 4)", "A303"),
        ("slice(-4)", "A303"),
        ("shuffle(2)", "A303"),
        ("padchannels(2)", "A303"),
        ("spacetodepth(5)", "A303"),
        ("depthtospace", "A303"),
        ("blurpool(70)", "A302"),
        ("class: conv(8)", "A212"),
        ("patch(33, 8)", "A302"),
        ("slice(0, 1) conv(8, 1, ws=standard)", "A303"),
        ("conv(6, 1, groups=3, ws=scaled)", "A303"),
        ("gap lrn", "A301"),
        ("tokens lrn", "A301"),
        ("tokens gn(3)", "A301"),
        ("conv(4) gn(3)", "A303"),
        ("maxpool(35, s=2, ceil)", "A302"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, code: str) -> None:
    with pytest.raises(SpecError) as error:
        trace_of(text)
    assert [d.code for d in error.value.diagnostics] == [code]


@pytest.mark.parametrize(("word", "input"), [("conv(4", (3, 24, 24)), ("dwconv(", (3, 24, 24)), ("conv1(4", (24, 3))])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("k", range(1, 8))
def test_the_padding_without_p_keeps_the_size_as_the_help_says(
    word: str, input: tuple[int, ...], k: int, dilation: int
) -> None:
    """Where `k` is odd; an even `k` takes one pixel or token off unless `dilation` is even."""
    text = f"{word}{',' if word[-1] != '(' else ''} k={k}, dilation={dilation}) gap linear(10)"
    out = complete(expand(parse(text)), input, 10).trace.rows[0].layer.out
    size = 24 if k % 2 or not dilation % 2 else 23
    assert out == ((size, 4) if word == "conv1(4" else (out[0], size, size))


def test_the_remedy_for_an_even_window_keeps_the_size() -> None:
    assert trace_of("samepad(4) conv(8, 4, p=0) gap linear(10)").rows[1].layer.out == (8, 32, 32)


@pytest.mark.parametrize("more", ["plain[8x1,16x1] +res +nf", "vgg[8,16] +res +gn(4) +ws", "plain[8x1] +res +ws"])
def test_a_shortcut_of_a_grey_image_has_no_standardised_weights(more: str) -> None:
    trace = complete(expand(parse(f"{more} gap linear(10)")), (1, 16, 16), 10).trace
    shortcuts = [dict(r.layer.weights) for r in trace.rows if ".shortcut." in r.path and r.op.name == "conv"]
    assert "gain" not in shortcuts[0]
    assert build(trace)(torch.rand(2, 1, 16, 16)).isfinite().all()


@pytest.mark.parametrize("size", range(1, 20))
@pytest.mark.parametrize(("pool", "kind"), [("maxpool", nn.MaxPool2d), ("avgpool", nn.AvgPool2d)])
def test_a_pool_with_ceil_keeps_the_last_partial_window(size: int, pool: str, kind: type[nn.Module]) -> None:
    x = torch.rand(2, 3, size, size)
    for k, s, p in ((3, 2, 0), (2, 2, 0), (5, 3, 1), (4, 1, 0), (7, 2, 3)):
        try:
            wanted = kind(k, s, p, ceil_mode=True)(x)
        except RuntimeError:  # nothing of the image is left
            with pytest.raises(SpecError, match="does not fit"):
                complete(expand(parse(f"{pool}({k}, s={s}, p={p}, ceil) gap linear(10)")), (3, size, size), 10)
            continue
        trace = complete(expand(parse(f"{pool}({k}, s={s}, p={p}, ceil) gap linear(10)")), (3, size, size), 10).trace
        assert trace.rows[0].layer.out == wanted.shape[1:]
