"""The learned decoder of the sensing profile: a recurrent VAE whose output lies in the quantisation bins.

One step of the recurrence is a group of four pictures, measured by an 8 × 8 Walsh–Hadamard transform (WHT) and another
one along time. Blocks are places, so that a group is a tensor [B, 256, H/8, W/8], of *samples* (channel = frame, row,
column) or of *coefficients* (channel = temporal, vertical, horizontal sequency). Coefficients are orthonormal; all
values are in 8-bit levels, samples are centred at 0.

::

    points, widths ─► embed ─► LSTM, forward in time ─► posterior z ─┐
    (what a linear decoder has)     │                                ▼
                                    └──────────────────► GRU, backward in time ─► features
    linear picture, its neighbours ─► steps: residual block, then projection on the bins ─► picture, variance

The LSTM reads the sequence and the GRU writes it from its end, so that every group knows what came before and what
comes after. With the last layers at zero the picture is the linear one; what is learned is the difference.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK, FRAMES = 8, 4
COEFFICIENTS = FRAMES * BLOCK * BLOCK
NOTHING_KNOWN = 4096.0
"""Half the width of the bin of a coefficient that did not arrive: no coefficient of 8-bit samples is outside."""
_LEVELS = 64.0  # samples enter the networks as multiples of it
_QUARTER = 16 * FRAMES  # samples of a group that share a place at a quarter of the resolution
_SLOPE = 0.1


@dataclass(frozen=True)
class SensingSize:
    """Channels of the recurrent layers, of the posterior and of the pictures' features; depths; kernel of the gates.

    ``kernel`` 1 makes the recurrences plain LSTMs and GRUs, block by block.
    """

    hidden: int = 64
    layers: int = 1
    kernel: int = 3
    latent: int = 32
    features: int = 64
    steps: int = 4
    blocks: int = 1

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


class Measured(NamedTuple):
    """Groups as a decoder has them. ``points``, ``low`` and ``high`` [B, T, 256, h, w]: reconstruction points and bins;
    ``half`` [B, T, 256]: half the width of zero's bin, ``NOTHING_KNOWN`` where none arrived."""

    points: Tensor
    low: Tensor
    high: Tensor
    half: Tensor


class Recovered(NamedTuple):
    """``pictures`` [B, T, 256, h, w]: samples; ``log_variance``: of the error that is expected of each; ``divergence``
    [B, T, Z, h, w]: of the posterior from a standard normal distribution, in nats."""

    pictures: Tensor
    log_variance: Tensor
    divergence: Tensor


def sequency_matrix(size: int) -> Tensor:
    """The Hadamard matrix [size, size] of ±1, its rows by rising number of sign changes."""
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    changes = (np.diff(matrix) != 0).sum(1)
    return torch.from_numpy(matrix[np.argsort(changes)]).float()


def group_matrix() -> Tensor:
    """The orthonormal transform [256, 256] from the samples of a block to its coefficients."""
    spatial = torch.kron(sequency_matrix(BLOCK), sequency_matrix(BLOCK))
    whole: Tensor = torch.kron(sequency_matrix(FRAMES), spatial) / COEFFICIENTS**0.5
    return whole


def to_blocks(frames: Tensor) -> Tensor:
    """[..., 4, H, W] to blocks [..., 256, H/8, W/8]."""
    *lead, t, height, width = frames.shape
    x = frames.reshape(-1, t, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return x.permute(0, 1, 3, 5, 2, 4).reshape(*lead, t * BLOCK * BLOCK, height // BLOCK, width // BLOCK)


def to_frames(blocks: Tensor) -> Tensor:
    """The inverse of ``to_blocks``."""
    *lead, _, h, w = blocks.shape
    x = blocks.reshape(-1, FRAMES, BLOCK, BLOCK, h, w).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(*lead, FRAMES, h * BLOCK, w * BLOCK)


def to_quarters(blocks: Tensor) -> Tensor:
    """Samples [B, n·64, h, w] as [B, n·16, 2h, 2w], a quarter of the resolution."""
    b, c, h, w = blocks.shape
    x = blocks.reshape(b, c // 64, 2, 4, 2, 4, h, w).permute(0, 1, 3, 5, 6, 2, 7, 4)
    return x.reshape(b, c // 4, 2 * h, 2 * w)


def from_quarters(quarters: Tensor) -> Tensor:
    """The inverse of ``to_quarters``."""
    b, c, h, w = quarters.shape
    x = quarters.reshape(b, c // 16, 4, 4, h // 2, 2, w // 2, 2).permute(0, 1, 5, 2, 7, 3, 4, 6)
    return x.reshape(b, c * 4, h // 2, w // 2)


def compressed(x: Tensor) -> Tensor:
    """The inverse hyperbolic sine, which ONNX's exporter does not know."""
    size = x.abs()
    return x.sign() * torch.log(size + torch.sqrt(size.square() + 1))


class LSTM(nn.Module):
    """A convolutional LSTM cell. Its state [B, 2C, h, w] is output and memory."""

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(inputs + hidden, 4 * hidden, kernel, padding=kernel // 2)
        with torch.no_grad():
            assert self.gates.bias is not None
            self.gates.bias[hidden : 2 * hidden] = 1.0  # remember, at first

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        output, memory = state.chunk(2, 1)
        enter, keep, leave, new = self.gates(torch.cat((x, output), 1)).chunk(4, 1)
        memory = torch.sigmoid(keep) * memory + torch.sigmoid(enter) * torch.tanh(new)
        return torch.cat((torch.sigmoid(leave) * torch.tanh(memory), memory), 1)


class GRU(nn.Module):
    """A convolutional GRU cell. Its state [B, C, h, w] is its output."""

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(inputs + hidden, 2 * hidden, kernel, padding=kernel // 2)
        self.new = nn.Conv2d(inputs + hidden, hidden, kernel, padding=kernel // 2)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        renew, reset = torch.sigmoid(self.gates(torch.cat((x, state), 1))).chunk(2, 1)
        new = torch.tanh(self.new(torch.cat((x, reset * state), 1)))
        return state + renew * (new - state)


class Stack(nn.Module):
    """Layers of one kind of cell, each adding to what it gets; the state holds all of theirs, side by side."""

    def __init__(self, cell: type[LSTM] | type[GRU], inputs: int, size: SensingSize) -> None:
        super().__init__()
        self.cells = nn.ModuleList(
            cell(size.hidden if i else inputs, size.hidden, size.kernel) for i in range(size.layers)
        )
        self.hidden, self.dropout = size.hidden, 0.0
        self.state_channels = size.layers * size.hidden * (2 if cell is LSTM else 1)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        states = []
        for i, (cell, own) in enumerate(zip(self.cells, state.chunk(len(self.cells), 1), strict=True)):
            states.append(cell(x, own))
            out = states[-1][:, : self.hidden]
            x = x + F.dropout(out, self.dropout, self.training) if i else out
        return x, torch.cat(states, 1)


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.b(F.leaky_relu(self.a(F.leaky_relu(x, _SLOPE)), _SLOPE))
        return out


class Condition(nn.Module):
    """Gains and offsets of channels, from how coarse every coefficient was quantised."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Linear(COEFFICIENTS, 64)
        self.b = nn.Linear(64, 2 * channels)
        nn.init.zeros_(self.b.weight)
        nn.init.zeros_(self.b.bias)

    def forward(self, x: Tensor, coarseness: Tensor) -> Tensor:
        gain, offset = self.b(F.leaky_relu(self.a(coarseness), _SLOPE))[:, :, None, None].chunk(2, 1)
        out: Tensor = x * (1 + gain) + offset
        return out


class SensingVAE(nn.Module):
    """See the module. ``listen`` and ``paint`` are one step each of the two recurrences, and graphs when exported."""

    matrix: Tensor
    inverse: Tensor
    deviation: Tensor

    def __init__(self, size: SensingSize | None = None) -> None:
        super().__init__()
        self.size = size = size or SensingSize()
        c, f = size.hidden, size.features
        self.register_buffer("matrix", group_matrix()[:, :, None, None], persistent=False)
        self.register_buffer("inverse", group_matrix().T[:, :, None, None], persistent=False)
        self.register_buffer("deviation", torch.ones(COEFFICIENTS))  # of each coefficient, over footage
        self.embed = nn.Conv2d(2 * COEFFICIENTS, c, 1)
        self.embed_condition = Condition(c)
        self.lstm = Stack(LSTM, c, size)
        self.posterior = nn.Conv2d(c, 2 * size.latent, 1)
        self.gru = Stack(GRU, c + size.latent, size)
        self.look = nn.Conv2d(2 * _QUARTER, f, 3, padding=1)
        self.feel = nn.Conv2d(c, 4 * f, 1)
        self.conditions = nn.ModuleList(Condition(f) for _ in range(size.steps))
        self.inject = nn.ModuleList(nn.Conv2d(_QUARTER, f, 1) for _ in range(size.steps - 1))
        self.work = nn.ModuleList(nn.Sequential(*[Residual(f) for _ in range(size.blocks)]) for _ in range(size.steps))
        self.change = nn.ModuleList(nn.Conv2d(f, _QUARTER, 3, padding=1) for _ in range(size.steps))
        self.doubt = nn.Sequential(nn.Conv2d(f, f, 1), nn.LeakyReLU(_SLOPE), nn.Conv2d(f, _QUARTER, 3, padding=1))
        for last in (*self.change, self.doubt[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    # Transforms

    def measure(self, samples: Tensor) -> Tensor:
        """Samples [B, 256, h, w] to coefficients."""
        return F.conv2d(samples, self.matrix)

    def picture(self, coefficients: Tensor) -> Tensor:
        """Coefficients [B, 256, h, w] to samples."""
        return F.conv2d(coefficients, self.inverse)

    def project(self, samples: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """The nearest samples whose coefficients lie in the bins."""
        return self.picture(torch.minimum(torch.maximum(self.measure(samples), low), high))

    # Steps of the recurrences

    def listen(self, points: Tensor, half: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A group's ``points`` [B, 256, h, w] and ``half`` [B, 256]: what the GRU gets of it, mean and logarithm of the
        deviation of the posterior, and the next state."""
        scale = self.deviation[:, None, None]
        seen = torch.cat((compressed(points / half[:, :, None, None]), compressed(points / scale)), 1)
        x = F.leaky_relu(self.embed_condition(self.embed(seen), self._coarseness(half)), _SLOPE)
        out, state = self.lstm(x, state)
        mean, log_deviation = self.posterior(out).chunk(2, 1)
        return x + out, mean, log_deviation.clamp(-6, 2), state

    def write(self, heard: Tensor, latent: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """What the steps get of the recurrences [B, C, h, w], and the next state (the one of the group before)."""
        out, state = self.gru(torch.cat((heard, latent), 1), state)
        return out, state

    def paint(
        self, written: Tensor, points: Tensor, low: Tensor, high: Tensor, half: Tensor, before: Tensor, after: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The pictures of a group [B, 256, h, w], and the logarithm of their variance.

        ``before`` and ``after`` [B, 128, h, w] are the two linear pictures next to the group.
        """
        linear, spread, coarseness = self.picture(points), self._spread(half), self._coarseness(half)
        around = torch.cat((linear, before, after), 1) / _LEVELS
        x = self.look(to_quarters(around)) + F.pixel_shuffle(self.feel(written), 2)
        samples = linear
        for i, (condition, work, change) in enumerate(zip(self.conditions, self.work, self.change, strict=True)):
            if i:
                x = x + self.inject[i - 1](to_quarters((samples - linear) / spread))
            x = work(condition(x, coarseness))
            samples = self.project(samples + spread * from_quarters(change(F.leaky_relu(x, _SLOPE))), low, high)
        doubt = self.doubt(F.leaky_relu(x.detach(), _SLOPE))
        return samples, 2 * torch.log(spread) + from_quarters(doubt.clamp(-10, 10))

    # A sequence

    def forward(self, measured: Measured, sample: bool = False) -> Recovered:
        """``sample`` draws the latents from the posterior instead of taking its mean."""
        b, t, _, h, w = measured.points.shape
        state = measured.points.new_zeros(b, self.lstm.state_channels, h, w)
        heard, means, log_deviations, written = [], [], [], []
        for i in range(t):
            x, mean, log_deviation, state = self.listen(measured.points[:, i], measured.half[:, i], state)
            heard.append(x)
            means.append(mean)
            log_deviations.append(log_deviation)
        mean, log_deviation = torch.stack(means, 1), torch.stack(log_deviations, 1)
        latent = mean + torch.randn_like(mean) * log_deviation.exp() if sample else mean
        state = measured.points.new_zeros(b, self.gru.state_channels, h, w)
        for i in reversed(range(t)):
            out, state = self.write(heard[i], latent[:, i], state)
            written.append(out)
        # The steps know nothing of time: all groups at once.
        linear = self.picture(measured.points.flatten(0, 1)).view(b, t, COEFFICIENTS, h, w)
        groups = [x.flatten(0, 1) for x in (torch.stack(written[::-1], 1), *measured, *neighbours(linear))]
        pictures, log_variance = (x.view(b, t, COEFFICIENTS, h, w) for x in self.paint(*groups))
        divergence = 0.5 * (mean.square() + torch.exp(2 * log_deviation) - 1) - log_deviation
        return Recovered(pictures, log_variance, divergence)

    def _coarseness(self, half: Tensor) -> Tensor:
        return torch.log2(half / self.deviation) / 4

    def _spread(self, half: Tensor) -> Tensor:
        """About the deviation of the linear picture's error, [B, 1, 1, 1]."""
        error = torch.minimum(half / 3**0.5, self.deviation)
        return error.square().mean(1).sqrt()[:, None, None, None]


def neighbours(linear: Tensor) -> tuple[Tensor, Tensor]:
    """The last two pictures before each group of [B, T, 256, h, w] and the first two after it; at the ends its own."""
    first, last = linear[:, :, : COEFFICIENTS // 2], linear[:, :, COEFFICIENTS // 2 :]
    return torch.cat((first[:, :1], last[:, :-1]), 1), torch.cat((first[:, 1:], last[:, -1:]), 1)
