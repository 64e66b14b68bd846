"""What `promtool check metrics` says against a metric's name, said when the map is loaded.

The rules are those of promlint in Prometheus' client_golang; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sunhelm.devices.quantities import Quantity

_TYPES: Final = frozenset({"counter", "gauge", "summary", "untyped", "histogram"})
_ABBREVIATIONS: Final = frozenset(
    {"s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"}
)
_PREFIXES: Final = (
    *("", "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto"),
    *("kilo", "kibi", "mega", "mibi", "giga", "gibi", "tera", "tebi", "peta", "pebi"),
)
_UNITS: Final = {
    "amperes": ("amperes",),
    "bytes": ("bytes", "bits"),
    "celsius": ("celsius", "fahrenheit", "rankine"),
    "grams": ("grams", "pounds", "ounces"),
    "joules": ("joules", "calories"),
    "kelvin": ("kelvin", "kelvins"),
    "meters": ("meters", "inches", "yards", "miles"),
    "metres": ("metres",),
    "moles": ("moles",),
    "seconds": ("seconds", "minutes", "hours", "days", "weeks"),
    "volts": ("volts",),
}
_BASE_OF: Final = {
    prefix + unit: base for base, units in _UNITS.items() for unit in units for prefix in _PREFIXES
}


def lint(quantity: Quantity) -> Iterator[str]:
    """Yield each complaint about the metric of a quantity; nothing when the name is clean.

    Beyond promtool's rules, a name may not end in its unit: that is added to it.
    """
    metric = quantity.metric
    words = metric.split("_")
    ending = words[-1]
    if ending in {"count", "sum", "bucket"}:
        yield f'"{metric}" ends in _{ending}, which only histograms and summaries may'
    if ending == "total" and quantity.kind != "counter":
        yield f'"{metric}" ends in _total, which only counters may'
    for word in dict.fromkeys(words):
        if word in _TYPES:
            yield f'"{metric}" has the word "{word}", a type of metric'
        if word in _ABBREVIATIONS:
            yield f'"{metric}" has the word "{word}", an abbreviated unit'
        base = _BASE_OF.get(word, word)
        if base != word:
            yield f'"{metric}" has the word "{word}", not a base unit; "{base}" is'
    if quantity.unit and quantity.name.endswith(f"_{quantity.unit}"):
        yield f'"{metric}" has its unit twice; it is added to the name'
