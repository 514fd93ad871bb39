"""The one error that the command line turns into a message and exit status 1."""


class BackupError(Exception):
    """Something stopped the work; the message names object, value, expected and remedy."""
