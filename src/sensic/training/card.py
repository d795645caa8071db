"""The model card: what someone must know before using a model, from the facts in its manifest.

Facts are plain JSON. All of them may be missing; the card then says so, or says nothing.

==============  =====================================================================================
``summary``     one sentence: what this model is
``licence``     of the weights
``use``         what it was made for
``limits``      a sentence, or several in a list
``data``        ``clips``, ``frames`` of each, ``width``, ``height``, ``sources``, ``licences`` (name to
                clips), ``packs`` (name to SHA-256), ``note``
``training``    ``started_from``, ``steps``, ``hours``, ``crops`` (a number, or size to number), ``loss``,
                ``best_step``, ``recipe`` (tables of knobs), ``note`` (a paragraph, or several in a list)
``validation``  rows with the same columns: what held-out clips gave at each quality
==============  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import tomli_w

from sensic.evaluation import macs
from sensic.model import GRAPHS, SENSING_GRAPHS, SNAPSHOT_GRAPHS, Model
from sensic.training.weights import graph_weights

INTEGER = ("hyper", "first", "second", "memory")
Facts = Mapping[str, Any]
_USES = {
    SENSING_GRAPHS: "natural video measured by the sensing profile",
    SNAPSHOT_GRAPHS: "natural video, several frames seen through random masks and summed",
}


def card(model: Model, figures: str = "") -> str:
    """The card of an exported model, Markdown; ``figures`` is what was measured with the model itself."""
    facts: Facts = model.manifest.get("facts", {})
    sections = [
        f"# Model card: {model.name}",
        str(facts.get("summary", "A model for Sensic: one set of weights for all qualities, 8 and 10 bits.")),
        _table(["", ""], _overview(model, facts)),
        f"**Data.** {_data(facts.get('data', {}))}",
        f"**Training.** {_training(facts.get('training', {}))}",
        *_paragraphs(facts.get("training", {}).get("note")),
        *_recipe(facts.get("training", {}).get("recipe")),
        *_validation(facts.get("validation")),
        *([f"**Figures.** {figures}"] if figures else []),
        f"**Limits.** {_limits(facts.get('limits'))}",
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _overview(model: Model, facts: Facts) -> list[list[str]]:
    size = model.manifest["networks"]
    weights = model.weights() if model.graphs == GRAPHS else graph_weights(model)
    parameters = sum(prod(weight.shape) for weight in weights.values())
    cost = macs.per_pixel(model)
    if model.graphs != GRAPHS:
        return [
            ["Id", f"`{model.id}`, the SHA-256 of `manifest.json`"],
            ["Licence", str(facts.get("licence", "not stated"))],
            [
                "Networks",
                ", ".join(f"{key} {value}" for key, value in size.items()) + f"; {parameters / 1e6:.2f} M parameters",
            ],
            ["Cost", f"{cost['decoder']:.2f} kMAC per pixel to decode; nothing to encode"],
            ["Made for", str(facts.get("use", _USES[model.graphs]))],
        ]
    integer = sum(cost[graph] for graph in INTEGER)
    return [
        ["Id", f"`{model.id}`, the SHA-256 of `manifest.json`; streams carry it"],
        ["Licence", str(facts.get("licence", "not stated"))],
        [
            "Networks",
            f"{size['latent']} latent and {size['hyper']} hyper-latent channels, {size['features']} features, "
            f"{size['memory']} channels of memory; {parameters / 1e6:.2f} M parameters",
        ],
        [
            "Cost",
            f"{cost['decoder']:.2f} kMAC per pixel to decode, of which {integer:.2f} integer; "
            f"{cost['encoder']:.2f} to encode",
        ],
        ["Made for", str(facts.get("use", "natural video"))],
    ]


def _data(data: Facts | str) -> str:
    if not data or isinstance(data, str):
        return str(data or "Not stated.")
    sources = f", from {_counted(data['sources'], 'source')}" if data.get("sources") else ""
    size = f" of {data['frames']} frames, {data['width']}×{data['height']}" if data.get("frames") else ""
    text = [f"{_counted(data['clips'], 'clip')}{size}{sources}."] if "clips" in data else []
    licences = data.get("licences")
    if licences:
        counted = sorted(licences.items(), key=lambda entry: (-entry[1], entry[0]))
        text.append("Their licences, in clips: " + ", ".join(f"{_number(n)} {name}" for name, n in counted) + ".")
    else:
        text.append("Their licences are not stated.")
    text.append(str(data.get("note", "")))
    return " ".join(filter(None, text))


def _training(training: Facts) -> str:
    if not training:
        return "Not stated."
    seen = []
    if "steps" in training:
        seen.append(f"{_number(training['steps'])} steps")
    if "crops" in training:
        seen.append(f"{_crops(training['crops'])} seen")
    if "hours" in training:
        seen.append(f"{_number(training['hours'])} hours")
    text = []
    if "started_from" in training:
        text.append(f"Started from {training['started_from']}.")
    if seen:
        text.append(f"{', '.join(seen)}.")
    if "loss" in training:
        text.append(f"Loss: {training['loss']}.")
    if "best_step" in training:
        text.append(f"The weights are those of step {_number(training['best_step'])}.")
    return " ".join(text) or "Not stated."


def _recipe(recipe: Facts | None) -> list[str]:
    """Every knob, as the TOML that ``sensic train`` reads."""
    if not recipe:
        return []
    return [f"<details><summary>The recipe</summary>\n\n```toml\n{tomli_w.dumps(_set(recipe))}```\n\n</details>"]


def _set(tables: Facts) -> dict[str, Any]:
    """Without what is null, which TOML has no word for."""
    return {k: _set(v) if isinstance(v, Mapping) else v for k, v in tables.items() if v is not None}


def _validation(rows: Sequence[Facts] | None) -> list[str]:
    if not rows:
        return []
    columns = sorted(rows[0], key=lambda column: column != "quality")
    body = [[_figure(row.get(column)) for column in columns] for row in rows]
    heads = [column.replace("_", " ") for column in columns]
    return ["**Validation.** Held-out clips, never trained on:", _table(heads, body)]


def _limits(limits: str | Sequence[str] | None) -> str:
    if not limits:
        return "Not stated. PSNR is what it was trained for: compare with your own eyes before you trust a number."
    return limits if isinstance(limits, str) else " ".join(limits)


def _paragraphs(note: str | Sequence[str] | None) -> list[str]:
    return [note] if isinstance(note, str) else list(note or ())


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _crops(crops: Any) -> str:
    """A number of crops, or numbers by size."""
    if isinstance(crops, Mapping):
        return " and ".join(f"{_number(count)} crops of {size}" for size, count in crops.items())
    return f"{_number(crops)} crops"


def _counted(count: Any, noun: str) -> str:
    return f"{_number(count)} {noun}{'' if count == 1 else 's'}"


def _number(value: Any) -> str:
    if isinstance(value, Mapping):  # so many of this, so many of that
        return ", ".join(f"{_number(part)} ({name})" for name, part in value.items())
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
