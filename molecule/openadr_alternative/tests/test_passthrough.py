"""VENs outside come through Traefik's 443 by the VTN's name; the VTN ends TLS, and knows them by it."""

import json

import pytest

NAME = "vtn.example.test"
SERVICE = f"https://{NAME}/OpenADR2/Simple/2.0b"
HANDSHAKE_FAILED = (35, 56)
SITE, OTHER, STRANGER = "site-7", "site-8", "stranger"
MESSAGE = """<oadr:oadrPayload xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07"
 xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110"
 xmlns:pyld="http://docs.oasis-open.org/ns/energyinterop/201110/payloads"><oadr:oadrSignedObject>
 <oadr:{kind} ei:schemaVersion="2.0b">{body}</oadr:{kind}></oadr:oadrSignedObject></oadr:oadrPayload>"""
REGISTRATION = (
    "<pyld:requestID>r</pyld:requestID><oadr:oadrProfileName>2.0b</oadr:oadrProfileName>"
    "<oadr:oadrTransportName>simpleHttp</oadr:oadrTransportName><oadr:oadrReportOnly>false</oadr:oadrReportOnly>"
    "<oadr:oadrXmlSignature>false</oadr:oadrXmlSignature><oadr:oadrVenName>{ven}</oadr:oadrVenName>"
    "<oadr:oadrHttpPullModel>true</oadr:oadrHttpPullModel>"
)


@pytest.fixture(scope="module")
def certificates(host):
    """Two VENs that the VTN has added, and one with a certificate of another authority, in /srv/vens."""
    host.check_output("mkdir -p /srv/vens")
    for ven in (SITE, OTHER):
        issued = json.loads(host.check_output(f"docker exec openadr-vtn vtnctl ven add {ven} --json"))
        for part in ("certificate", "key", "ca"):
            host.check_output(f"printf %s %s >/srv/vens/{ven}-{part}.pem", "%s", issued[part])
    host.check_output(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=%s "
        f"-keyout /srv/vens/{STRANGER}-key.pem -out /srv/vens/{STRANGER}-certificate.pem 2>&1",
        SITE,
    )


def _say(host, service, kind, body, ven="", name=NAME):
    """Exit code of curl, HTTP status and body, from outside: over the machine's outer address."""
    outer = host.check_output("hostname --ip-address").split()[0]
    shown = f"--cert /srv/vens/{ven}-certificate.pem --key /srv/vens/{ven}-key.pem" if ven else ""
    asked = host.run(
        f"curl --silent --max-time 20 --cacert /srv/vens/{SITE}-ca.pem {shown} "
        f"--resolve {name}:443:{outer} --header 'Content-Type: application/xml' --data-binary %s "
        f"--write-out '\\n%%{{http_code}}' {SERVICE.replace(NAME, name)}/{service}",
        MESSAGE.format(kind=kind, body=body),
    )
    text, _, status = asked.stdout.rpartition("\n")
    return asked.rc, int(status or 0), text


def _register(host, ven):
    return _say(host, "EiRegisterParty", "oadrCreatePartyRegistration", REGISTRATION.format(ven=ven), ven)


def _poll(host, claimed, ven):
    return _say(host, "OadrPoll", "oadrPoll", f"<ei:venID>{claimed}</ei:venID>", ven)


@pytest.mark.usefixtures("certificates")
def test_a_ven_outside_registers_and_polls_through_443(host):
    for ven in (SITE, OTHER):
        code, status, text = _register(host, ven)
        assert (code, status, f">{ven}<" in text) == (0, 200, True), text
        code, status, text = _poll(host, ven, ven)
        assert (code, status, "oadrDistributeEvent" in text) == (0, 200, True), text
    vens = json.loads(host.check_output("docker exec openadr-vtn vtnctl vens --json"))["vens"]
    assert {SITE, OTHER} <= {ven["ven_id"] for ven in vens if ven["last_poll"]}


@pytest.mark.usefixtures("certificates")
@pytest.mark.parametrize("ven", ["", STRANGER])
def test_a_stranger_gets_nothing(host, ven):
    """Without a certificate, or with one of another authority, TLS itself ends: no HTTP at all."""
    code, status, text = _poll(host, SITE, ven)
    assert (code in HANDSHAKE_FAILED, status, text) == (True, 0, "")


@pytest.mark.usefixtures("certificates")
def test_a_ven_gets_nothing_in_anothers_name(host):
    assert _poll(host, OTHER, SITE) == (0, 403, "refused\n")
    assert _poll(host, "ven-second", SITE) == (0, 403, "refused\n")


@pytest.mark.usefixtures("certificates")
def test_a_revoked_ven_gets_nothing(host):
    host.check_output(f"docker exec openadr-vtn vtnctl ven revoke {OTHER}")
    assert _poll(host, OTHER, OTHER) == (0, 403, "refused\n")
    assert _poll(host, SITE, SITE)[1] == 200


@pytest.mark.usefixtures("certificates")
def test_another_name_does_not_lead_to_the_vtn(host):
    """Only the VTN's own name is passed on; others meet Traefik's certificate, not the VTN's."""
    code, status, _ = _say(
        host, "OadrPoll", "oadrPoll", f"<ei:venID>{SITE}</ei:venID>", SITE, "other.example.test"
    )
    assert (code, status) == (60, 0)


def test_the_vtns_port_itself_is_open_to_nobody_outside(host):
    published = host.check_output(
        "docker inspect --format %s openadr-vtn", "{{json .HostConfig.PortBindings}}"
    )
    assert published in ("{}", "null")
