"""Signal vocabulary: which names, types and units of OpenADR 2.0b carry which kind of signal.

``DEMAND_RESPONSE`` is no name of the schema; demand response travels as SIMPLE, levels 0 to 3.
openleadr checks neither the pairs of name and type nor the units, so both sides use this table.
"""

from dataclasses import dataclass

from cariflex_openadr.domain.model import SignalKind

CURRENCY_PER_KWH = "currencyPerKWh"
EUR = "EUR"


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """How a kind of signal looks on the wire: names accepted (the first is sent), measurement.

    Its types stand in ``domain.model.SIGNAL_TYPES``.
    """

    names: tuple[str, ...]
    measurement: str | None = None
    unit: str | None = None


SPECS: dict[SignalKind, SignalSpec] = {
    SignalKind.PRICE: SignalSpec(("ENERGY_PRICE", "ELECTRICITY_PRICE"), CURRENCY_PER_KWH, EUR),
    SignalKind.LOAD_CONTROL: SignalSpec(("LOAD_CONTROL",)),
    SignalKind.DEMAND_RESPONSE: SignalSpec(("SIMPLE",)),
}


def kind_of(name: str) -> SignalKind | None:
    """Kind of signal for a wire name, None when it is not one of ours."""
    return next((kind for kind, spec in SPECS.items() if name in spec.names), None)
