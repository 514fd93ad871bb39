"""The client against the double: logins, refusals in disguise, answers that are not phpIPAM's."""

import pytest
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.phpipam.applier import synchronise
from ansible.module_utils.cariflex.phpipam.client import Client, Connection, PhpipamError, UnreachableError
from ansible.module_utils.cariflex.phpipam.options import wanted_section
from tests.doubles.phpipam import App, Phpipam


@pytest.fixture
def by_user():
    with Phpipam({"ansible": App()}) as double:
        double.add_section("Cariflex")
        yield double


def user_client(double, password=None):
    password = password or double.users["Admin"]
    return Client(Connection(double.url, "ansible", username="Admin", password=password))


def test__login__happens_once(by_user):
    client = user_client(by_user)
    client.get("sections/1/")
    client.get("sections/1/")
    assert by_user.log.count("POST /api/ansible/user/") == 1
    assert client.requests == 3


def test__session_ended_by_another_client__is_renewed_once(by_user):
    client = user_client(by_user)
    client.get("sections/1/")
    by_user.tokens.clear()
    assert client.get("sections/1/")["name"] == "Cariflex"
    assert by_user.log.count("POST /api/ansible/user/") == 2


def test__failed_login__is_never_repeated(by_user):
    client = user_client(by_user, "wrong")
    with pytest.raises(PhpipamError, match="Invalid username or password"):
        client.get("sections/1/")
    assert by_user.log == ["POST /api/ansible/user/"]


def test__login_refused_in_mid_run__ends_the_run(by_user):
    client = user_client(by_user)
    addresses = [{"hostname": name} for name in "abcdefghijklmnop"]
    subnets = [{"cidr": "10.0.0.0/24", "addresses": addresses}]
    switches = {"key": "hostname", "adopt": False, "purge": False, "max_delete": 1}
    wanted = wanted_section({"section": "Cariflex", "owner": "o", "subnets": subnets, **switches})

    def change_password(method, path):
        if method == "POST" and path.endswith("/addresses/"):
            by_user.users["Admin"] = "another"
            by_user.tokens.clear()

    by_user.fault = change_password
    outcome = synchronise(client, wanted, check_mode=False)
    assert "Invalid username or password" in outcome.failures[0]
    assert [step.kind for step in outcome.steps] == ["subnet"]
    assert by_user.failed_logins == 1


def test__blocked_client__is_told_so(by_user):
    by_user.failed_logins = 11
    with pytest.raises(PhpipamError, match="blocked for 5 minutes"):
        user_client(by_user).get("sections/1/")


def test__wrong_app_code__is_not_met_by_a_login(phpipam):
    client = Client(Connection(phpipam.url, "ansible", app_code="wrong"))
    with pytest.raises(PhpipamError, match="401 Unauthorized"):
        client.get("sections/1/")
    assert len(phpipam.log) == 1


def test__missing_right__is_not_met_by_a_login(by_user):
    by_user.apps["ansible"].permission = 1
    with pytest.raises(PhpipamError, match="invalid permissions"):
        user_client(by_user).create("sections/", {"name": "x2"})
    assert by_user.log.count("POST /api/ansible/user/") == 1


def test__refusal_in_a_success__is_a_refusal_and_a_lost_race(phpipam, client):
    phpipam.apps["ansible"].lock_timeout_message = "MySQL wait timeout exceeded after 2.0006 seconds"
    with pytest.raises(PhpipamError) as raised:
        client.create("sections/", {"name": "x2"})
    assert raised.value.code == 500
    assert raised.value.lost_race


@pytest.mark.parametrize(
    ("content", "excerpt"), [(b"<html>Bad gateway</html>", "<html>Bad"), (b"[1]", "envelope")]
)
def test__answers_of_something_else__name_the_place_and_the_text(phpipam, client, content, excerpt):
    phpipam.fault = lambda *_: content
    with pytest.raises(UnreachableError, match=f"GET {phpipam.url}/api/ansible/sections/1/.*{excerpt}"):
        client.get("sections/1/")


def test__read__survives_one_bad_answer(phpipam, client):
    phpipam.add_section()
    faults = [b"<html>", b""]
    phpipam.fault = lambda *_: faults.pop() if faults else None
    assert client.get("sections/1/")["name"] == "Cariflex"
    assert len(phpipam.log) == 3


def test__write__is_never_repeated(phpipam, client):
    phpipam.fault = lambda *_: b""
    with pytest.raises(UnreachableError):
        client.create("sections/", {"name": "x2"})
    assert len(phpipam.log) == 1


def test__empty_list__is_told_from_a_missing_parent(phpipam, client):
    section = phpipam.add_section()
    assert client.list(f"sections/{section}/subnets/") == []
    subnet = phpipam.add_subnet(section, "10.0.0.0/24")
    assert client.list(f"subnets/{subnet}/addresses/") == []
    with pytest.raises(PhpipamError, match="Invalid subnet Id"):
        client.list("subnets/999/addresses/")


def test__missing_authority_file__is_named(phpipam):
    with pytest.raises(CariflexError, match=r"ca_path: is '/no/such\.pem', expected a PEM file"):
        Client(Connection(phpipam.url, "ansible", app_code="x", ca_path="/no/such.pem"))
