"""What Prometheus may ask of the service."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30)


@dataclass(slots=True)
class Metrics:
    """One registry a service, so that tests may run several."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    sessions: Gauge = field(init=False)
    strangers: Gauge = field(init=False)
    instructions: Counter = field(init=False)
    repeated: Counter = field(init=False)
    answers: Counter = field(init=False)
    refused_messages: Gauge = field(init=False)
    unsupported_signals: Counter = field(init=False)
    database_failures: Counter = field(init=False)
    fan_out: Histogram = field(init=False)
    schedule_runs: Counter = field(init=False)
    schedule_end: Gauge = field(init=False)
    forecast_runs: Counter = field(init=False)

    def __post_init__(self) -> None:
        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"cariflex_s2_{name}", text, labels, registry=self.registry)

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"cariflex_s2_{name}", text, labels, registry=self.registry)

        self.sessions = gauge("sessions", "Resource managers under control.")
        self.strangers = gauge("strangers", "Connections turned away for want of a token.")
        self.instructions = counter("instructions", "Instructions given.", ("cause",))
        self.repeated = counter("instructions_repeated", "Instructions given again to a new connection.")
        self.answers = counter("instruction_answers", "What became of instructions.", ("status",))
        self.refused_messages = gauge("refused_messages", "Messages refused in the present sessions.")
        self.unsupported_signals = counter("unsupported_signals", "Signals that no device can follow.")
        self.database_failures = counter(
            "database_failures", "Tries to reach the VEN's database that failed."
        )
        self.fan_out = Histogram(
            "cariflex_s2_fan_out_seconds",
            "From reading changed events to the last instruction handed over.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.schedule_runs = counter("schedule_runs", "Schedules asked of FlexMeasures.", ("result",))
        self.schedule_end = gauge(
            "schedule_end_timestamp_seconds", "End of the schedule in use.", ("resource_id",)
        )
        self.forecast_runs = counter("forecast_runs", "Forecasts asked of FlexMeasures.", ("result",))

    def text(self) -> str:
        """The Prometheus text exposition."""
        return generate_latest(self.registry).decode()
