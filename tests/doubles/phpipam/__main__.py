"""Serve the double until standard input closes: ``python -m tests.doubles.phpipam`` prints its url."""

import sys

from .server import App, Phpipam

with Phpipam({"ansible": App(code="code-of-the-double")}) as double:
    print(double.url, flush=True)
    sys.stdin.read()
