"""The programs of the host that an examination asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ApiError

# AnsibleModule.run_command: words -> exit status, output, errors.
RunCommand = Callable[..., "tuple[int, str, str]"]
_ERROR_LENGTH = 200


class Host:
    """Docker, and the programs inside the containers."""

    def __init__(self, run_command: RunCommand) -> None:
        self._run = run_command

    def attempt(self, *words: str, feed: str | None = None) -> tuple[int, str, str]:
        """Run a program; return exit status, output and errors, stripped."""
        options: dict[str, Any] = {"data": feed} if feed is not None else {}
        status, output, errors = self._run(list(words), **options)
        return status, output.strip(), errors.strip()

    def run(self, *words: str, feed: str | None = None) -> str:
        """Run a program that must succeed; return its output."""
        status, output, errors = self.attempt(*words, feed=feed)
        if status != 0:
            raise ApiError(f"{' '.join(words[:4])}: {(errors or output)[-_ERROR_LENGTH:]}")
        return output

    def state(self, container: str) -> str:
        """Return running, exited, ... or 'missing'."""
        format_ = "{{.State.Status}}"
        status, output, errors = self.attempt(
            "docker", "container", "inspect", "--format", format_, container
        )
        if status == 0:
            return output
        if "No such container" in errors:
            return "missing"
        raise ApiError(f"docker: {errors[-_ERROR_LENGTH:]}")

    def inside(self, container: str, script: str) -> str:
        """Run a shell script in a container."""
        return self.run("docker", "exec", container, "sh", "-c", script)

    def sql(self, database: str, statement: str) -> str:
        """Ask PostgreSQL through its container's own socket; rows by line, fields by '|'."""
        words = ["docker", "exec", "-i", "flexmeasures-db", "psql", "-X", "-qtA", "-v", "ON_ERROR_STOP=1"]
        # The engine may lose the end of an exec's input (containerd issue 4489); psql must not wait for it.
        return self.run(*words, "-U", "postgres", "-d", database, feed=f"{statement}\n;\n\\q\n")
