"""What other tools call our words, so that a message can name ours. Suggestions only: none of these is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

WORDS = {
    "batchnorm": "bn", "batchnorm2d": "bn", "layernorm": "ln", "groupnorm": "gn", "instancenorm": "in", "norm": "bn",
    "fc": "linear", "dense": "linear", "affine": "linear", "conv2d": "conv", "convolution": "conv", "deconv": "upconv",
    "convtranspose": "upconv", "depthwise": "dwconv", "separable": "sepconv", "swish": "silu", "chunk": "part",
    "split": "part", "globalavgpool": "gap", "globalpool": "gap", "avgpool2d": "avgpool", "maxpool2d": "maxpool",
    "globalmaxpool": "gmp", "adaptiveavgpool": "resize", "dropout": "drop", "dropout2d": "spatial", "concat": "cat",
    "concatenate": "cat", "sum": "add", "plus": "add", "identity": "id", "skip": "shortcut",
    "residual": "res", "repeat": "shared", "leakyrelu": "leaky", "hswish": "hardswish", "pixelshuffle": "depthtospace",
    "stochasticdepth": "droppath", "layerscale": "scale", "interpolate": "upsample", "mha": "attention",
    "pad": "zeropad", "crop": "trim", "squeezeexcite": "se",
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
    "kernel": "k", "kernel_size": "k", "stride": "s", "strides": "s", "padding": "p", "pad": "p", "filters": "out",
    "channels": "out", "out_channels": "out", "features": "out", "units": "out", "rate": "p", "prob": "p", "size": "k",
    "use_bias": "bias", "group": "groups", "dilations": "dilation", "epsilon": "eps", "reduction": "r", "ratio": "r",
}  # fmt: skip


def synonym(name: str, known: Collection[str], table: dict[str, str] = WORDS) -> str:
    """``here it is called `gap` ``, where another tool's name for something known was written; else an empty string."""
    ours = table.get(name.lower().replace("_", "")) or table.get(name.lower())
    return f"here it is called `{ours}`" if ours in known else ""


def elsewhere(name: str, table: dict[str, str] = WORDS) -> tuple[str, ...]:
    """What other tools call a word of ours."""
    return tuple(theirs for theirs, ours in table.items() if ours == name)
