"""Power electronics: what goes in comes out, less what it costs. In closed form both ways."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Converter:
    """A converter between two sides whose loss depends on the power at its output side.

    loss = `standby_w` + `linear` x |output| + `quadratic` x output^2, in watts. Powers are signed: with a
    negative output, power flows backward and the loss is taken from what arrives at the input side.
    """

    standby_w: float
    linear: float
    quadratic: float

    def loss(self, output_w: float) -> float:
        """Return the watts lost at this output."""
        power = abs(output_w)
        return self.standby_w + self.linear * power + self.quadratic * power * power

    def input_for(self, output_w: float) -> float:
        """Return the input that brings this output."""
        return output_w + self.loss(output_w)

    def output_for(self, input_w: float) -> float:
        """Return the output that this input brings; the inverse of `input_for`."""
        drive = input_w - self.standby_w
        if drive >= 0.0:
            slope, constant = 1.0 + self.linear, drive
        else:
            slope, constant = 1.0 - self.linear, drive
        if self.quadratic == 0.0:
            return constant / slope
        root = slope * slope + 4.0 * self.quadratic * constant
        return 2.0 * constant / (slope + math.sqrt(max(0.0, root)))
