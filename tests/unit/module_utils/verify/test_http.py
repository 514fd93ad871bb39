"""HTTPS to a given address under another name, against a real TLS server."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ansible.module_utils.cariflex.errors import ApiError
from ansible.module_utils.cariflex.verify.http import Api
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "ems.example"


class Handler(BaseHTTPRequestHandler):
    """Echoes the request; /down is 503, /text is not JSON."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        echo = {
            "path": self.path,
            "host": self.headers["Host"],
            "token": self.headers.get("Authorization"),
            "body": json.loads(body or "null"),
            "auth_token": "t1",
        }
        content = b"plain" if self.path == "/text" else json.dumps(echo).encode()
        self.send_response(503 if self.path == "/down" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


for method in ("GET", "POST"):
    setattr(Handler, f"do_{method}", Handler.answer)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Port and certificate of a server that is called HOST."""
    home = tmp_path_factory.mktemp("tls")
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    format_ = serialization.PrivateFormat.PKCS8
    (home / "key.pem").write_bytes(key.private_bytes(pem, format_, serialization.NoEncryption()))
    (home / "own.crt").write_bytes(certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "own.crt", home / "key.pem")
    with HTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield listener.server_port, home / "own.crt"
        listener.shutdown()
        thread.join()


def test__api__names_the_host_and_carries_the_token(server: tuple[int, Path]):
    api = Api(HOST, "127.0.0.1", server[0], str(server[1]))
    assert api.get("/a")["token"] is None
    api.log_in("me@example.org", "secret")
    answer = api.get("/b", start="2026-11-23T11:00:00+00:00")
    assert answer["token"] == "t1"
    assert answer["host"] == f"{HOST}:{server[0]}"
    assert answer["path"] == "/b?start=2026-11-23T11%3A00%3A00%2B00%3A00"


def test__api__raises_with_address_and_answer(server: tuple[int, Path]):
    api = Api(HOST, "127.0.0.1", server[0], str(server[1]))
    with pytest.raises(ApiError, match=r"GET https://ems.example/down at 127.0.0.1: HTTP 503, expected 200"):
        api.get("/down")
    with pytest.raises(ApiError, match="not JSON"):
        api.get("/text")


def test__api__checks_the_certificate(server: tuple[int, Path]):
    with pytest.raises(ApiError, match="CERTIFICATE_VERIFY_FAILED"):
        Api(HOST, "127.0.0.1", server[0], "").get("/a")
    with pytest.raises(ApiError, match="CERTIFICATE_VERIFY_FAILED"):
        Api("other.example", "127.0.0.1", server[0], str(server[1])).get("/a")
    with pytest.raises(ApiError, match="No such file"):
        Api(HOST, "127.0.0.1", server[0], str(server[1].with_name("missing"))).get("/a")
