"""What the VEN counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class VenMetrics:
    """Counters of one VEN, in a registry of its own; gauges are set when they are asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.polls = self._counter("polls", "Polls of the VTN.", "result")
        self.registrations = self._counter("registrations", "Registrations granted.")
        self.watchdog = self._counter("watchdog", "Times that no poll succeeded for three periods.")
        self.events = self._counter("events", "Modifications of events taken, by answer.", "opt", "code")
        self.posts = self._counter("posts", "Tries to post to FlexMeasures.", "result")
        self.reports = self._counter("reports", "Tries to send a report to the VTN.", "result")
        self.poll_age = self._gauge("poll_age_seconds", "Age of the last poll that was answered.")
        self.outbox_age = self._gauge("outbox_age_seconds", "Age of the oldest pending post.")
        self.outbox = self._gauge("outbox_posts", "Posts in the outbox.", "state")
        self.unanswered = self._gauge("unanswered_events", "Answers that the VTN does not have yet.")

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"cariflex_ven_{name}", words, labels, registry=self._registry)

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(f"cariflex_ven_{name}", words, labels, registry=self._registry)

    def text(self) -> str:
        """Prometheus' text exposition."""
        return generate_latest(self._registry).decode()
