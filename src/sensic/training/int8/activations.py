"""What the activations of the pixel networks are like on real footage: samples, by name.

The networks are written out once more, as the integer graphs compute them: the first half of ``d_mix`` merged into
``d_up`` and the first half of ``e_mix`` into ``x_in``, since nothing is between them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from sensic.networks.codec import pack
from sensic.networks.frozen import FrozenBlock, FrozenCodec
from sensic.networks.layers import GATE_MAX

PLACES = 96  # of every picture that are looked at


class Samples:
    """Values [C, n] of every activation, taken at the same number of random places of each picture."""

    def __init__(self) -> None:
        self._seen: dict[str, list[Tensor]] = defaultdict(list)
        self._generator = torch.Generator().manual_seed(0)

    def see(self, name: str, x: Tensor) -> Tensor:
        """Samples ``x`` [1, C, h, w] and returns it."""
        flat = x[0].flatten(1)
        at = torch.randint(flat.shape[1], (PLACES,), generator=self._generator)
        self._seen[name].append(flat[:, at])
        return x

    def all(self) -> dict[str, Tensor]:
        return {name: torch.cat(parts, 1) for name, parts in self._seen.items()}


def block(module: FrozenBlock, x: Tensor, name: str, samples: Samples) -> Tensor:
    see = samples.see
    a = see(f"{name}.a", F.leaky_relu(module.a(x), 0.01))
    x = x + module.b(see(f"{name}.d", module.d(a)))
    middle = see(f"{name}.middle", x)
    gate = see(f"{name}.gate", module.gate(middle).clamp(0, GATE_MAX))
    product = see(f"{name}.product", see(f"{name}.value", module.value(middle)) * gate)
    return see(f"{name}.out", x + module.f2(product))


def context(codec: FrozenCodec, given: Mapping[str, Tensor], samples: Samples) -> Tensor:
    """The context of planes ``y`` and ``uv``."""
    net = codec.vae.context
    packed = samples.see("context.packed", pack(given["y"], given["uv"]))
    x = samples.see("context.in", net.c_in(packed) * net.gain(given["quality"]))
    return block(net.c_blk[0], x, "context.0", samples)  # type: ignore[arg-type]


def synthesis(codec: FrozenCodec, given: Mapping[str, Tensor], samples: Samples) -> None:
    net, see = codec.vae.synthesis, samples.see
    features = given["context"].shape[1]
    up = F.pixel_shuffle(net.d_up(given["latent"] * net.gain_y(given["quality"])), 2)
    up = F.conv2d(up, net.d_mix.weight[:, :features])
    x = see("synthesis.in", up + F.conv2d(given["context"], net.d_mix.weight[:, features:], net.d_mix.bias))
    for i, module in enumerate([*net.d_blk, *net.r_blk]):
        x = block(module, x, f"synthesis.{i}", samples)


def analysis(codec: FrozenCodec, given: Mapping[str, Tensor], samples: Samples) -> None:
    net, see, quality = codec.vae.analysis, samples.see, given["quality"]
    features = given["context"].shape[1]
    x = net.x_in(pack(given["y"], given["uv"]) - given["prediction"]) * net.gain_in(quality)
    x = F.conv2d(x, net.e_mix.weight[:, :features])
    x = see("analysis.in", x + F.conv2d(given["context"], net.e_mix.weight[:, features:], net.e_mix.bias))
    for i, module in enumerate(net.e_blk):
        x = block(module, x, f"analysis.{i}", samples)  # type: ignore[arg-type]
    x = see("post.in", net.e_down(x))
    block(net.e_post[0], x, "post.0", samples)  # type: ignore[arg-type]


def sample(codec: FrozenCodec, graph: str, inputs: Mapping[str, Tensor], samples: Samples) -> None:
    """Looks at the activations of a pixel network for its ``inputs``; others are passed by."""
    known = {"context": context, "analysis": analysis, "synthesis": synthesis}
    if graph in known:
        known[graph](codec, inputs, samples)
