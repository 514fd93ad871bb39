"""How often one VEN, or one stranger, may ask."""

from dataclasses import dataclass, field
from time import monotonic

# Beyond this many, buckets that are full again are forgotten.
MANY = 10_000


@dataclass(slots=True)
class RateLimit:
    """Token buckets: ``per_s`` requests a second in the long run, ``burst`` at once."""

    per_s: float
    burst: int
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    def allows(self, who: str, now: float | None = None) -> bool:
        """Take one request from the bucket of ``who``; False when it is empty."""
        at = monotonic() if now is None else now
        left = self._left(who, at)
        if left < 1:
            return False
        if len(self._buckets) >= MANY:
            self._buckets = {
                key: item for key, item in self._buckets.items() if self._left(key, at) < self.burst
            }
        self._buckets[who] = (left - 1, at)
        return True

    def forgive(self) -> None:
        """Forget who asked how often."""
        self._buckets.clear()

    def exhausted(self, who: str, now: float | None = None) -> bool:
        """True when the next request of ``who`` would be one too many."""
        return self._left(who, monotonic() if now is None else now) < 1

    def _left(self, who: str, at: float) -> float:
        left, since = self._buckets.get(who, (float(self.burst), at))
        return min(float(self.burst), left + (at - since) * self.per_s)
