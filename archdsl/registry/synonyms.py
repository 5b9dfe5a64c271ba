"""What other tools call our words, so that a message can name ours. Suggestions only: none of these is accepted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archdsl.registry.lookup import find
from archdsl.registry.params import params

if TYPE_CHECKING:
    from collections.abc import Collection

WORDS = {
    "batchnorm": "bn", "batchnorm2d": "bn", "layernorm": "ln", "groupnorm": "gn", "instancenorm": "in", "norm": "bn",
    "fc": "linear", "dense": "linear", "conv2d": "conv", "convolution": "conv", "deconv": "upconv",
    "convtranspose": "upconv", "depthwise": "dwconv", "separable": "sepconv", "swish": "silu", "chunk": "part",
    "split": "part", "globalavgpool": "gap", "globalpool": "gap", "avgpool2d": "avgpool", "maxpool2d": "maxpool",
    "globalmaxpool": "gmp", "adaptiveavgpool": "resize", "dropout": "drop", "dropout2d": "spatial", "concat": "cat",
    "concatenate": "cat", "sum": "add", "plus": "add", "identity": "id", "skip": "shortcut",
    "residual": "res", "repeat": "shared", "leakyrelu": "leaky", "hswish": "hardswish", "pixelshuffle": "depthtospace",
    "stochasticdepth": "droppath", "layerscale": "scale", "interpolate": "upsample", "mha": "attention",
    "pad": "zeropad", "crop": "trim", "squeezeexcite": "se",
    # of networks, as torch, Keras, timm and Flax call them; endings such as 2d and Layer are taken off before
    "batchnormalization": "bn", "layernormalization": "ln", "groupnormalization": "gn", "instancenormalization": "in",
    "batchnormact": "bn", "unitnormalization": "l2norm", "localresponsenorm": "lrn",
    "globalaveragepooling": "gap", "globalmaxpooling": "gmp", "averagepooling": "avgpool", "maxpooling": "maxpool",
    "averagepool": "avgpool", "adaptivemaxpool": "gmp", "spatialdropout": "spatial",
    "alphadropout": "drop", "lazylinear": "linear", "lazyconv": "conv", "convnd": "conv", "denselayer": "linear",
    "mlpblock": "mlp", "fullyconnected": "linear", "innerproduct": "linear", "depthwiseconv": "dwconv",
    "separableconv": "sepconv", "convtransposed": "upconv", "transposedconv": "upconv", "conv2dtranspose": "upconv",
     "zeropadding": "zeropad",
    "constantpad": "zeropad", "cropping": "trim", "upsampling": "upsample", "upsamplingnearest": "upsample",
    "pixelunshuffle": "spacetodepth", "channelshuffle": "shuffle", "permute": "transpose", "reshape": "flatten",
    "multiheadattention": "attention", "multiheaddotproductattention": "attention", "multiheadselfattention": "attention",
    "selfattention": "attention", "window": "attention", "windowattention": "attention", "shiftedwindow": "attention",
    "shiftedwindowattention": "attention", "swin": "attention", "windowpartition": "attention", "gridattention": "attention",
    "relpos": "attention", "relposbias": "attention", "relativepositionbias": "attention", "rope": "attention",
    "rotary": "attention", "rotaryembedding": "attention", "talkingheads": "attention", "talkingheadattn": "attention",
    "groupedqueryattention": "attention", "multiqueryattention": "attention", "gqa": "attention", "mqa": "attention",
    "spatialreduction": "attention", "classattn": "classattention", "crosscovariance": "xca",
    "crosscovarianceattention": "xca", "xcit": "xca", "sincos": "pos", "sinusoidal": "pos",
    "patchembed": "patch", "patchembedding": "patch", "clstoken": "cls", "classtoken": "cls",
    "posembed": "pos", "positionembedding": "pos", "positionalembedding": "pos", "positionalencoding": "pos",
    "squeezeexcitation": "se", "semodule": "se", "logsoftmax": "softmax",
    "rectifier": "relu", "swish1": "silu", "hardtanh": "relu6", "rescaling": "times", "multiplyscalar": "times",
    "multiply": "mul", "subtract": "sub", "minus": "sub", "globalresponsenorm": "grn", "skipinit": "scale", "rezero": "scale",
    "cyclicshift": "roll", "swapaxes": "transpose", "swapdims": "transpose", "upsamplingbilinear": "upsample",
    "bilinear": "upsample", "channelpool": "reduce", "reducemean": "reduce", "reducemax": "reduce", "unbind": "part",
    "siamese": "again", "tied": "again", "tie": "again", "weighttying": "again", "reuse": "again",
    # of sequences; a name with its 1d goes before the one without
    "embedding": "embed", "embeddingbag": "embed", "tokenembedding": "embed", "wordembedding": "embed", "lookup": "embed",
    "grucell": "gru", "lstmcell": "lstm", "rnncell": "rnn", "simplernn": "rnn", "simplernncell": "rnn", "elman": "rnn",
    "recurrent": "gru", "bidirectional": "gru", "bigru": "gru", "bilstm": "lstm", "blstm": "lstm", "timedistributed": "linear",
    "conv1d": "conv1", "convolution1d": "conv1", "lazyconv1d": "conv1", "causalconv": "conv1", "causalconv1d": "conv1",
    "temporalconv": "conv1", "tcn": "conv1", "maxpool1d": "maxpool1", "maxpooling1d": "maxpool1", "avgpool1d": "avgpool1",
    "averagepooling1d": "avgpool1", "causalattention": "attention", "causalselfattention": "attention", "causal": "attention",
    "branch": "cat", "parallel": "cat", "zeros": "padchannels", "adamwoptimizer": "adamw",
    # of training and data, as Keras, fastai, Lightning, timm and torch call them
    "earlystopping": "patience", "labelsmoothing": "smooth", "gradientclip": "clip", "gradclip": "clip", "clipnorm": "clip",
    "clipgradnorm": "clip", "gradientclipval": "clip", "weightdecay": "wd", "decay": "wd", "polyak": "ema",
    "accumulategradbatches": "accumulate", "gradaccum": "accumulate", "batchsize": "batch", "bs": "batch",
    "maxepochs": "epochs", "maxsteps": "steps", "maxtime": "timelimit", "fitonecycle": "onecycle", "onecyclelr": "onecycle",
    "fit1cycle": "onecycle", "cosineannealing": "cosine", "cosineannealinglr": "cosine", "cosinedecay": "cosine",
    "coslr": "cosine", "steplr": "step", "multistep": "milestones", "multisteplr": "milestones",
    "piecewiseconstantdecay": "milestones", "lrsteps": "milestones", "exponentialdecay": "exponential",
    "exponentiallr": "exponential", "lineardecay": "linear", "linearlr": "linear", "polynomial": "poly",
    "polynomiallr": "poly", "polynomialdecay": "poly", "polylr": "poly", "cosinedecayrestarts": "restarts",
    "cosineannealingwarmrestarts": "restarts", "sgdr": "restarts", "cyclic": "triangle", "cycliclr": "triangle",
    "slanted": "triangle", "trapezoid": "cooldown", "trapezoidal": "cooldown", "wsd": "cooldown", "flatcos": "cooldown",
    "fitflatcos": "cooldown", "reducelronplateau": "plateau", "reduceonplateau": "plateau", "plateaulr": "plateau",
    "warmupepochs": "warmup", "warmupsteps": "warmup", "warmupratio": "warmup", "linearwarmup": "warmup",
    "momentum": "sgd", "nesterov": "sgd", "groupsparsity": "grouplasso", "lasso": "l1", "ridge": "l2",
    "clipmode": "clip", "clipgradvalue": "clipvalue",
    "adaptiveclip": "agc", "adaptivegradientclipping": "agc", "clipgradnorm_": "clip", "bceloss": "bce",
    "crossentropy": "ce", "crossentropyloss": "ce", "classweight": "ce", "classweights": "ce",
    "weightnorm": "wn", "weightnormalization": "wn",
    "binarycrossentropy": "bce", "bcewithlogits": "bce", "modelema": "ema", "exponentialmovingaverage": "ema",
    "averagemodel": "ema", "modelcheckpoint": "patience", "savebest": "patience",
    "numepochs": "epochs", "nepochs": "epochs", "niter": "steps", "maxiter": "steps", "gradientaccumulation": "accumulate",
    "manualseed": "seed", "seedeverything": "seed", "testbatch": "evalbatch", "validationbatchsize": "evalbatch",
    "syncbatchnorm": "syncbn", "precisebn": "precise_bn", "randomstate": "seed", "validationsplit": "valid",
    "horizontalflip": "flip", "randomhorizontalflip": "flip", "randomflip": "flip", "hflip": "flip", "randomcrop": "crop",
    "translate": "shift", "widthshift": "shift", "randomtranslation": "shift", "randomrotation": "rotate",
    "randomverticalflip": "vflip", "verticalflip": "vflip", "randomerasing": "erasing", "reprob": "erasing",
    "colorjitter": "jitter", "colourjitter": "jitter", "randombrightness": "brightness", "randomcontrast": "contrast",
    "randomsaturation": "saturation", "randomhue": "hue", "randomgrayscale": "grayscale", "greyscale": "grayscale",
    "randaug": "randaugment", "trivialaugmentwide": "trivialaugment", "taw": "trivialaugment", "autoaug": "autoaugment",
    "gaussianblur": "blur", "gaussiannoise": "noise", "randomzoom": "zoom", "randomshear": "shear",
    "randomresizedcrop": "resizedcrop", "rrc": "resizedcrop", "randomsolarize": "solarize",
    "randomposterize": "posterize", "randomautocontrast": "autocontrast", "randomequalize": "equalize",
    "randominvert": "invert", "adjustsharpness": "sharpness", "randomadjustsharpness": "sharpness",
    "randomtranslate": "shift", "heightshift": "shift", "mixupalpha": "mixup", "cutmixalpha": "cutmix", "coarsedropout": "cutout",
    "labelnoise": "randomlabels", "validsplit": "valid", "validpct": "valid", "randomsplit": "valid", "valsplit": "valid",
    "imagefolder": "folder", "imagedatasetfromdirectory": "folder", "imagedataloaders": "folder", "tabular": "csv",
}  # fmt: skip
ARGUMENTS = {
    "kernel": "k",
    "kernel_size": "k",
    "stride": "s",
    "strides": "s",
    "padding": "p",
    "pad": "p",
    "filters": "out",
    "channels": "out",
    "out_channels": "out",
    "features": "out",
    "units": "out",
    "rate": "p",
    "prob": "p",
    "size": "k",
    "use_bias": "bias",
    "group": "groups",
    "dilations": "dilation",
    "epsilon": "eps",
    "reduction": "r",
    "ratio": "r",
    "num_heads": "heads",
    "num_kv_heads": "kv",
    "dim_head": "head_dim",
    "window_size": "window",
    "shift_size": "shift",
    "grid_size": "grid",
    "sr_ratio": "reduce",
    "qk_norm": "qknorm",
    "is_causal": "causal",
    "hidden": "out",
    "hidden_size": "out",
    "embedding_dim": "out",
    "num_layers": "layers",
    "bidirectional": "both",
    "dropout": "drop",
    "padding_idx": "padding",
}


# What other tools have and the language has not: said plainly, so that no other word is suggested.
MISSING = {
    "convolutions in three dimensions": ("conv3d", "maxpool3d", "avgpool3d", "convtranspose3d"),
    "transposed convolutions along tokens": ("convtranspose1d", "conv1dtranspose"),
    "recurrent convolutions": ("convlstm", "convlstm1d", "convlstm2d", "convlstm3d", "convgru"),
    "biases that grow with the distance": ("alibi",),
    "word for a sequence: layers are written side by side": ("sequential",),
    "weight normalisation (a learnt length for each filter)": ("weightnorm",),
    "graph layers": ("gcn", "gcnconv", "gatconv", "graphconv"),
}
_ABSENT = {name: what for what, several in MISSING.items() for name in several}
_PREFIX = re.compile(
    r"^(?:torch|nn|F|functional|tf|keras|layers|linen|flax|haiku|hk|eqx|timm|optim|optax|transforms|v2)\."
)
_ENDING = re.compile(r"(?:layer|module)?(?:[12]d|nd)?(?:layer|module)?$")


def spelled(name: str) -> tuple[str, ...]:
    """The spellings under which a name of another tool is looked for, the most exact first: ``nn.MaxPool2d`` is
    ``maxpool2d``, then ``maxpool``."""
    while (shorter := _PREFIX.sub("", name)) != name:
        name = shorter
    plain = name.lower().replace("_", "").replace("-", "")
    return tuple(dict.fromkeys((name, name.lower(), plain, _ENDING.sub("", plain) or plain)))


def ours(name: str, known: Collection[str], table: dict[str, str] = WORDS) -> str:
    """The word of ours that another tool's name stands for, or an empty string."""
    for spelling in spelled(name):
        if spelling in _ABSENT and spelling not in known:
            return ""
        if (found := table.get(spelling)) is not None and found in known:
            return found
        if spelling in known and spelling != name:
            return spelling
    return ""


def synonym(name: str, known: Collection[str], table: dict[str, str] = WORDS) -> str:
    """``here it is called `gap` ``, where another tool's name for something known was written; what the language has
    not, where it is that; else an empty string."""
    if found := ours(name, known, table):
        call = as_argument(name, found) if table is WORDS else ""
        return f"here it is an argument: `{call}`" if call else f"here it is called `{found}`"
    missing = next((_ABSENT[s] for s in spelled(name) if s in _ABSENT and s not in known), "")
    return f"the language has no {missing}" if missing and table is WORDS else ""


def as_argument(name: str, word: str) -> str:
    """``attention(window=…)``, where another tool's name is that of an argument of our word; else an empty string."""
    entry = find("net", word)
    known = {p.name: p for p in params(entry)} if entry is not None else {}
    given = next((known[a] for s in spelled(name) if (a := ARGUMENTS.get(s, s)) in known), None)
    return "" if given is None else f"{word}({given.name}{'' if given.base == 'bool' else '=…'})"


def elsewhere(name: str, table: dict[str, str] = WORDS) -> tuple[str, ...]:
    """What other tools call a word of ours."""
    return tuple(theirs for theirs, ours in table.items() if ours == name and theirs != name)
