"""Two services behind Traefik, asked by name over https, on the machine's outer address."""

import pytest

CERTIFICATE = "/opt/cariflex/config/traefik/certificates/own.crt"


@pytest.fixture(scope="module")
def services(host):
    """A web server of the machine's own for each route."""
    for name, port in (("one", 8001), ("two", 8002)):
        host.check_output(f"mkdir -p /srv/{name} && echo {name} >/srv/{name}/name")
        serve = f"python3 -m http.server --bind 172.29.0.1 --directory /srv/{name} {port}"
        host.check_output(f"systemd-run --unit {name} --collect {serve}")
        wait = f"until (: </dev/tcp/172.29.0.1/{port}) 2>/dev/null; do sleep 0.1; done"
        host.check_output("timeout 20 bash -c %s", wait)
    yield
    host.check_output("systemctl stop one two")


def _outer_address(host):
    return host.check_output("hostname --ip-address").split()[0]


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize(
    ("name", "service"),
    [("one.example.test", "one"), ("uno.example.test", "one"), ("two.example.test", "two")],
)
def test_each_name_leads_to_its_service_with_a_certificate_that_holds(host, name, service):
    resolve = f"--resolve {name}:443:{_outer_address(host)}"
    assert host.check_output(f"curl --silent --cacert {CERTIFICATE} {resolve} https://{name}/name") == service


def test_no_other_name_is_in_the_certificate(host):
    resolve = f"--resolve three.example.test:443:{_outer_address(host)}"
    asked = host.run(f"curl --silent --cacert {CERTIFICATE} {resolve} https://three.example.test/name")
    assert asked.rc == 60, "curl's code for a certificate that does not fit"
