"""The committed JSON: valid by Grafana's own published types, complete in both languages, fresh."""

import json
import shutil
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from scripts import sensor_maps

from cariflex_dashboards import __main__ as writer
from cariflex_dashboards import texts

FILES = Path(__file__).resolve().parents[3] / "roles/grafana/files"
PANELS = [
    "PV production",
    "Battery stored energy",
    "EV stored energy",
    "Irradiance",
    "Temperature",
    "Wind speed",
    "Consumption price",
    "Production price",
    "Load-control signal",
    "Demand-response signal",
    "Net power and self-consumption",
    "Schedule against actual",
    "Active and coming events",
    "Data freshness per source",
]
SOURCES = {"cariflex-flexmeasures", "cariflex-openadr", "cariflex-prometheus"}
BOARDS = [(language, name) for language in texts.LANGUAGES for name in ("ems", "operations")]


def _board(language, name):
    return json.loads((FILES / language / f"dashboards/{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("language", "name"), BOARDS)
def test_dashboard__through_grafanas_types__loses_and_gains_nothing(language, name):
    plugins.register_default_plugins()
    board = _board(language, name)
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    # The types know no PostgreSQL query; all else must come back as it went in.
    for panel in board["panels"]:
        panel["targets"] = [t for t in panel["targets"] if "rawSql" not in t]

    assert json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder)) == board
    assert targets


def test_ems_dashboard__fourteen_panels_in_order():
    assert [panel["title"] for panel in _board("en", "ems")["panels"]] == PANELS


@pytest.mark.parametrize(("language", "name"), BOARDS)
def test_dashboard__every_panel_has_data_words_and_its_own_place(language, name):
    places = set()
    for panel in _board(language, name)["panels"]:
        assert panel["targets"]
        assert panel["description"]
        assert panel["datasource"]["uid"] in SOURCES
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & places
        assert place["x"] + place["w"] <= 24
        places |= cells
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)


def test_texts__both_languages_have_the_same_keys():
    assert set(texts.NAMES["fr"]) == set(texts.NAMES["en"])
    for table in (texts.PANELS, texts.ALERTS, texts.TITLES):
        assert {key for key, words in table.items() if set(words) != set(texts.LANGUAGES)} == set()


def test_languages__the_same_questions_but_for_the_names():
    for name in ("ems", "operations"):
        for french, english in zip(_board("fr", name)["panels"], _board("en", name)["panels"], strict=True):
            translated = json.dumps(french["targets"], ensure_ascii=False)
            for key, word in texts.NAMES["fr"].items():
                for left, right in (('\\"', '\\"'), ("'", "'")):
                    translated = translated.replace(
                        left + word + right, left + texts.NAMES["en"][key] + right
                    )
            assert translated == json.dumps(english["targets"], ensure_ascii=False)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_alert_rules__conditions_and_data_sources_exist(language):
    content = json.loads((FILES / language / "alerting/rules.json").read_text(encoding="utf-8"))
    [group] = content["groups"]
    uids = [rule["uid"] for rule in group["rules"]]
    assert len(set(uids)) == len(uids) == 3
    for rule in group["rules"]:
        steps = {step["refId"]: step for step in rule["data"]}
        assert rule["condition"] in steps
        assert steps["B"]["model"]["expression"] in steps
        assert steps["A"]["datasourceUid"] in SOURCES


@pytest.fixture
def maps(tmp_path, monkeypatch):
    """Where the writer finds the map of each environment, as scripts/sensor_maps.py renders them."""
    root = Path(__file__).resolve().parents[3]
    for name in ("dev", "test", "prod"):
        folder = tmp_path / "maps" / name
        folder.mkdir(parents=True)
        text = json.dumps(sensor_maps.render(root / "inventories" / name))
        (folder / "sensor_map.json").write_text(text, encoding="utf-8")
        shutil.copy(root / "roles/sensor_map/files/sensor_map.schema.json", folder)
    monkeypatch.setattr(writer, "TARGET", tmp_path / "files")
    monkeypatch.setattr(writer, "ROOT", tmp_path)
    monkeypatch.setattr(writer, "MAPS", tmp_path / "maps")
    monkeypatch.setattr("sys.argv", ["x", "--check"])
    return tmp_path / "maps"


def _change(maps, environment, change):
    path = maps / environment / "sensor_map.json"
    sensor_map = json.loads(path.read_text(encoding="utf-8"))
    change(sensor_map["sensors"][0])
    path.write_text(json.dumps(sensor_map), encoding="utf-8")


def test_check__a_changed_file__is_told(maps, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["x"])
    assert writer.main() == 0
    monkeypatch.setattr("sys.argv", ["x", "--check"])
    assert writer.main() == 0
    (maps.parent / "files/fr/dashboards/ems.json").write_text("{}")

    assert writer.main() == 1
    assert "fr/dashboards/ems.json; run: make dashboards" in capsys.readouterr().err


def test_map_that_breaks_its_schema__is_refused(maps):
    _change(maps, "prod", lambda sensor: sensor.update(id="41"))
    with pytest.raises(ValueError, match=r"prod/sensor_map.json: \$.sensors\[0\].id: '41' is not of type"):
        writer.main()


def test_environments_with_different_ids__are_refused(maps):
    _change(maps, "test", lambda sensor: sensor.update(id=42000))
    with pytest.raises(ValueError, match="different ids"):
        writer.main()


def test_sensor_that_the_map_does_not_name__is_named(maps):
    for name in ("dev", "test", "prod"):
        path = maps / name / "sensor_map.json"
        path.write_text(path.read_text(encoding="utf-8").replace("irradiance", "sunshine"), encoding="utf-8")
    with pytest.raises(KeyError, match="no sensor irradiance"):
        writer.main()
