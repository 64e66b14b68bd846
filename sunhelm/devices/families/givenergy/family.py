"""GivEnergy devices: what the maps cannot say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.givenergy.derived import Figures
from sunhelm.devices.families.givenergy.models import model_told
from sunhelm.devices.families.givenergy.quantities import QUANTITIES
from sunhelm.devices.families.register_source import Identity, RegisterSource, Values
from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Sample

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig


class GivEnergySource(RegisterSource):
    """A device whose figures are worked out as those who know it expect them."""

    _figures: Figures | None = None

    def derive(self, samples: Sequence[Sample], groups: Collection[str]) -> Iterator[Sample]:
        yield from super().derive(samples, groups)
        if self._figures is None:
            self._figures = Figures()
        yield from self._figures.derive(self.values, groups)


class Family(RegisterFamily):
    """Models, pages and registers are data beside this file."""

    source_class = GivEnergySource

    @property
    def offers(self) -> Mapping[str, Sequence[Quantity]]:
        return {**super().offers, "derived": QUANTITIES}

    def identity(self, config: DeviceConfig, values: Values) -> Identity:
        told = values.get("inverter", {})
        model = model_told(values)
        dsp, arm = told.get("dsp_firmware_version"), told.get("arm_firmware_version")
        firmware = f"D0.{dsp:.0f}-A0.{arm:.0f}" if isinstance(dsp, float) and isinstance(arm, float) else ""
        return Identity(
            vendor=self.spec.vendor,
            model=config.model or (f"{model.name} {model.code:04X}" if model else ""),
            serial=str(told.get("serial_number", config.serial or "")),
            firmware=firmware,
        )
