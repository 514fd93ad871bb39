"""Reads UFW's state and carries a plan out, under a guard that undoes it unless it is called off.

A rule set that cuts off the controller cannot be repaired by the controller. So before anything is changed,
the files that are about to change are copied and a systemd timer is started that puts them back; whoever can
still reach the host after the change stops the timer.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.firewall.planner import Found, Plan

UNIT = "cariflex-firewall-guard"
# Exists when the newest change was undone.
ROLLED_BACK = "rolled-back"
RULES = Path("/etc/ufw")
DEFAULTS_FILE = Path("/etc/default/ufw")
SAVED_FILES = ("user.rules", "user6.rules", "after.rules", "after6.rules", "ufw.conf")
# `ufw disable` leaves DOCKER-USER as it is, so a rollback to "off" must empty it.
_ROLLBACK = """\
#!/bin/sh
# Puts the firewall back as it was before a change that nobody confirmed.
set -u
touch {mark}
cp -p {saved}/default /etc/default/ufw
cp -p {saved}/*.rules {saved}/ufw.conf /etc/ufw/
{resume}
logger -t cariflex-firewall 'the change was not confirmed in time: rolled back'
"""
_RESUME_ACTIVE = "ufw --force enable && ufw reload"
_RESUME_INACTIVE = """\
ufw disable
for tables in iptables ip6tables; do
  $tables -F DOCKER-USER 2>/dev/null && $tables -A DOCKER-USER -j RETURN
done"""

Run = Callable[[list[str]], tuple[int, str, str]]


@dataclass(frozen=True)
class Ufw:
    """The host's UFW. ``run`` takes an argument list and returns status, output and errors."""

    run: Run
    state_dir: Path = Path("/var/lib/cariflex-firewall")

    def read(self) -> Found:
        """Return the state; CariflexError when UFW does not answer."""
        added = self._call(["ufw", "show", "added"])
        defaults = {}
        for line in DEFAULTS_FILE.read_text(encoding="utf-8").splitlines():
            key, equals, value = line.partition("=")
            if equals and not key.startswith("#"):
                defaults[key.strip()] = value.strip()
        return Found(
            active=self._call(["ufw", "status"]).startswith("Status: active"),
            added=tuple(line.removeprefix("ufw ") for line in added.splitlines() if line.startswith("ufw ")),
            defaults=defaults,
            after=(RULES / "after.rules").read_text(encoding="utf-8"),
            after6=(RULES / "after6.rules").read_text(encoding="utf-8"),
        )

    def check(self, plan: Plan) -> None:
        """Have iptables parse the rules files before anything is changed."""
        for text, program in ((plan.after, "iptables-restore"), (plan.after6, "ip6tables-restore")):
            if text is None:
                continue
            with tempfile.NamedTemporaryFile("w", suffix=".rules", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                self._call([program, "--test", "--noflush", handle.name])

    def guard(self, active: bool, seconds: int) -> None:
        """Start the timer that undoes everything after ``seconds``; ``active``: whether UFW was on.

        CariflexError while an earlier change is just being undone.
        """
        if self.run(["systemctl", "is-active", "--quiet", f"{UNIT}.service"])[0] == 0:
            raise CariflexError(
                f"{UNIT}.service is undoing an unconfirmed change. Wait for its end, then deploy."
            )
        # A change that still waits for its confirmation: what was good is what stood before that one.
        if self.run(["systemctl", "is-active", "--quiet", f"{UNIT}.timer"])[0] == 0:
            self._call(["systemctl", "stop", f"{UNIT}.timer"])
        else:
            self._save(active)
        (self.state_dir / ROLLED_BACK).unlink(missing_ok=True)
        self._call(
            [
                "systemd-run",
                f"--unit={UNIT}",
                "--collect",
                # Without it systemd may be a minute late.
                "--timer-property=AccuracySec=1s",
                f"--on-active={seconds}s",
                "--quiet",
                str(self.state_dir / "rollback"),
            ]
        )

    def _save(self, active: bool) -> None:
        saved = self.state_dir / "before"
        shutil.rmtree(saved, ignore_errors=True)
        saved.mkdir(parents=True, mode=0o700)
        for name in SAVED_FILES:
            shutil.copy2(RULES / name, saved / name)
        shutil.copy2(DEFAULTS_FILE, saved / "default")
        script = self.state_dir / "rollback"
        resume = _RESUME_ACTIVE if active else _RESUME_INACTIVE
        script.write_text(
            _ROLLBACK.format(saved=saved, resume=resume, mark=self.state_dir / ROLLED_BACK), encoding="utf-8"
        )
        script.chmod(0o700)

    def apply(self, plan: Plan) -> None:
        """Carry the plan out and load the result."""
        for line in plan.delete:
            words = line.split()
            # The verb stands after `route`: "ufw route delete allow ...".
            head = words[:1] if words[0] == "route" else []
            self._call(["ufw", "--force", *head, "delete", *words[len(head) :]])
        for rule in plan.add:
            comment = rule.line().removeprefix(f"{rule.command()} comment ").strip("'")
            self._call(["ufw", *rule.command().split(), "comment", comment])
        if plan.defaults:
            _set_values(DEFAULTS_FILE, plan.defaults)
        for name, text in (("after.rules", plan.after), ("after6.rules", plan.after6)):
            if text is not None:
                _replace(RULES / name, text)
        if plan.activate:
            self._call(["ufw", "--force", "enable"])
        elif plan.defaults or plan.after is not None or plan.after6 is not None:
            self._call(["ufw", "reload"])

    def clear_docker_user(self) -> None:
        """Let Docker's published ports be open again, as they are without us."""
        for program in ("iptables", "ip6tables"):
            if self.run([program, "-F", "DOCKER-USER"])[0] == 0:
                self._call([program, "-A", "DOCKER-USER", "-j", "RETURN"])

    def disable(self) -> None:
        """Switch UFW off."""
        self._call(["ufw", "disable"])

    def _call(self, arguments: list[str]) -> str:
        status, out, err = self.run(arguments)
        if status != 0:
            raise CariflexError(
                f"{' '.join(arguments)}: ended with {status}: {(err or out).strip()}; expected 0. "
                "Run it by hand on the host to see why."
            )
        return out


def _set_values(path: Path, values: dict[str, str]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for key, value in values.items():
        kept = [line for line in lines if not line.startswith(f"{key}=")]
        position = next((n for n, line in enumerate(lines) if line.startswith(f"{key}=")), len(kept))
        lines = [*kept[:position], f"{key}={value}", *kept[position:]]
    _replace(path, "\n".join(lines) + "\n")


def _replace(path: Path, text: str) -> None:
    """Write whole or not at all, with the owner and mode that the file had."""
    beside = path.with_name(f".{path.name}.cariflex")
    beside.write_text(text, encoding="utf-8")
    shutil.copymode(path, beside)
    beside.replace(path)
