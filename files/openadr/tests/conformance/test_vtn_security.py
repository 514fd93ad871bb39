"""Who gets in: certificates, signatures, replays, revocation, rates."""

import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from openleadr.messaging import create_message

from cariflex_openadr.messages.document import DS, OADR, parse
from cariflex_openadr.messages.signature import verify
from cariflex_openadr.security.authority import Authority
from cariflex_openadr.settings import Listen
from cariflex_openadr.settings.vtn import VtnSettings
from cariflex_openadr.vtn import Vtn
from support import VEN_ID
from support.certified_ven import Certified, registration, send_tls
from support.messages import send
from support.vtn import openadr_url, operator


def poll(ven_id: str) -> str:
    return str(create_message("oadrPoll", ven_id=ven_id))


@pytest.fixture
async def tls_vtn(vtn_settings: VtnSettings) -> AsyncIterator[Vtn]:
    """Our VTN with its TLS door."""
    security = replace(vtn_settings.security, tls=Listen("127.0.0.1", 0))
    service = Vtn(replace(vtn_settings, security=security))
    await service.start()
    yield service
    await service.stop()


async def register(vtn: Vtn, ven: Certified) -> None:
    text = create_message("oadrCreatePartyRegistration", request_id="r", **registration(ven.ven_id))
    status, body = await send_tls(vtn, ven.context(), "EiRegisterParty", text)
    assert (status, f">{ven.ven_id}<" in body) == (200, True)


async def test_tls__certified_ven__served_and_nobody_else(tls_vtn: Vtn, tmp_path: Path) -> None:
    """Over TLS a VEN is who its certificate says: its own id is served, any other gets nothing."""
    ven = await Certified.add(tls_vtn, tmp_path, "site-1")
    other = await Certified.add(tls_vtn, tmp_path, "site-2", "rsa")
    await register(tls_vtn, ven)
    await register(tls_vtn, other)
    status, body = await send_tls(tls_vtn, ven.context(), "OadrPoll", poll("site-1"))
    assert (status, "oadrDistributeEvent" in body) == (200, True)
    assert (await send_tls(tls_vtn, other.context(), "OadrPoll", poll("site-2")))[0] == 200
    for foreign in ("site-2", VEN_ID, "nobody"):
        assert await send_tls(tls_vtn, ven.context(), "OadrPoll", poll(foreign)) == (403, "refused\n")


async def test_tls__certificates_that_are_not_a_vens__nothing(tls_vtn: Vtn, tmp_path: Path) -> None:
    """No certificate, one of another authority, a superseded one, a revoked one: no poll is answered."""
    ven = await Certified.add(tls_vtn, tmp_path, "site-1")
    await register(tls_vtn, ven)
    nameless = ssl.create_default_context(cafile=str(ven.ca))
    assert await send_tls(tls_vtn, nameless, "OadrPoll", poll("site-1")) == (0, "")
    (tmp_path / "foreign").mkdir()
    foreign = Authority.open(tmp_path / "foreign", "OTHER", (), "ec").issue("site-1", "ec")
    for name, text in (("pem", foreign.certificate_pem), ("key", foreign.key_pem)):
        (tmp_path / f"foreign.{name}").write_text(text, encoding="utf-8")
    stranger = ssl.create_default_context(cafile=str(ven.ca))
    stranger.load_cert_chain(tmp_path / "foreign.pem", tmp_path / "foreign.key")
    assert await send_tls(tls_vtn, stranger, "OadrPoll", poll("site-1")) == (0, "")
    superseded = ven.context()
    ven = await Certified.add(tls_vtn, tmp_path, "site-1")
    assert (await send_tls(tls_vtn, superseded, "OadrPoll", poll("site-1")))[0] == 403
    assert (await send_tls(tls_vtn, ven.context(), "OadrPoll", poll("site-1")))[0] == 200
    assert (await operator(tls_vtn, "POST", "/vens/site-1/revoke"))[0] == 200
    assert (await send_tls(tls_vtn, ven.context(), "OadrPoll", poll("site-1")))[0] == 403


async def test_plain__certified_ven_without_proof__nothing(vtn: Vtn, tmp_path: Path) -> None:
    """A VEN with a certificate cannot be impersonated on plain HTTP: without signature it is refused."""
    await Certified.add(vtn, tmp_path, "site-1")
    assert await send(vtn, "OadrPoll", poll("site-1")) == (403, "refused\n")
    text = create_message("oadrCreatePartyRegistration", request_id="r", **registration("site-1"))
    assert await send(vtn, "EiRegisterParty", text) == (403, "refused\n")


@pytest.mark.parametrize("key_type", ["ec", "rsa"])
async def test_signature__verified_and_replied_with_one(
    vtn_settings: VtnSettings, tmp_path: Path, key_type: str
) -> None:
    """EC P-256 and RSA, both ways: a signed message proves its sender, and its reply is signed by the VTN."""
    vtn = Vtn(replace(vtn_settings, security=replace(vtn_settings.security, key_type=key_type)))
    await vtn.start()
    ven = await Certified.add(vtn, tmp_path, "site-1", key_type)
    text = ven.sign("oadrCreatePartyRegistration", **registration("site-1"))
    assert (await send(vtn, "EiRegisterParty", text))[0] == 200
    status, body = await send(vtn, "OadrPoll", ven.sign("oadrPoll"))
    await vtn.stop()
    assert (status, "oadrDistributeEvent" in body) == (200, True)
    payload = parse(body.encode())
    verify(payload, vtn.authority.vtn.certificate)
    payload.find(f".//{OADR}oadrDistributeEvent").set("tampered", "1")
    with pytest.raises(PermissionError, match="signature"):
        verify(payload, vtn.authority.vtn.certificate)


async def test_signature__forged_or_foreign__nothing(vtn: Vtn, tmp_path: Path) -> None:
    """Changed text, another's signature, an unknown certificate, wrapped objects: refused."""
    ven, other = [await Certified.add(vtn, tmp_path, name) for name in ("site-1", "site-2")]
    text = ven.sign("oadrCreatePartyRegistration", **registration("site-1"))
    assert (await send(vtn, "EiRegisterParty", text))[0] == 200
    signed = ven.sign("oadrPoll")
    changed = signed.replace(">site-1<", ">site-2<")
    assert await send(vtn, "OadrPoll", changed) == (403, "refused\n")
    assert await send(vtn, "OadrPoll", other.sign("oadrPoll", ven_id="site-1")) == (403, "refused\n")
    assert await send(vtn, "OadrPoll", other.sign("oadrPoll", ven_id=VEN_ID)) == (403, "refused\n")
    # Wrapping: the signed object moves into the signature, a forged one takes its place.
    payload = parse(ven.sign("oadrRequestEvent", request_id="signed").encode())
    original = payload.find(f"{OADR}oadrSignedObject")
    forged = etree.fromstring(etree.tostring(original).replace(b">signed<", b">forged<"))
    forged.set(f"{OADR}Id", "another")
    holder = etree.SubElement(payload.find(f"{DS}Signature"), f"{DS}Object")
    payload.replace(original, forged)
    holder.append(original)
    assert await send(vtn, "EiEvent", etree.tostring(payload)) == (403, "refused\n")
    (tmp_path / "foreign").mkdir()
    foreign = Authority.open(tmp_path / "foreign", "OTHER", (), "ec").issue("site-1", "ec")
    ven.certificate.write_text(foreign.certificate_pem, encoding="utf-8")
    ven.key.write_text(foreign.key_pem, encoding="utf-8")
    assert await send(vtn, "OadrPoll", ven.sign("oadrPoll")) == (403, "refused\n")


async def test_signature__replayed_or_old__nothing(vtn_settings: VtnSettings, tmp_path: Path) -> None:
    """A signed message passes once, within the window, whichever process it comes to."""
    first = Vtn(vtn_settings)
    await first.start()
    ven = await Certified.add(first, tmp_path, "site-1")
    text = ven.sign("oadrCreatePartyRegistration", **registration("site-1"))
    assert (await send(first, "EiRegisterParty", text))[0] == 200
    message = ven.sign("oadrPoll")
    assert (await send(first, "OadrPoll", message))[0] == 200
    assert (await send(first, "OadrPoll", message))[0] == 403
    second = Vtn(vtn_settings)
    await second.start()
    assert (await send(second, "OadrPoll", message))[0] == 403
    assert (await send(second, "OadrPoll", ven.sign("oadrPoll")))[0] == 200
    narrow = replace(vtn_settings.security, replay_window=timedelta(0))
    strict = Vtn(replace(vtn_settings, security=narrow))
    await strict.start()
    assert (await send(strict, "OadrPoll", ven.sign("oadrPoll")))[0] == 403
    for vtn in (first, second, strict):
        await vtn.stop()


async def test_signature_required__unsigned_over_tls__nothing(
    vtn_settings: VtnSettings, tmp_path: Path
) -> None:
    """Where signatures are required, a certificate alone is not enough."""
    security = replace(vtn_settings.security, tls=Listen("127.0.0.1", 0), signature_required=True)
    vtn = Vtn(replace(vtn_settings, security=security))
    await vtn.start()
    ven = await Certified.add(vtn, tmp_path, "site-1")
    text = ven.sign("oadrCreatePartyRegistration", **registration("site-1"))
    assert (await send_tls(vtn, ven.context(), "EiRegisterParty", text))[0] == 200
    assert (await send_tls(vtn, ven.context(), "OadrPoll", poll("site-1")))[0] == 403
    assert (await send_tls(vtn, ven.context(), "OadrPoll", ven.sign("oadrPoll")))[0] == 200
    await vtn.stop()


async def test_rate_limit__one_ven_too_often__others_served(vtn_settings: VtnSettings) -> None:
    """A VEN that asks too often is told to wait; the others are not hindered."""
    vens = (*vtn_settings.vens, replace(vtn_settings.vens[0], ven_id="b", ven_name="b", registration_id="b"))
    limited = replace(vtn_settings.security, requests_per_s=0.01, burst=3)
    vtn = Vtn(replace(vtn_settings, vens=vens, security=limited))
    await vtn.start()
    statuses = [(await send(vtn, "OadrPoll", poll(VEN_ID)))[0] for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert (await send(vtn, "OadrPoll", poll("b")))[0] == 200
    await vtn.stop()


async def test_strangers__too_many_refusals__wait(vtn: Vtn) -> None:
    """Guessing is slowed down: after many refused messages an address is told to wait."""
    statuses = [(await send(vtn, "OadrPoll", "<no/>"))[0] for _ in range(40)]
    assert statuses[0] == 400
    assert statuses[-1] == 429


async def test_operator__without_token__nothing(vtn: Vtn) -> None:
    """The operator's face asks for its token; health, metrics and description are open."""
    for token in ("", "wrong", "é"):
        for method, path in (("GET", "/events"), ("GET", "/vens"), ("POST", "/vens"), ("POST", "/events")):
            assert (await operator(vtn, method, path, token=token))[0] == 401
    for path in ("/healthz", "/metrics", "/openapi.json"):
        assert (await operator(vtn, "GET", path, token=""))[0] == 200


async def test_keys__only_their_owner_reads_them(vtn: Vtn) -> None:
    """The authority's and the VTN's keys are readable by their owner alone; VENs' keys are not kept."""
    directory = vtn.settings.security.pki_dir
    modes = {path.name: path.stat().st_mode & 0o777 for path in directory.glob("*.key")}
    assert modes == {"ca.key": 0o600, "vtn.key": 0o600}
    assert re.search("PRIVATE KEY", (directory / "ca.key").read_text())
    assert openadr_url(vtn, "").startswith("http://127.0.0.1")
