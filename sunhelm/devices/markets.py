"""Where the site file lets a price come from: public servers of day-ahead prices, and a supplier's own.

A market's price is made the owner's by `times` (taxes that are a share) and `plus` (fees a kWh).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from sunhelm.configuration.mistakes import found
from sunhelm.configuration.secrets import SecretFile, SecretVariable
from sunhelm.configuration.validation import Section

Price = Annotated[float, Field(strict=True, allow_inf_nan=False)]

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""What becomes a part of an address."""

_PENCE: Final = 0.01
_A_MEGAWATT_HOUR: Final = 0.001


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{found(value)} is not an address; write one such as https://prices.example")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]


class _Market(Section):
    """What all markets share.

    `unit` is what the market's own number is, in the currency for a kWh; `again_s` how often it is asked for
    prices that it has not told yet.
    """

    currency: ClassVar[str]
    unit: ClassVar[float] = _A_MEGAWATT_HOUR
    again_s: ClassVar[float] = 900.0

    times: Annotated[Price, Field(gt=0)] = 1.0
    plus: Price = 0.0

    def price(self, number: float) -> float:
        """Return what a kWh costs, or brings, the owner when the market says this number."""
        return number * self.unit * self.times + self.plus


class EnergyCharts(_Market):
    """Day-ahead prices of a European bidding zone, from the public interface of Energy-Charts."""

    currency = "EUR"

    market: Literal["energy_charts"]
    zone: Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Za-z0-9-]{0,14}$")]
    url: Address = "https://api.energy-charts.info"


class Awattar(_Market):
    """Day-ahead prices of Germany or Austria, from the public interface of aWATTar."""

    currency = "EUR"

    market: Literal["awattar"]
    country: Literal["de", "at"]
    url: Address | None = None

    @property
    def server(self) -> str:
        """The address of the country's server."""
        return self.url or f"https://api.awattar.{self.country}"


class Octopus(_Market):
    """Half-hourly rates of a product of Octopus Energy in one region of Great Britain, with VAT."""

    currency = "GBP"
    unit = _PENCE

    market: Literal["octopus"]
    product: Word
    region: Annotated[str, Field(pattern=r"^[A-HJ-NP]$")]
    url: Address = "https://api.octopus.energy"


class Amber(_Market):
    """Prices of one site of Amber Electric, with all fees and taxes, by a key of the owner's."""

    currency = "AUD"
    unit = _PENCE
    again_s = 60.0

    market: Literal["amber"]
    site: Word
    token: SecretVariable | None = None
    token_file: SecretFile | None = None
    url: Address = "https://api.amber.com.au"

    @model_validator(mode="after")
    def _guards_the_key(self) -> Self:
        if self.secret("token") is None:
            raise ValueError("has no key; write token_file, the name of a file that holds it")
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
            raise ValueError("url: the key travels to it; write https://")
        return self


Market = EnergyCharts | Awattar | Octopus | Amber


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
