"""`make push` and `make pin`: role `images` fills a registry, locks its digests, and keeps to the lock."""

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.container.registries import Registry, Run, output, run_role

pytestmark = pytest.mark.container


@pytest.fixture
def mirrored(settings: dict[str, Any]) -> dict[str, Any]:
    """Only images that the inventory names, by tags: nothing has to be built."""
    refs = {name: f"mirror/{name}:1" for name in ("postgres", "grafana")}
    return {**settings, "images_wanted": ["postgres"], "images_registry_refs": refs}


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    return tmp_path / "image_lock.yml"


def _pin(folder: Path, settings: dict[str, Any], file: Path, **changes: Any) -> Run:
    return run_role(folder, settings, tasks_from="pin", images_lock_file=str(file), **changes)


def _lock(file: Path) -> dict[str, str]:
    lock: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))["images_lock"]
    return lock


def _id(ref: str) -> str:
    return output("docker", "image", "inspect", "--format", "{{.Id}}", ref)


def test__pin__tells_then_writes_then_changes_nothing(
    registry: Registry, mirrored: dict[str, Any], lock_file: Path, tmp_path: Path
) -> None:
    told = {name: registry.push(f"mirror/{name}:1") for name in ("postgres", "grafana")}

    checked = _pin(tmp_path, mirrored, lock_file, check=True)
    assert (checked.code, checked.changed) == (0, 1), checked.output
    assert told["postgres"] in checked.output, "the diff shows what would be written"
    assert not lock_file.exists()

    pinned = _pin(tmp_path, mirrored, lock_file)
    assert (pinned.code, pinned.changed) == (0, 1), pinned.output
    # What the registry told the engine that pushed, not what our client computed.
    assert _lock(lock_file) == {
        name: f"{registry.prefix}mirror/{name}:1@{digest}" for name, digest in told.items()
    }
    assert _pin(tmp_path, mirrored, lock_file).changed == 0


def test__pin__registry_down_or_without_the_image__file_untouched(
    registry: Registry, mirrored: dict[str, Any], lock_file: Path, tmp_path: Path
) -> None:
    lock_file.write_text("as it was", encoding="utf-8")
    refs = {**mirrored["images_registry_refs"], "postgres": "mirror/postgres:none"}
    lacking = _pin(tmp_path, mirrored, lock_file, images_registry_refs=refs)
    assert lacking.code == 2
    assert f"postgres ({registry.prefix}mirror/postgres:none)" in lacking.output

    registry.stop()
    down = _pin(tmp_path, mirrored, lock_file)
    assert down.code == 2
    assert f"no answer from the registry 127.0.0.1:{registry.port}" in down.output
    assert lock_file.read_text(encoding="utf-8") == "as it was"


def test__lock__a_tag_that_moved_is_pulled_as_it_was(
    registry: Registry, mirrored: dict[str, Any], lock_file: Path, tmp_path: Path
) -> None:
    assert _pin(tmp_path, mirrored, lock_file).code == 0
    lock = _lock(lock_file)
    moved = registry.push("mirror/postgres:1")
    assert moved not in lock["postgres"]

    locked = run_role(tmp_path, mirrored, images_lock=lock, images_lock_required=True)
    assert locked.code == 0, locked.output
    assert locked.facts["images"]["postgres"]["ref"] == lock["postgres"]
    old = _id(lock["postgres"])
    assert run_role(tmp_path, mirrored, images_lock=lock, images_lock_required=True).changed == 0

    by_tag = run_role(tmp_path, mirrored)
    assert by_tag.code == 0, by_tag.output
    assert by_tag.facts["images"]["postgres"]["ref"] == f"{registry.prefix}mirror/postgres:1"
    assert _id(by_tag.facts["images"]["postgres"]["ref"]) != old


@pytest.mark.parametrize("stale", [False, True])
def test__lock__an_unlocked_image_is_refused_before_anything_is_pulled(
    registry: Registry, mirrored: dict[str, Any], lock_file: Path, tmp_path: Path, stale: bool
) -> None:
    assert _pin(tmp_path, mirrored, lock_file).code == 0
    lock = _lock(lock_file)
    if stale:
        lock["postgres"] = lock["postgres"].replace(":1@", ":0@")
    else:
        del lock["postgres"]

    refused = run_role(tmp_path, mirrored, images_lock=lock, images_lock_required=True)

    assert refused.code == 2
    assert f"postgres ({registry.prefix}mirror/postgres:1)" in refused.output
    assert "make pin" in refused.output
    assert registry.images() == set()


def test__push__gives_the_registry_what_it_lacks_once(
    registry: Registry, mirrored: dict[str, Any], tmp_path: Path
) -> None:
    # One image of others that the registry lacks, one of ours that is built already: neither needs the world.
    wanted = run_role(
        tmp_path, mirrored, check=True, images_source="build", images_wanted=["openadr_vtn"]
    ).facts["images"]["openadr_vtn"]["ref"]
    settings = {
        **mirrored,
        "images_wanted": ["openadr_vtn"],
        "images_registry_refs": {"grafana": f"{registry.label.partition('=')[2]}/grafana:1"},
    }
    for ref in (wanted, settings["images_registry_refs"]["grafana"]):
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w").close()
        output("docker", "import", "--change", f"LABEL {registry.label}", "-", ref, feed=empty.getvalue())

    checked = run_role(tmp_path, settings, tasks_from="push", check=True)
    assert (checked.code, checked.changed) == (0, 2), checked.output
    pushed = run_role(tmp_path, settings, tasks_from="push")
    assert (pushed.code, pushed.changed) == (0, 2), pushed.output
    assert run_role(tmp_path, settings, tasks_from="push").changed == 0

    registry.remove_images()
    pulled = run_role(tmp_path, settings)
    assert pulled.code == 0, pulled.output
    assert len(registry.images()) == 2


def _prune(registry: Registry, current: str, *words: str) -> dict[str, Any]:
    """Run the module on this test's own repository: the role would look at the machine's other images."""
    arguments = {
        "repositories": [f"{registry.prefix}cariflex/postgres"],
        "current": [current],
        "keep_previous": 0,
    }
    command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "--connection=local", *words]
    told = output(*command, "-m", "docker_image_prune", "-a", json.dumps(arguments))
    answer: dict[str, Any] = yaml.safe_load(told.partition("=>")[2])
    return answer


def test__prune__an_old_image_that_came_by_its_digest_goes_and_the_locked_one_stays(
    registry: Registry,
) -> None:
    digests = [registry.push(f"cariflex/postgres:{tag}") for tag in ("old", "new")]
    # As the engine of prod has them: pulled by digest, without a tag.
    old, new = (f"{registry.prefix}cariflex/postgres@{digest}" for digest in digests)
    for ref in (old, new):
        output("docker", "pull", "--quiet", ref)
    kept = _id(new)

    checked = _prune(registry, new, "--check")
    assert (checked["changed"], checked["removed"]) == (True, [old])
    assert len(registry.images()) == 2, "a check removes nothing"

    assert _prune(registry, new)["removed"] == [old]
    assert registry.images() == {kept}
    assert not _prune(registry, new)["changed"]
