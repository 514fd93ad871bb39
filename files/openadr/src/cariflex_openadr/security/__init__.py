"""Certificates of our own authority, XML signatures, rate limits."""
