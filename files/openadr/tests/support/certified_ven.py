"""A VEN with a certificate from the VTN, as stock openleadr and as bare messages."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from openleadr.messaging import create_message

from cariflex_openadr.vtn import Vtn
from support.vtn import operator


@dataclass
class Certified:
    """Files and ids of a VEN that was added with the operator's face."""

    ven_id: str
    fingerprint: str
    vtn_fingerprint: str
    certificate: Path
    key: Path
    ca: Path

    @classmethod
    async def add(cls, vtn: Vtn, directory: Path, ven_id: str, key_type: str = "ec") -> "Certified":
        """Add a VEN at the VTN."""
        status, issued = await operator(vtn, "POST", "/vens", {"ven_id": ven_id, "key_type": key_type})
        assert status == 201, issued
        paths: dict[str, Path] = {}
        for part in ("certificate", "key", "ca"):
            paths[part] = directory / f"{ven_id}-{part}.pem"
            paths[part].write_text(issued[part], encoding="utf-8")
        return cls(ven_id, issued["fingerprint"], issued["vtn_fingerprint"], **paths)

    def context(self) -> ssl.SSLContext:
        """The client's end of mutual TLS."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.certificate, self.key)
        return context

    def sign(self, message_type: str, **payload: Any) -> str:
        """A message that openleadr renders and signs with this VEN's key."""
        return str(
            create_message(
                message_type,
                cert=self.certificate.read_bytes(),
                key=self.key.read_bytes(),
                **{"ven_id": self.ven_id, "request_id": "r", **payload},
            )
        )


def registration(ven_name: str, **changes: Any) -> dict[str, Any]:
    """What openleadr's template wants for oadrCreatePartyRegistration."""
    return {
        "ven_name": ven_name,
        "http_pull_model": True,
        "xml_signature": True,
        "report_only": False,
        "profile_name": "2.0b",
        "transport_name": "simpleHttp",
        **changes,
    }


async def send_tls(vtn: Vtn, context: ssl.SSLContext, service: str, text: str) -> tuple[int, str]:
    """HTTP status and body over the VTN's own TLS door; status 0 when TLS itself refuses."""
    url = f"https://localhost:{vtn.tls_port}/OpenADR2/Simple/2.0b/{service}"
    headers = {"Content-Type": "application/xml"}
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
            session.post(url, data=text.encode(), headers=headers) as reply,
        ):
            return reply.status, await reply.text()
    except (aiohttp.ClientError, ssl.SSLError, OSError):
        return 0, ""
