"""Published weights of torchvision and timm: the file of a name, on this machine or fetched by the library's own means."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import torch

from archdsl.errors import ArchError, EnvError, suggest
from archdsl.foreign import prepare
from archdsl.transfer.place import ENDINGS
from archdsl.words.data.heads import own_path

SILENCE = 20.0  # seconds without a byte after which a download is given up
FOLDERS = "ARCHDSL_WEIGHTS"


def located(zoo: str, name: str) -> tuple[str, Path, tuple[str, ...]]:
    """The net's name and the file of ``NAME[:WEIGHTS]`` (torchvision) or ``NAME[.TAG]`` (timm), and what is to be said of it.

    Raises:
        ArchError: there is no net, or no weights, of this name.
        EnvError: the file is not here and cannot be fetched; it says which file belongs where.
    """
    return (*_torchvision(name), ()) if zoo == "torchvision" else _timm(name)


def folders() -> tuple[Path, ...]:
    """The folders that ``ARCHDSL_WEIGHTS`` names.

    Raises:
        EnvError: one of them does not exist.
    """
    found = tuple(own_path(text) for text in os.environ.get(FOLDERS, "").split(os.pathsep) if text)
    for folder in found:
        if not folder.is_dir():
            raise EnvError(f"{FOLDERS} names {folder}, which is not a folder", help="create it, or name another")
    return found


def _torchvision(name: str) -> tuple[str, Path]:
    from archdsl.emit.vision import import_torchvision

    models = import_torchvision().models
    net, _, wanted = name.partition(":")
    known = models.list_models()
    if net not in known:
        raise ArchError(f"torchvision has no net `{net}`", help=suggest(net, known) or "names are those of torchvision")
    enum: Any = models.get_model_weights(net)
    names = [w.name for w in enum] + ["DEFAULT"]
    if wanted and wanted not in names:
        raise ArchError(
            f"`{net}` has no weights `{wanted}`", help=suggest(wanted, names) or f"it has {', '.join(names)}"
        )
    url = str(enum[wanted or "DEFAULT"].url)
    file = url.rpartition("/")[2]
    named = [f / file for f in folders()]
    if (found := next((p for p in named if p.is_file()), None)) is not None:
        return net, found
    kept = _own_cache(torch.hub.get_dir(), "TORCH_HOME") / "checkpoints" / file
    return net, kept if kept.is_file() else _fetched(name, url, [*named, kept])


def _own_cache(folder: str, variable: str) -> Path:
    """The folder where a library keeps weights.

    Raises:
        EnvError: this user has no home folder; the library would make one named `~` in the working folder.
    """
    if folder.startswith("~"):
        raise EnvError(
            "this user has no home folder for published weights",
            help=f"name a folder by {variable}, or one with the file in it by {FOLDERS}",
        )
    return Path(folder)


def _fetched(name: str, url: str, places: list[Path]) -> Path:
    """The file of torchvision, put where torch keeps such files."""
    why = _offline()
    if not why:
        prefix = places[-1].stem.rpartition("-")[2]  # of the file's SHA-256, as torch.hub has it
        patience = socket.getdefaulttimeout()
        socket.setdefaulttimeout(SILENCE)
        try:
            places[-1].parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(places[-1]), prefix, progress=False)
        except (OSError, RuntimeError) as error:
            why = f"the download failed ({error})"
        else:
            return places[-1]
        finally:
            socket.setdefaulttimeout(patience)
    raise EnvError(
        f"the weights torchvision:{name} are not here, and {why}",
        help=f"put {places[0].name} into {places[-1].parent}, or into a folder that {FOLDERS} names",
    )


def _timm(name: str) -> tuple[str, Path, tuple[str, ...]]:
    from archdsl.emit.vision import import_timm

    timm = import_timm()
    net, _, asked = name.partition(".")
    if not timm.is_model(net):
        raise ArchError(f"timm has no net `{net}`", help=suggest(net, timm.list_models()) or "names are those of timm")
    try:
        about: Any = timm.get_pretrained_cfg(name)
    except RuntimeError:  # no such tag
        about = None
    if about is None or not about.has_weights:
        tags: list[str] = timm.list_pretrained(f"{net}.*")
        raise ArchError(
            f"timm has no weights `{name}`", help=f"it has {', '.join(tags)}" if tags else "take another net"
        )
    full = f"{net}.{about.tag}" if about.tag else net
    if (found := _in_folders(full)) is not None:
        return net, found, ()
    if not asked and (found := _in_folders(net)) is not None:
        doubt = f"the name of {found} has no tag: whether its weights are those of timm:{full} is not known"
        return net, found, (doubt,) if about.tag else ()
    return net, _from_hub(full, str(about.hf_hub_id)), ()


def _in_folders(stem: str) -> Path | None:
    """The first file of this name in the folders that ``ARCHDSL_WEIGHTS`` names."""
    files = (folder / f"{stem}{ending}" for folder in folders() for ending in ENDINGS)
    return next((file for file in files if file.is_file()), None)


def _from_hub(full: str, repository: str) -> Path:
    prepare()
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    _own_cache(constants.HF_HUB_CACHE, "HF_HOME")
    offline = why = _offline()
    for file in ("model.safetensors", "pytorch_model.bin"):
        try:
            return Path(hf_hub_download(repository, file, local_files_only=bool(offline)))
        except LocalEntryNotFoundError:
            why = why or "the hub cannot be reached"
        except (HfHubHTTPError, OSError, ValueError) as error:
            why = why or f"the download failed ({str(error).splitlines()[0]})"
    raise EnvError(
        f"the weights timm:{full} are not here, and {why}",
        help=f"put model.safetensors of {repository}, as {full}.safetensors, into a folder that {FOLDERS} names",
    )


def _offline() -> str:
    return "downloads are off (ARCHDSL_OFFLINE)" if os.environ.get("ARCHDSL_OFFLINE") else ""
