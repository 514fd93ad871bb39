"""Writes a role's directories and files in one go."""
