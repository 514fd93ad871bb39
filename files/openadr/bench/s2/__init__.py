"""Measures the S2 service: ``make bench-s2`` writes build/bench/s2.json."""
