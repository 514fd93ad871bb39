from pathlib import Path

import yaml
from scripts.sensor_maps import render

INVENTORY = Path(__file__).resolve().parents[3] / "inventories/dev"


def test_render__a_map_may_span_files(tmp_path):
    folder = tmp_path / "group_vars/all"
    folder.mkdir(parents=True)
    for file in (INVENTORY / "group_vars/all").glob("*.yml"):
        (folder / file.name).symlink_to(file)
    sensor = {"first_id": 1900, "name": "annex_power", "asset": "Annex", "type": "PV", "unit": "kW"}
    annex = {
        "cariflex_asset_groups_annex": [{"first_id": 1900, "name": "Annex", "type": "Site"}],
        "cariflex_sensor_groups_annex": [{**sensor, "resolution": "PT5M", "source": "Production Simulator"}],
    }
    (folder / "annex.yml").write_text(yaml.safe_dump(annex), encoding="utf-8")
    (folder / "vault.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n", encoding="utf-8")

    added = [row for row in render(tmp_path)["sensors"] if row not in render(INVENTORY)["sensors"]]
    assert [(row["id"], row["name"], row["asset"]) for row in added] == [(1900, "annex_power", "Annex")]
