"""A double of phpIPAM 1.8.3's API: a real HTTP server with state, locking and the product's traps."""

from .server import App, Phpipam

__all__ = ["App", "Phpipam"]
