"""What ``manifest.json`` of a model may say. Anybody may have written it, so every entry that is used is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sensic.errors import ModelError

FORMAT = 1
FILE_MAX = 256 << 20
_SIZE_MAX = 4096
_OFFSET_MAX = 63
_FILE = re.compile(r"\w[\w.-]*", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}")


def parse_manifest(text: bytes, path: Path) -> dict[str, Any]:
    """The contents of a manifest. Raises ModelError, which names the ``path``, for what is none of ours."""
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ModelError(f"{path}: model format {FORMAT} is needed; is it from a newer Sensic?")
    missing = {"name", "networks", "quality_offsets", "files"} - manifest.keys()
    if missing:
        raise ModelError(f"{path}: {', '.join(sorted(missing))} missing")
    for key, (is_one, what) in _ENTRIES.items():
        if key in manifest and not is_one(manifest[key]):
            raise ModelError(f"{path}: {key} is {what}")
    return manifest


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most  # True is an int too


def _is_identity(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _are_sizes(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_whole(size, 0, _SIZE_MAX) for size in value.values())


def _are_offsets(value: Any) -> bool:
    """Models that code no frames of their own have none."""
    if not isinstance(value, dict) or value.keys() not in (set(), {"intra", "inter"}):
        return False
    inter = value.get("inter", [0])
    offsets = [value.get("intra", 0), *inter] if isinstance(inter, list) and inter else [None]
    return all(_is_whole(offset, -_OFFSET_MAX, _OFFSET_MAX) for offset in offsets)


def _are_files(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _FILE.fullmatch(name)
        and isinstance(entry, dict)
        and _is_whole(entry.get("bytes"), 0, FILE_MAX)
        and _is_identity(entry.get("sha256"))
        for name, entry in value.items()
    )


_ENTRIES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_is_text, "a text"),
    "base": (_is_identity, "a model's id, 64 hexadecimal digits"),
    "facts": (_is_object, "an object"),
    "networks": (_are_sizes, f"an object of whole numbers from 0 to {_SIZE_MAX}"),
    "quality_offsets": (
        _are_offsets,
        f"{{}}, or has intra, a whole number from -{_OFFSET_MAX} to {_OFFSET_MAX}, and inter, a list of such",
    ),
    "files": (_are_files, f"an object of bytes (up to {FILE_MAX:,}) and sha256 (64 digits) by a file's plain name"),
}
