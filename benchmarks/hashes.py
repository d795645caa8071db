"""Where perceptual hashes should draw the line between "the same" and "another": measured on the clips of packs.

    python -m benchmarks.hashes PACKS... [--every 4] [--out FILE.json]

Prints how many bits of 64 each change moves the hash of a picture, and how many clips of different files come as near
by chance (files as the ``sources.tsv`` or ``packs.json`` beside the packs names them; without one, every clip counts).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.training.data.crops import Luma, luma8
from sensic.training.data.hashes import clip_hashes, picture_hash
from sensic.training.data.pack import Pack, open_packs

THRESHOLDS = (4, 8, 10, 12, 14, 16, 18, 20)


def _jpeg(picture: Luma) -> Luma:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _noisy(picture: Luma) -> Luma:
    noise = np.random.default_rng(0).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _cropped(picture: Luma, share: float) -> Luma:
    down, right = (round(side * share) for side in picture.shape)
    return picture[down : picture.shape[0] - down, right : picture.shape[1] - right]


CHANGES: dict[str, Callable[[Luma], Luma]] = {
    "JPEG, quality 20": _jpeg,
    "half the size": lambda p: np.asarray(cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8),
    "20% brighter": lambda p: np.clip(p * 1.2 + 10, 0, 255).astype(np.uint8),
    "noise of deviation 6": _noisy,
    "2.5% cut off each side": lambda p: _cropped(p, 0.025),
    "5% cut off each side": lambda p: _cropped(p, 0.05),
}


def sources(pack: Pack) -> list[str]:
    """The file that each clip is from."""
    manifest, table = pack.path.with_name("packs.json"), pack.path.parent
    if manifest.exists():
        clips = json.loads(manifest.read_text())["clips"]
        return [clip["file"] for clip in clips if clip["pack"] == pack.path.name]
    for path in sorted(table.glob("*sources.tsv")):
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        return [row["source"] for row in rows if row["pack"] == pack.path.name]
    return [f"{pack.path.name} {number}" for number in range(pack.clips)]


def measure(paths: list[str], every: int) -> dict[str, object]:
    moved: dict[str, list[int]] = {name: [] for name in CHANGES}
    hashes: list[list[int]] = []
    names: list[str] = []
    for pack in open_packs(paths):
        for (y, _), name in islice(zip(pack.read(), sources(pack), strict=True), 0, None, every):
            own = clip_hashes([luma8(picture) for picture in y])
            middle = luma8(y[len(y) // 2])
            for change, make in CHANGES.items():
                moved[change].append(min((picture_hash(make(middle)) ^ h).bit_count() for h in own))
            hashes.append(own)
            names.append(name)
    spread = {change: [float(p) for p in np.percentile(bits, (50, 90, 99))] for change, bits in moved.items()}
    return {
        "clips": len(hashes),
        "bits moved (median, 90%, 99%)": spread,
        "clips with another file's clip within": _met(np.array(hashes, np.uint64), np.array(names)),
    }


def _met(hashes: NDArray[np.uint64], names: NDArray[np.str_]) -> dict[int, int]:
    """Of the clips, how many are at most so many bits from a clip of another file."""
    nearest = np.full(len(hashes), 65)
    for number, own in enumerate(hashes):
        distances = np.bitwise_count(hashes[:, None, :] ^ own[None, :, None]).min((1, 2))
        others = distances[names != names[number]]
        nearest[number] = others.min() if others.size else 65
    return {threshold: int((nearest <= threshold).sum()) for threshold in THRESHOLDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packs", nargs="+")
    parser.add_argument("--every", type=int, default=4, help="look at every so-manieth clip")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    found = json.dumps(measure(arguments.packs, arguments.every), indent=1)
    print(found)
    if arguments.out:
        arguments.out.write_text(found + "\n")


if __name__ == "__main__":
    main()
