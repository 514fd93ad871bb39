"""Role `images` in registry mode, against a registry of this test's own on the loopback address."""

from pathlib import Path
from typing import Any

import pytest
from tests.container.registries import Registry, output, run_role

pytestmark = pytest.mark.container


def test__registry__check_pulls_nothing_then_pulls_once(
    registry: Registry, settings: dict[str, Any], tmp_path: Path
) -> None:
    checked = run_role(tmp_path, settings, check=True)
    assert checked.code == 0, checked.output
    assert checked.changed == 1
    assert registry.images() == set()

    # Our own image is looked for under the name that build mode gives it.
    own = checked.facts["images"]["openadr_vtn"]["ref"]
    assert own.startswith(f"{registry.prefix}flexmeasures-openadr-vtn:")
    registry.push(own.removeprefix(registry.prefix))
    pulled = run_role(tmp_path, settings)
    assert pulled.code == 0, pulled.output
    assert pulled.changed == 1
    assert pulled.facts == checked.facts
    refs = {name: registry.prefix + ref for name, ref in settings["images_registry_refs"].items()}
    refs["openadr_vtn"] = own
    expected = {name: {"ref": ref, "source": "registry"} for name, ref in refs.items()}
    assert pulled.facts == {"images": expected, "missing": {}}
    # By the very references that the other roles get, the one with a digest included.
    names = {}
    for name, ref in refs.items():
        label = '{{index .Config.Labels "fr.cariflex.test.name"}}'
        names[name] = output("docker", "image", "inspect", "--format", label, ref).partition(":")[0]
    assert names == {
        "postgres": "mirror/postgres",
        "traefik": "mirror/traefik",
        "grafana": "mirror/grafana",
        "openadr_vtn": "flexmeasures-openadr-vtn",
    }
    assert len(registry.images()) == 4

    # What is there is not asked for again: the second run needs no registry.
    registry.stop()
    again = run_role(tmp_path, settings)
    assert again.code == 0, again.output
    assert again.changed == 0
    assert again.facts == pulled.facts


def test__auto__pulls_what_the_registry_has_and_builds_the_rest(
    registry: Registry, settings: dict[str, Any], tmp_path: Path
) -> None:
    # The hash of our own image is one that no registry has: as after a change to its recipe.
    answered = run_role(tmp_path, settings, check=True, images_source="auto")
    assert answered.code == 0, answered.output
    sources = {name: image["source"] for name, image in answered.facts["images"].items()}
    assert sources == {
        "postgres": "registry",
        "traefik": "registry",
        "grafana": "registry",
        "openadr_vtn": "build",
    }
    assert "The registry answered and lacks openadr_vtn of what it was asked for." in answered.output

    registry.stop()
    silent = run_role(tmp_path, settings, check=True, images_source="auto")
    assert silent.code == 0, silent.output
    assert {image["source"] for image in silent.facts["images"].values()} == {"build"}
    assert [*silent.facts["missing"]] == ["grafana"]
    assert "The registry gave no usable answer" in silent.output
    assert registry.images() == set()


def test__missing_tag__fails_and_names_the_reference(
    registry: Registry, settings: dict[str, Any], tmp_path: Path
) -> None:
    refs = {**settings["images_registry_refs"], "postgres": "mirror/postgres:none"}
    failed = run_role(tmp_path, settings, images_wanted=["postgres"], images_registry_refs=refs)
    assert failed.code == 2
    assert failed.facts == {}
    assert f"manifest for {registry.prefix}mirror/postgres:none not found" in failed.output
