"""timm's block strings: as timm itself decodes them, and strictly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from archdsl.emit.vision import import_torchvision
from archdsl.errors import SpecError
from archdsl.importer.gate import pass_gate
from archdsl.importer.lift import lift
from archdsl.importer.match import read
from archdsl.importer.strings import spec_of_strings
from archdsl.importer.trace import traced

SHAPE = (3, 64, 64)
NETS = {
    "efficientnet": "ds_r1_k3_s1_e1_c16_se0.25 ir_r2_k3_s2_e6_c24_se0.25 ir_r2_k5_s2_e6_c40_se0.25",
    "mobilenet": "ds_r1_k3_s1_c16, ir_r2_k3_s2_e6_c24, ir_r3_k3_s2_e6_c32",
    "edge": "er_r1_k3_s1_e4_c24_noskip er_r2_k3_s2_e8_c32 ir_r2_k5_s2_e8_c48 cn_r1_k1_s1_c64_skip",
    "mixed": "dsa_r2_k3_s1_c20 ir_r2_k3_s2_e2.5_c30_nhs_noskip cn_r2_k3_s1_c32_skip_nsw ir_r1_k3_s2_e1_c40_se0.5_nmi",
}


@pytest.mark.parametrize("name", NETS)
def test_timm_decodes_the_same(name: str) -> None:
    """The text is timm's network: the same layers, wired alike, and the same logits with the same weights."""
    import_torchvision()  # which timm imports
    from timm.models._efficientnet_builder import decode_arch_def
    from timm.models.efficientnet import EfficientNet

    strings = [[s] for s in NETS[name].replace(",", " ").split()]
    module = EfficientNet(decode_arch_def(strings), stem_size=32)
    graph = traced(module, SHAPE, name)
    steps, output = lift(graph, SHAPE, name, module)
    assert pass_gate(graph, read(spec_of_strings(NETS[name], SHAPE)), steps, output, name).difference <= 1e-5


def test_the_text_uses_families() -> None:
    assert "efficientnet[16(t=1), 24x2(s=2), 40x2(k=5, s=2)]" in spec_of_strings(NETS["efficientnet"], SHAPE)


def test_lists_may_be_pasted() -> None:
    pasted = "[['ds_r1_k3_s1_c16'],\n ['ir_r2_k3_s2_e6_c24'], [\"ir_r3_k3_s2_e6_c32\"]]"
    assert spec_of_strings(pasted, SHAPE) == spec_of_strings(NETS["mobilenet"].replace(",", ""), SHAPE)


WRONG = {
    "ir_r2_k3_s2_e6_c24_q0.25": ("`q0.25` has no meaning for `ir`", 20),
    "ir_r2_k3_s2_e6_c24_se0.25_se0.5": ("`se0.5` is given twice", 27),
    "ir_r2_k3_s2_c24": ("`ir` needs e", 1),
    "irr_r2_k3_s2_e6_c24": ("no kind of block `irr`", 1),
    "uir_r2_k3_s2_e6_c24": ("no kind of block `uir`", 1),
    "ds_r1_k3_s1_c16  ir_r2_k4_s2_e6_c24": ("`k4` is an even window", 24),
    "ir_r0_k3_s2_e6_c24": ("`r0` needs a whole number", 4),
    "ir_r2_k3_s2_e6_c24_se1.5": ("`se1.5` is not a fraction", 20),
    "ir_r2_k3_s2_e6_c24_nxx": ("`nxx` means nothing", 20),
    "ir_r2_k3_s2_e6_c24_gs8": ("`gs8` is timm's, but not converted", 20),
    "ir_r2_k3_s4_e6_c24 ir_r2_k3_s8_e6_c24": ("from 32 on timm dilates", 20),
    "dsa_r2_k3_s1_c16_noskip": ("says nothing of a block without a skip", 18),
    "ir__r2_k3_s2_e6_c24": ("`` means nothing", 4),
    "  ": ("there is no block string", 1),
}


@pytest.mark.parametrize("text", WRONG)
def test_strict(text: str) -> None:
    message, column = WRONG[text]
    with pytest.raises(SpecError) as caught:
        spec_of_strings(text, SHAPE)
    (found, *_) = caught.value.diagnostics
    assert message in found.message
    assert found.span is not None
    assert found.span.source.position(found.span.start) == (1, column)
    assert found.help


def test_all_mistakes_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        spec_of_strings("ir_r2_k3_s2_e6_c24_q1 ds_r1_k3_s1 xx_r1", SHAPE)
    assert len(caught.value.diagnostics) == 3


def test_no_torch() -> None:
    code = (
        "import sys; from archdsl.cli.main import main\n"
        f"assert main(['import', 'timm-blocks:{NETS['mobilenet']}']) == 0\n"
        "assert main(['import', 'torchvision:resnet18']) == 0\n"
        "assert not {'torch', 'torchvision', 'timm', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
