"""Finds the troubles that are known, says what they mean, and mends those that can be mended safely."""
