"""Asks every service of the deployed stack itself, from inside the platform."""

import json

CONTAINERS = {
    "traefik",
    "flexmeasures-db",
    "flexmeasures-redis",
    "flexmeasures-server",
    "flexmeasures-worker",
    "openadr-vtn",
    "openadr-ven",
    "cariflex-simulator",
    "cariflex-weather",
}
# Bat_06, which the S2 service leaves alone; prices as quantities, so that nothing needs to be posted before.
# 40 kWh more in two hours need charging.
SCHEDULE = """
import asyncio, json
from datetime import UTC, datetime, timedelta
from cariflex_s2.clients.flexmeasures import FlexMeasuresServer
from cariflex_s2.settings import read_settings

async def main():
    settings = read_settings()
    tables = json.load(open("/etc/cariflex-sensor-map/sensor_map.json"))
    asset = next(row["id"] for row in tables["assets"] if row["name"] == "Bat_06")
    sensor = next(row["id"] for row in tables["sensors"] if row["name"] == "bat_06_schedule")
    server = FlexMeasuresServer(settings.scheduling.flexmeasures)
    now = datetime.now(UTC).replace(microsecond=0)
    start = now.replace(minute=0, second=0)
    target = {"datetime": (start + timedelta(hours=2)).isoformat(), "value": "90 kWh"}
    model = {"sensor": sensor, "soc-at-start": "50 kWh", "soc-min": "10 kWh", "soc-max": "95 kWh",
             "power-capacity": "50 kW", "roundtrip-efficiency": "100%", "soc-minima": [target]}
    context = {"consumption-price": "100 EUR/MWh", "production-price": "50 EUR/MWh"}
    hours = timedelta(hours=3)
    await server.schedule(asset, start, hours, [model], context, now)
    read = await server.values(sensor, start, hours, "kW", timedelta(minutes=15))
    await server.close()
    print(json.dumps([value or 0 for value in read.values]))

asyncio.run(main())
"""
VTN = "http://192.168.240.10:8080"
DTD_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]>'
    "<oadrPayload>&c;&c;&c;</oadrPayload>"
)


def _sql(host, database, query):
    answer = host.check_output(
        "docker exec flexmeasures-db psql -X -qtA -U postgres -d %s -c %s", database, query
    )
    return answer.strip()


UPGRADE = ("--header", "Connection: Upgrade", "--header", "Upgrade: websocket")
UPGRADE += (
    "--header",
    "Sec-WebSocket-Version: 13",
    "--header",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def _http_code(host, *words):
    command = "curl --silent --show-error --output /dev/null --write-out '%%{http_code}' "
    return host.check_output(command + " ".join(["%s"] * len(words)), *words)


def _redis(host, shell):
    return host.run("docker exec flexmeasures-redis sh -c %s", shell)


def test_every_container_is_healthy(host):
    answer = host.check_output("docker ps --format '{{.Names}}|{{.Status}}'")
    states = dict(line.split("|", 1) for line in answer.splitlines())
    assert set(states) == CONTAINERS
    assert [name for name, state in states.items() if "(healthy)" not in state] == []


def test_nothing_was_built_in_the_platform(host):
    built = host.run("find /opt/cariflex/build -name build.log")
    assert built.stdout == ""


def test_flexmeasures_is_ready_through_traefik(host):
    for url in ("http://localhost", "https://localhost"):
        assert _http_code(host, "--insecure", f"{url}/api/v3_0/health/ready") == "200", url


def test_an_unknown_host_name_reaches_no_service(host):
    assert _http_code(host, "--header", "Host: other.example", "http://localhost/") == "404"


def test_each_service_has_its_own_database_and_owner(host):
    query = (
        "SELECT datname, pg_get_userbyid(datdba) FROM pg_database "
        "WHERE datname IN ('flexmeasures', 'openadr') ORDER BY 1"
    )
    assert _sql(host, "postgres", query).splitlines() == ["flexmeasures|flexmeasures", "openadr|openadr"]


def test_the_sensors_of_the_specification_exist(host):
    assert _sql(host, "flexmeasures", "SELECT count(*) FROM sensor WHERE id < 1000") == "37"
    assert _sql(host, "flexmeasures", "SELECT count(*) FROM sensor WHERE id BETWEEN 1001 AND 1040") == "40"


def _api(host, method, path, body, token=""):
    """FlexMeasures' answer through Traefik, as JSON; an empty one is {}."""
    return json.loads(
        host.run(
            "printf %s %s | curl --silent --insecure --request %s --header 'Content-Type: application/json'"
            " --header %s --data @- %s",
            "%s",
            json.dumps(body),
            method,
            f"Authorization: {token}",
            f"https://localhost/api{path}",
        ).stdout
        or "{}"
    )


def test_a_sensor_made_through_the_api_gets_an_id_beyond_the_reserved_ones(host):
    password = host.check_output("cat /opt/cariflex/secrets/flexmeasures/flexmeasures_admin")
    login = {"email": "admin@digitribe.fr", "password": password}
    token = _api(host, "POST", "/requestAuthToken", login)["auth_token"]
    sensor = {"name": "made by hand", "event_resolution": "PT5M", "unit": "kW", "generic_asset_id": 81}

    made = _api(host, "POST", "/v3_0/sensors", sensor, token)

    assert made["id"] > 1999
    newest = _sql(host, "flexmeasures", "SELECT id, name FROM sensor ORDER BY id DESC LIMIT 1")
    assert newest == f"{made['id']}|made by hand"
    _api(host, "DELETE", f"/v3_0/sensors/{made['id']}", {}, token)


def test_the_dashboards_role_reads_and_cannot_write(host):
    read = "SET ROLE dashboards; SELECT count(*) > 0 FROM sensor"
    assert _sql(host, "flexmeasures", read) == "t"
    write = host.run(
        "docker exec flexmeasures-db psql -X -U postgres -d flexmeasures -c %s",
        "SET ROLE dashboards; DELETE FROM sensor",
    )
    assert write.rc != 0
    assert "permission denied" in write.stderr


def test_a_right_too_many_is_taken_back(host):
    ensure = "docker exec flexmeasures-db /docker-entrypoint-initdb.d/10-roles.sh"
    _sql(host, "flexmeasures", "GRANT DELETE ON sensor TO dashboards")

    seen = host.check_output(f"{ensure} --check")
    mended = host.check_output(ensure)

    assert seen == mended == "changed: right of dashboards to DELETE sensor, which it should not have"
    assert _sql(host, "flexmeasures", "SELECT has_table_privilege('dashboards', 'sensor', 'DELETE')") == "f"
    assert host.check_output(ensure) == ""


def test_redis_answers_with_its_password_and_refuses_without(host):
    assert "NOAUTH" in _redis(host, "redis-cli ping").stdout
    authenticated_ping = 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli ping'
    assert _redis(host, authenticated_ping).stdout.strip() == "PONG"


def test_the_vtn_refuses_a_document_type_definition_and_lives_on(host):
    send = "curl --silent --show-error --header 'Content-Type: application/xml' --data-binary %s "
    send += f"--write-out ' %%{{http_code}}' {VTN}/OpenADR2/Simple/2.0b/OadrPoll"
    answer = host.check_output(send, DTD_BOMB)
    assert "DOCTYPE or ENTITY markup" in answer
    assert answer.endswith(" 400")
    assert "DOCTYPE" not in host.check_output(send, "<oadrPayload/>")
    assert host.run("docker exec openadr-vtn vtnctl health").rc == 0


def test_the_ven_has_registered_and_polls(host):
    status = json.loads(host.check_output("docker exec openadr-ven venctl status --json"))
    assert status["registered"] is True
    assert host.run("docker exec openadr-ven venctl health").rc == 0


def test_the_s2_service_knows_every_resource_and_turns_strangers_away(host):
    assert host.run("docker exec openadr-ven s2ctl health").rc == 0
    sessions = json.loads(host.check_output("docker exec openadr-ven s2ctl sessions --json"))["sessions"]
    names = {f"{kind}_{number:02d}" for kind in ("battery", "ev") for number in range(1, 6)}
    assert {row["resource_id"] for row in sessions} == names
    assert _http_code(host, *UPGRADE, "http://192.168.240.11:8765/s2/battery_01") == "401"


def test_a_resource_manager_comes_in_through_traefik_with_its_token_only(host):
    token = host.check_output(
        "python3 -c %s",
        "import json; print(json.load(open('/opt/cariflex/secrets/openadr/s2_tokens.json'))['battery_01'])",
    )
    # An accepted session stays open: curl gives it up after some seconds, and the simulator comes back.
    door = ("--insecure", "--http1.1", "--max-time", "5", "--resolve", "s2.localhost:443:127.0.0.1", *UPGRADE)
    ask = "curl --silent --output /dev/null --write-out '%%{http_code}' " + " ".join(["%s"] * (len(door) + 3))
    for sent, expected in ((token, "101"), ("of-a-stranger", "401")):
        header = f"Authorization: Bearer {sent}"
        answer = host.run(ask, *door, "--header", header, "https://s2.localhost/s2/battery_01")
        assert answer.stdout == expected


def test_flexmeasures_plans_consumption_as_positive_power(host):
    answer = host.check_output("docker exec openadr-ven python -c %s", SCHEDULE)
    powers_kw = json.loads(answer.splitlines()[-1])
    assert abs(sum(powers_kw[:8]) / 4 - 40) < 0.5, powers_kw
    assert min(powers_kw[:8]) >= 0


def test_no_database_port_is_published(host):
    answer = host.check_output("docker ps --format '{{.Names}}|{{.Ports}}'")
    published = {line.split("|")[0] for line in answer.splitlines() if "->" in line}
    assert published <= {"traefik", "openadr-vtn"}


def test_secret_files_are_closed_to_others(host):
    assert host.check_output("find /opt/cariflex/secrets -type f -perm /007") == ""


def test_the_simulated_past_is_there_once(host):
    production = (
        "SELECT count(*) FROM timed_belief WHERE sensor_id = 41 AND event_start < now() - interval '1 day'"
    )
    assert int(_sql(host, "flexmeasures", production)) > 5 * 288


def test_the_weather_says_where_it_comes_from(host):
    status = json.loads(host.check_output("docker exec cariflex-weather weatherctl status --json"))
    assert status["source"] in {"Open-Meteo", "Clear-sky model"}
    assert (status["source"] == "Clear-sky model") == bool(status["open_meteo_error"])


def test_simulated_devices_live_and_their_balance_closes(host):
    record = json.loads(host.check_output("docker exec cariflex-simulator simctl record"))
    assert len(record["devices"]) == 20
    assert max(row["balance_error"] for row in record["devices"]) <= 0.01


def test_the_useful_commands_of_the_specification_work_as_printed(host):
    listed = host.check_output('docker ps -a | grep -E "flexmeasures|openadr|grafana"')
    assert "flexmeasures-server" in listed
    assert "openadr-ven" in listed
    assert host.check_output(r'docker logs openadr-ven 2>&1 | grep -i "price\|load\|event"')
    assert "UNAUTHORIZED" in host.check_output("curl -s --insecure https://localhost/api/v3_0/sensors")
    query = "SELECT * FROM sensor WHERE id BETWEEN 80 AND 90;"
    sensors = host.check_output(
        f'docker exec flexmeasures-db psql -U flexmeasures -d flexmeasures -c "{query}"'
    )
    assert "consumption_price" in sensors
    assert "(7 rows)" in sensors
