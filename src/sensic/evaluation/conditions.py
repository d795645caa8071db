"""Under what conditions something was measured: machine, versions, networks."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import av

from sensic.evaluation import macs
from sensic.evaluation.coders import Coder
from sensic.model import Model

LIBRARIES = ("sensic", "av", "constriction", "imageio-ffmpeg", "numpy", "onnxruntime", "opencv-python-headless")


def machine() -> dict[str, Any]:
    """What computes; ``load_average`` is of other work, over the last minute."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def processor() -> str:
    """Its name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def versions(libraries: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Of Python, FFmpeg's libraries and those of ``libraries`` that are installed as packages."""
    found = {"python": platform.python_version(), "libav": av.ffmpeg_version_info}
    for name in libraries:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a checkout
            continue
    return found


def networks(coders: Iterable[Coder]) -> dict[str, dict[str, Any]]:
    """By specification, of the coders that have a ``model``: its name and hash, and kMAC per luma sample of the
    encoder, of the decoder and of every network by itself."""
    models = {one.spec: model for one in coders if isinstance(model := getattr(one, "model", None), Model)}
    return {
        spec: {"model": model.name, "id": model.id, "kmac_per_pixel": macs.per_pixel(model)}
        for spec, model in models.items()
    }
