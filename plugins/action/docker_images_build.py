"""Action `docker_images_build`: runs module `docker_image_build` for many images, a few at a time.

Arguments: `images` (the module's arguments of each image, in build order; filter `cariflex_image_requests`),
`parallel` (builds at a time), `timeout_s` (of each build), `heartbeat_s` (between two signs of life).
Each build is a background job on the host. When the run is killed, the jobs that it started end by
themselves and no others start; the next run waits for their locks and goes on from there.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase

# Actions run in the controller's own Python, where `ansible.module_utils` is only the installed package.
_OWN_MODULE_UTILS = str(Path(__file__).resolve().parents[2] / "module_utils")
if _OWN_MODULE_UTILS not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_OWN_MODULE_UTILS)

from ansible.module_utils.cariflex.images.schedule import Schedule

ARGUMENTS = {
    "images": {"type": "list", "elements": "dict", "required": True},
    "parallel": {"type": "int", "default": 2},
    "timeout_s": {"type": "int", "default": 3600},
    "heartbeat_s": {"type": "int", "default": 15},
}
# A question to a job costs a quarter of a second of both machines' time.
POLL_S = 3


class ActionModule(ActionBase):
    """Starts builds, asks after them, shows which have ended."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build all images. After a failure nothing new starts, and the builds under way are waited for.

        The result's `images` are the module's answers: `ref`, `seconds` and `log` of each.
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        # A background job's time limit is its task's: Ansible's own action gather_facts sets it like this.
        self._task.async_val = options["timeout_s"]
        try:
            schedule, answers = self._build(options, task_vars)
        finally:
            self._task.async_val = 0
        result["changed"] = any(answer.get("changed", False) for answer in answers.values())
        result["images"] = [
            {"ref": ref, "seconds": answer.get("seconds", 0.0), "log": answer.get("log", "")}
            for ref, answer in answers.items()
        ]
        if schedule.failed:
            reasons = [answers[ref].get("msg", "the build ended without a word") for ref in schedule.failed]
            not_started = f"\nNot started: {', '.join(schedule.waiting)}." if schedule.waiting else ""
            result |= {"failed": True, "msg": "\n".join(reasons) + not_started}
        return result

    def _build(
        self, options: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> tuple[Schedule, dict[str, dict[str, Any]]]:
        """Give what became of the schedule, and the answer of each build that was started."""
        images = {image["ref"]: image for image in options["images"]}
        schedule = Schedule({ref: image["base_ref"] for ref, image in images.items()}, options["parallel"])
        jobs: dict[str, dict[str, Any]] = {}
        answers: dict[str, dict[str, Any]] = {}
        shown_at = time.monotonic()
        while True:
            for ref in schedule.start():
                jobs[ref] = self._start(images[ref], task_vars)
            if not jobs:
                return schedule, answers
            ended = {ref: answer for ref, job in jobs.items() if (answer := self._ask(job, task_vars))}
            for ref, answer in ended.items():
                del jobs[ref]
                answers[ref] = answer
                schedule.finish(ref, failed=bool(answer.get("failed")))
                outcome = "failed" if answer.get("failed") else f"{answer.get('seconds', 0.0):.0f} s"
                if not self._task.check_mode:
                    self._display.display(f"image {len(answers)} of {len(images)}: {ref}, {outcome}")
            if ended:
                shown_at = time.monotonic()
                continue
            if time.monotonic() - shown_at >= options["heartbeat_s"]:
                shown_at = time.monotonic()
                self._display.display(f"still building {' and '.join(jobs)}")
            time.sleep(POLL_S)

    def _start(self, image: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Start a background job; in check mode, which has nothing to wait for, run to the end."""
        answer: dict[str, Any] = self._execute_module(
            "docker_image_build", dict(image), task_vars=task_vars, wrap_async=not self._task.check_mode
        )
        return answer

    def _ask(self, job: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any] | None:
        """Give a job's answer, None while it runs."""
        if "ansible_job_id" not in job:
            return job
        where = {"jid": job["ansible_job_id"], "_async_dir": str(Path(job["results_file"]).parent)}
        answer: dict[str, Any] = self._execute_module(
            "ansible.legacy.async_status", where, task_vars=task_vars
        )
        return answer if answer.get("finished") else None
