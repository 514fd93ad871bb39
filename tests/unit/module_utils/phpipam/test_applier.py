"""The applier against the double: one sync, repeated, beside others, and against faults."""

import threading

import pytest
from ansible.module_utils.cariflex.errors import CariflexError, ConflictError
from ansible.module_utils.cariflex.phpipam.applier import synchronise
from ansible.module_utils.cariflex.phpipam.client import Client, Connection, UnreachableError
from ansible.module_utils.cariflex.phpipam.options import wanted_section
from tests.doubles.phpipam import App, Phpipam

CIDR = "192.168.240.0/24"


def wanted(*hosts, **changes):
    """A section with one subnet; a host is a name (any free address) or a pair with its fixed address."""
    pairs = [(host, None) if isinstance(host, str) else host for host in hosts]
    subnet = {
        "cidr": CIDR,
        "description": "VTN and VEN",
        "gateway": "192.168.240.1",
        "allocate_from": "192.168.240.0/25",
        "reserved": [{"range": "192.168.240.128/25", "description": "Engine's pool"}],
        "addresses": [{"hostname": name, "ip": ip} for name, ip in pairs],
        **changes.pop("subnet", {}),
    }
    defaults = {"section": "Cariflex", "owner": "cariflex-dev", "key": "hostname"}
    switches = {"adopt": False, "purge": False, "max_delete": 10}
    return wanted_section({**defaults, **switches, "subnets": [subnet], **changes})


def run(client, state, check_mode=False):
    outcome = synchronise(client, state, check_mode=check_mode)
    assert outcome.failures == []
    return outcome


def test__synchronise__makes_section_subnets_and_records_then_nothing(phpipam, client):
    state = wanted(("openadr-vtn", "192.168.240.10"), "openadr-ven")

    run(client, state)

    assert phpipam.records("ip", "hostname", "owner", "is_gateway", "tag") == [
        ("192.168.240.1", None, "cariflex-dev", 1, 2),
        ("192.168.240.10", "openadr-vtn", "cariflex-dev", 0, 2),
        ("192.168.240.2", "openadr-ven", "cariflex-dev", 0, 2),
    ]
    subnets = [(s["subnet"], s["mask"], s["masterSubnetId"], s["tag"], s["isFull"], s["description"])
               for s in phpipam.store.subnets.values()]  # fmt: skip
    assert subnets == [
        ("192.168.240.0", 24, 0, 2, 0, "VTN and VEN [cariflex-dev]"),
        ("192.168.240.128", 25, 1, 3, 1, "Engine's pool [cariflex-dev]"),
    ]
    phpipam.log.clear()
    assert run(client, state).steps == []
    assert phpipam.log == ["GET /api/ansible/sections/Cariflex/", "GET /api/ansible/sections/1/subnets/",
                           "GET /api/ansible/subnets/1/addresses/"]  # fmt: skip


def test__check_mode__predicts_the_very_addresses_and_writes_nothing(phpipam, client):
    section = phpipam.add_section()
    subnet = phpipam.add_subnet(section, CIDR)
    phpipam.add_address(subnet, "192.168.240.2", hostname="somebody")
    state = wanted("a", "b", ("c", "192.168.240.4"))
    phpipam.log.clear()

    predicted = run(client, state, check_mode=True)

    assert phpipam.writes() == []
    real = run(client, state)
    assert predicted.allocations == real.allocations
    assert next(iter(real.allocations.values())) == {
        "a": "192.168.240.3",
        "b": "192.168.240.5",
        "c": "192.168.240.4",
    }
    assert [step.desired for step in predicted.steps] == [step.desired for step in real.steps]


def test__update__resends_the_tag_and_keeps_it(phpipam, client):
    state = wanted(("a", "192.168.240.10"))
    run(client, state)
    row = phpipam.store.address_at(1, "192.168.240.10")
    row.update(tag=1, mac="02:00:00:00:00:01")

    described = {"addresses": [{"hostname": "a", "ip": "192.168.240.10", "note": "new"}]}
    outcome = run(client, wanted(subnet=described))

    assert [step.differing() for step in outcome.steps] == [{"note": "new"}]
    assert (row["tag"], row["note"], row["mac"]) == (1, "new", "02:00:00:00:00:01")


def test__swap__changes_both_records_in_place(phpipam, client):
    run(client, wanted(("a", "192.168.240.10"), ("b", "192.168.240.11")))
    ids = phpipam.records("id")

    run(client, wanted(("a", "192.168.240.11"), ("b", "192.168.240.10")))

    assert phpipam.records("id") == ids
    assert phpipam.records("ip", "hostname")[1:] == [("192.168.240.10", "b"), ("192.168.240.11", "a")]


def test__move__leaves_one_record_of_the_key(phpipam, client):
    run(client, wanted(("a", "192.168.240.10")))
    run(client, wanted(("a", "192.168.240.12")))
    assert phpipam.records("ip", "hostname")[1:] == [("192.168.240.12", "a")]


def test__purge__takes_only_ours_and_no_more_than_allowed(phpipam, client):
    run(client, wanted("a", "b", "c"))
    phpipam.add_address(1, "192.168.240.50", hostname="theirs")

    with pytest.raises(ConflictError, match="is 2, expected 'at most 1'"):
        synchronise(client, wanted("a", purge=True, max_delete=1), check_mode=False)
    assert len(phpipam.records("id")) == 5
    outcome = run(client, wanted("a", purge=True, max_delete=2))

    assert [step.action for step in outcome.steps] == ["delete", "delete"]
    assert [h for (h,) in phpipam.records("hostname")] == [None, "a", "theirs"]


def test__purge__keeps_subnets_with_foreign_records_and_says_so(phpipam, client):
    run(client, wanted("a"))
    other = {"cidr": "10.9.0.0/24", "reserved": [], "gateway": None, "allocate_from": None, "addresses": []}
    phpipam.add_address(1, "192.168.240.50", hostname="theirs")

    outcome = run(client, wanted(subnet=other, purge=True))

    assert "192.168.240.0/24 is not wanted any more but stays" in outcome.warnings[0]
    assert {s["subnet"] for s in phpipam.store.subnets.values()} == {"192.168.240.0", "10.9.0.0"}
    phpipam.api.delete_address(phpipam.store.address_at(1, "192.168.240.50")["id"])
    outcome = run(client, wanted(subnet=other, purge=True))
    assert {s["subnet"] for s in phpipam.store.subnets.values()} == {"10.9.0.0"}


def test__foreign_records__are_all_named_before_anything_changes(phpipam, client):
    subnet = phpipam.add_subnet(phpipam.add_section(), CIDR)
    phpipam.add_address(subnet, "192.168.240.1", is_gateway=1, hostname="router")
    phpipam.add_address(subnet, "192.168.240.10", hostname="printer", owner="office")
    phpipam.add_address(subnet, "192.168.240.30", hostname="free")
    phpipam.log.clear()

    with pytest.raises(ConflictError) as raised:
        synchronise(
            client, wanted(("a", "192.168.240.10"), "free", ("p", "192.168.240.200")), check_mode=False
        )

    text = str(raised.value)
    parts = ["192.168.240.10 of a", "printer (owner office)", "record free at 192.168.240.30", "of Gateway"]
    for part in (*parts, "inside the pool 192.168.240.128/25"):
        assert part in text
    assert phpipam.writes() == []


def test__adopt__takes_over_a_record_of_the_same_key(phpipam, client):
    subnet = phpipam.add_subnet(phpipam.add_section(), CIDR)
    phpipam.add_address(subnet, "192.168.240.10", hostname="A", note="kept")
    run(client, wanted(("a", "192.168.240.10"), adopt=True))
    assert phpipam.records("ip", "hostname", "owner", "note")[0] == (
        "192.168.240.10", "a", "cariflex-dev", "kept",
    )  # fmt: skip


@pytest.mark.parametrize("lock", [True, False])
def test__twenty_parallel_syncs__leave_no_duplicate(lock):
    apps = {"ansible": App(code="c", lock=lock)}
    with Phpipam(apps, race_gap_s=0.001) as double:
        states = [wanted("shared", f"own-{n % 5}", f"only-{n}") for n in range(20)]
        barrier, errors = threading.Barrier(20), []

        def work(state):
            client = Client(Connection(double.url, "ansible", app_code="c"))
            barrier.wait()
            try:
                run(client, state)
            except (CariflexError, AssertionError) as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(state,)) for state in states]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert errors == []
        hosts = [host for (host,) in double.records("hostname") if host]
        assert sorted(hosts) == sorted(
            {"shared", *(f"own-{n}" for n in range(5)), *(f"only-{n}" for n in range(20))}
        )
        ips = double.records("subnetId", "ip")
        assert len(ips) == len(set(ips))


@pytest.mark.parametrize(
    "message",
    [
        "MySQL wait timeout exceeded after 2.0006 seconds",
        "Cannot obtain lock for /tmp/x after 2.0028 seconds",
    ],
)
def test__lock_timeout__is_met_by_reading_again(phpipam, client, message):
    app = phpipam.apps["ansible"]
    app.lock_timeout_message = message

    def release(method, path):
        if len(phpipam.writes()) > 2:
            app.lock_timeout_message = ""

    phpipam.fault = release
    run(client, wanted("a"))
    assert phpipam.log.count("GET /api/ansible/sections/Cariflex/") == 3
    assert [h for (h,) in phpipam.records("hostname") if h] == ["a"]


def test__answer_lost_after_the_write__makes_no_second_record(phpipam, client):
    lost = []

    def lose_one(method, path):
        if method == "POST" and path.endswith("/addresses/") and not lost:
            lost.append(path)
            return b""
        return None

    phpipam.fault = lose_one
    run(client, wanted("a", "b"))
    assert lost
    assert sorted(h for (h,) in phpipam.records("hostname") if h) == ["a", "b"]


@pytest.mark.parametrize("nest", [False, True])
def test__custom_field__identifies_records_whose_hostname_changes(nest):
    apps = {"ansible": App(code="c", nest=nest)}
    with Phpipam(apps, custom_fields=("custom_asset",)) as double:
        client = Client(Connection(double.url, "ansible", app_code="c"))

        def named(hostname):
            addresses = [{"hostname": hostname, "custom_fields": {"asset": 7}}]
            return wanted(subnet={"gateway": None, "addresses": addresses}, key="custom_asset")

        run(client, named("meter-old"))
        run(client, named("meter-new"))

        assert double.records("ip", "hostname", "custom_asset") == [("192.168.240.1", "meter-new", "7")]
        assert run(client, named("meter-new")).steps == []


def test__section_named_by_digits__is_not_taken_for_an_id(phpipam, client):
    phpipam.add_section("Somebody's")
    with pytest.raises(CariflexError, match='section 1: phpIPAM answers "Somebody\'s"'):
        synchronise(client, wanted("a", section="1"), check_mode=False)
    assert phpipam.writes() == []


def test__refused_items__are_reported_together_and_the_others_done(phpipam, client):
    long = {"addresses": [{"hostname": "x" * 300}, {"hostname": "y" * 300}, {"hostname": "fine"}]}

    outcome = synchronise(client, wanted(subnet=long), check_mode=False)

    assert len(outcome.failures) == 2
    assert all("Data too long for column 'hostname'" in failure for failure in outcome.failures)
    assert [h for (h,) in phpipam.records("hostname") if h] == ["fine"]
    assert [step.kind for step in outcome.steps] == ["section", "subnet", "subnet", "address", "address"]


def test__refused_subnet__is_reported_once_and_its_addresses_not_tried(phpipam, client):
    described = {
        "description": "x" * 300,
        "reserved": [],
        "addresses": [{"hostname": "a"}, {"hostname": "b"}],
    }
    outcome = synchronise(client, wanted(subnet=described), check_mode=False)
    assert len(outcome.failures) == 1
    assert "create subnet 192.168.240.0/24" in outcome.failures[0]
    assert not any("/addresses/" in entry for entry in phpipam.writes())


def test__read_only_app__stops_at_the_first_write(phpipam, client):
    phpipam.apps["ansible"].permission = 1
    phpipam.add_section()
    outcome = synchronise(client, wanted("a", "b"), check_mode=False)
    assert len(outcome.failures) == 1
    assert "invalid permissions" in outcome.failures[0]
    assert len(phpipam.writes()) == 1


def test__unreachable__changes_nothing_and_is_told_apart():
    with Phpipam() as double:
        url = double.url
    client = Client(Connection(url, "ansible", app_code="c", timeout_s=1))
    with pytest.raises(UnreachableError, match="no answer"):
        synchronise(client, wanted("a"), check_mode=False)


def test__value_that_the_server_changes__is_an_error_not_a_loop(phpipam, client):
    phpipam.api._values = lambda body: {
        **{k: v for k, v in body.items() if k not in ("ip", "subnetId")},
        "note": "?",
    }
    noted = {"addresses": [{"hostname": "a", "note": "mine"}]}
    outcome = synchronise(client, wanted(subnet=noted), check_mode=False)
    assert "stored other values" in outcome.failures[0]


def test__strange_texts__do_not_flap(phpipam, client):
    host = {
        "hostname": "a",
        "description": "  a <i>b</i> & c  ",
        "note": "5 < 6 and 7 > 2",
        "mac": "0242.AC1D.000A",
    }
    state = wanted(subnet={"addresses": [host]})
    run(client, state)
    assert phpipam.records("description", "note", "mac")[1] == (
        "  a b & c  ", "5 < 6 and 7 > 2", "02:42:ac:1d:00:0a",
    )  # fmt: skip
    assert run(client, state).steps == []
    phpipam.stringify = True
    assert run(client, state).steps == []
