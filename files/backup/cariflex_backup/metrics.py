"""Prometheus text files for the node exporter's textfile collector."""

from __future__ import annotations

import re
from pathlib import Path

_SAMPLE = re.compile(r"^(\w+) (\S+)$", re.MULTILINE)


def update(path: Path, values: dict[str, float]) -> None:
    """Merge `values` (metric name -> value) into the file, atomically; what is not named keeps its value."""
    merged = {**read(path), **values}
    lines = [f"# TYPE {name} gauge\n{name} {value:.15g}\n" for name, value in sorted(merged.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.new")
    staged.write_text("".join(lines), encoding="utf-8")
    staged.chmod(0o644)
    staged.rename(path)


def read(path: Path) -> dict[str, float]:
    """Return metric name -> value; {} when there is no file yet."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return {name: float(value) for name, value in _SAMPLE.findall(text)}
