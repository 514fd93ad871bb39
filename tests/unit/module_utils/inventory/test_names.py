"""Variables that nothing reads: what the deployment refuses beyond the files of the inventory."""

from pathlib import Path

import pytest
from ansible.module_utils.cariflex.inventory.names import known_names, unknown_elsewhere, unknown_in_inventory

ROOT = Path(__file__).resolve().parents[4]
KNOWN = known_names(ROOT)


@pytest.mark.parametrize("environment", ["dev", "test", "prod"])
def test__our_inventories__set_nothing_in_vain(environment: str):
    assert unknown_in_inventory(ROOT / "inventories" / environment, KNOWN) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("redis_pasword", "did you mean redis_password?"),
        ("cariflex_rooot", "did you mean cariflex_root?"),
        ("vault_flexmeasures_dbb", "did you mean vault_flexmeasures_db?"),
        ("sensor_map_zzzzzzzzzzzzzzzzzzz", "remove it"),
    ],
)
def test__options_and_vaults__are_checked_by_name(name: str, hint: str):
    (found,) = unknown_elsewhere([name], [], KNOWN)
    assert found.startswith(f"in a vault or in the options of this run: {name} is set")
    assert hint in found


@pytest.mark.parametrize(
    "name",
    [
        "ansible_user",
        "uninstall_data",
        "group_names",
        "redis_password",
        "cariflex_sensor_groups_north",
        "_redis_x",
    ],
)
def test__names_of_others_and_known_ones__pass(name: str):
    assert unknown_elsewhere([name], [], KNOWN) == []


def test__a_hosts_file_alone__is_read_with_its_folder(tmp_path: Path):
    (tmp_path / "hosts.yml").write_text("ems: {hosts: {h: {redis_x: 1}}}", encoding="utf-8")
    (tmp_path / "host_vars" / "h").mkdir(parents=True)
    (tmp_path / "host_vars" / "h" / "redis.yml").write_text("---\nredis_y: 1\n", encoding="utf-8")
    (tmp_path / "host_vars" / "h" / "vault.yml").write_text("$ANSIBLE_VAULT;1.1\n36\n", encoding="utf-8")
    (tmp_path / "host_vars" / "h" / "own.yml").write_text(
        "shift_plan: x\nreddis_password: y\n", encoding="utf-8"
    )
    found = unknown_in_inventory(tmp_path / "hosts.yml", KNOWN, ours_only=True)
    assert [line.split(" is set")[0] for line in found] == [
        f"{tmp_path}/hosts.yml:1: redis_x",
        f"{tmp_path}/host_vars/h/own.yml:2: reddis_password",
        f"{tmp_path}/host_vars/h/redis.yml:2: redis_y",
    ]
