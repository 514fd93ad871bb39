"""The double answers as phpIPAM 1.8.3 did: recorded exchanges are replayed in their order and compared.

They are two series from two server states, each rebuilt here. Those of the full set that are not here are in
recordings/LEFT_OUT.json with the reason.
"""

import base64
import http.client
import json
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from tests.doubles.phpipam import App, Phpipam

RECORDINGS = Path(__file__).parent / "recordings"
PASSWORD = "password-of-the-test"
CODE = "code-of-the-test"
CUSTOM_FIELDS = ("custom_service", "custom_asset", "custom Rack Pos")
# Computed by the product from settings that the double does not have.
NOT_COMPARED = {"time", "permissions", "location", "usage", "custom_site"}
FIRST_OF_SECOND_SERIES, BACK_TO_ADMIN = 228, 263


def numbered():
    return sorted(RECORDINGS.glob("[0-9]*.json"))


def apps():
    return {
        "demo": App(),
        "ro": App(permission=1),
        "rw": App(permission=2),
        "off": App(permission=0),
        "nest": App(nest=True),
        "code": App(code=CODE),
        "lockmysql": App(lock_timeout_message="MySQL wait timeout exceeded after 2.0006 seconds"),
        "lockfile": App(lock_timeout_message="Cannot obtain lock for <lock-file> after 2.0028 seconds"),
    }


def demo_data(double):
    """The sections, subnets and addresses that phpIPAM's installer brings."""
    shared = {"allowRequests": 1, "showName": 1, "vrfId": 0}
    permissions = '{"3":"1","2":"2"}'
    double.add_section("Customers", description="Section for customers", permissions=permissions)
    double.add_section("IPv6", description="Section for IPv6 addresses", permissions=permissions)
    double.add_subnet(2, "fd13:6d20:29dc:cf27::/64", description="Private subnet 1", **shared)
    double.add_subnet(1, "10.10.0.0/16", description="Business customers", **shared)
    double.add_subnet(1, "10.10.1.0/24", description="Customer 1", masterSubnetId=2, **shared)
    double.add_subnet(1, "10.10.2.0/24", description="Customer 2", masterSubnetId=2, **shared)
    double.add_subnet(1, "10.65.0.0/16", description="My folder")
    double.store.subnets[5].update(isFolder=1, subnet=str(IPv4Address(0)), mask="")
    double.add_subnet(1, "10.65.22.0/24", description="DHCP range", showName=1, vrfId=0)
    double.store.subnets[6]["masterSubnetId"] = 5
    for subnet_id in range(1, 7):
        double.store.subnets[subnet_id]["vlanId"] = 1 if subnet_id == 1 else 0
    for number in range(1, 5):
        values = {"hostname": f"server{number}.cust1.local", "description": f"Server{number}"}
        double.add_address(3, f"10.10.1.{number + 2}", tag=2 if number < 3 else 3, **values)
    double.add_address(3, "10.10.1.245", description="Gateway")
    double.add_address(4, "10.10.2.254", description="Gateway")
    double.add_address(4, "10.10.2.10", hostname="ser1.client2.local", description="Server1")
    for number in (4, 5, 6):
        double.add_address(6, f"10.65.22.{number}", description="DHCP range", tag=4)


def second_state(double):
    """Where the second series begins: ids have moved on."""
    demo_data(double)
    double.add_section("PEER")
    double.store.next_id.update(subnets=21, addresses=92)


def before(number, double):
    """What happened on the server between the recordings, outside the API or in exchanges left out."""
    if number == 42:
        double.store.next_id["sections"] = 4
    if number == 168:
        double.store.custom_fields = dict.fromkeys(CUSTOM_FIELDS)
    if number == 200:
        double.store.next_id["sections"] = 5
    if number == 226:
        double.failed_logins = 11
    if number == 270:
        double.store.next_id["addresses"] = 824


def send(double, exchange, token):
    request = exchange["request"]
    headers = {k: v for k, v in request["headers"].items() if k not in ("token", "phpipam-token")}
    for name in ("token", "phpipam-token"):
        given = request["headers"].get(name)
        # The recordings call every token that is not the session's "<other-token>", app codes too.
        other = CODE if exchange["name"] == "appcode-ok" else "not-a-token"
        if given:
            headers[name] = token if given == "<token>" else other
    if headers.get("Authorization", "").startswith("Basic"):
        user = headers["Authorization"].split()[2].partition(":")[0]
        wrong = exchange["name"] in ("auth-login-wrong-password", "auth-login-unknown-user")
        secret = "wrong" if wrong else PASSWORD
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
    body = None
    if "json" in request:
        body = json.dumps(request["json"])
    elif "form" in request:
        body = urlencode(request["form"])
    elif "raw" in request:
        body = request["raw"]
    connection = http.client.HTTPConnection(urlsplit(double.url).netloc, timeout=5)
    try:
        connection.request(request["method"], request["path"], body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location"), answer.read()
    finally:
        connection.close()


def comparable(value, key=""):
    """Without what differs from run to run: tokens, moments, and what the double does not compute."""
    if isinstance(value, dict):
        return {k: comparable(v, k) for k, v in value.items() if k not in NOT_COMPARED}
    if isinstance(value, list):
        rows = [comparable(v) for v in value]
        # The order of sections depends on a setting.
        return sorted(rows, key=lambda row: int(row["id"])) if rows and "strictMode" in rows[0] else rows
    if key in ("token", "expires"):
        return f"<{key}>"
    return "<moment>" if key == "editDate" and value is not None else value


def replay(first, last, prepare):
    with Phpipam(apps(), users={"Admin": PASSWORD, "limited": PASSWORD}) as double:
        prepare(double)
        _, _, login = double.answer("POST", "/api/demo/user/", _basic("Admin"), b"")
        token = login["data"]["token"]
        for file in numbered():
            number = int(file.name[:3])
            if not first <= number <= last:
                continue
            exchange = json.loads(file.read_text(encoding="utf-8"))
            before(number, double)
            if number == BACK_TO_ADMIN:
                _, _, login = double.answer("POST", "/api/demo/user/", _basic("Admin"), b"")
                token = login["data"]["token"]
            status, location, content = send(double, exchange, token)
            body = json.loads(content) if content else {"_raw": ""}
            if isinstance(body.get("data"), dict):
                token = body["data"].get("token", token)
            assert comparable(body) == comparable(exchange["body"]), file.name
            assert status == exchange["status"], file.name
            assert location == exchange["headers"].get("Location"), file.name


def _basic(user):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()}


@pytest.mark.parametrize(
    ("first", "last", "prepare"),
    [(1, FIRST_OF_SECOND_SERIES - 1, demo_data), (FIRST_OF_SECOND_SERIES, 999, second_state)],
    ids=["first series", "second series"],
)
def test_recordings_replayed(first, last, prepare):
    replay(first, last, prepare)


def test_left_out__is_disjoint_and_complete():
    here = {int(file.name[:3]) for file in numbered()}
    left_out = json.loads((RECORDINGS / "LEFT_OUT.json").read_text(encoding="utf-8"))
    listed = [number for numbers in left_out.values() for number in numbers]
    assert len(listed) == len(set(listed))
    assert here.isdisjoint(listed)
    assert here | set(listed) == set(range(1, 278))
