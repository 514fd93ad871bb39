"""Where a storage's energy went, and the balance that proves it."""

from dataclasses import dataclass

from cariflex_simulator.domain.storage import Step, StorageParameters

LEAST_THROUGH_KWH = 0.001


@dataclass(slots=True)
class EnergyRecord:
    """Totals in kWh since ``start_fill_kwh`` was read; charged and discharged on the grid's side.

    ``adjusted_kwh`` is what an operator put in or took out by hand.
    """

    start_fill_kwh: float
    charged_kwh: float = 0.0
    discharged_kwh: float = 0.0
    self_discharge_kwh: float = 0.0
    used_kwh: float = 0.0
    adjusted_kwh: float = 0.0

    def add(self, done: Step) -> None:
        """Book one step."""
        self.charged_kwh += done.charged_kwh
        self.discharged_kwh += done.discharged_kwh
        self.self_discharge_kwh += done.self_discharge_kwh
        self.used_kwh += done.used_kwh


def expected_fill_kwh(record: EnergyRecord, parameters: StorageParameters) -> float:
    """The fill level that follows from the booked energy and the nameplate's efficiencies."""
    return (
        record.start_fill_kwh
        + record.charged_kwh * parameters.charge_efficiency
        - record.discharged_kwh / parameters.discharge_efficiency
        - record.self_discharge_kwh
        - record.used_kwh
        + record.adjusted_kwh
    )


def balance_error(record: EnergyRecord, parameters: StorageParameters, fill_kwh: float) -> float:
    """How far the balance is from closing, as a share of the energy that went through (at least 1 Wh)."""
    through_kwh = max(LEAST_THROUGH_KWH, record.charged_kwh + record.discharged_kwh)
    return abs(expected_fill_kwh(record, parameters) - fill_kwh) / through_kwh
