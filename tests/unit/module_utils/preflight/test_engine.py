from __future__ import annotations

import socket
import threading
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from ansible.module_utils.cariflex.preflight import engine


def _serve(path: Path, answer: bytes) -> threading.Thread:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen()

    def answer_once():
        with server, server.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=answer_once)
    thread.start()
    return thread


def test_get__no_socket__none(tmp_path):
    assert engine.get(str(tmp_path / "absent.sock"), "/info") is None


@pytest.mark.parametrize("answer", [b"HTTP/1.0 500 Oops\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nnot json"])
def test_get__bad_answer__engine_error(tmp_path, answer):
    thread = _serve(tmp_path / "d.sock", answer)
    with pytest.raises(engine.EngineError, match="/info"):
        engine.get(str(tmp_path / "d.sock"), "/info")
    thread.join()


def test_get__json__is_parsed(tmp_path):
    thread = _serve(tmp_path / "d.sock", b'HTTP/1.0 200 OK\r\n\r\n{"a": 1}')
    assert engine.get(str(tmp_path / "d.sock"), "/info") == {"a": 1}
    thread.join()


def test_parse_container__label_ports_and_name():
    item = {
        "Names": ["/other/alias", "/traefik"],
        "Labels": {engine.LABEL: "dev"},
        "Ports": [{"PrivatePort": 8080}, {"PrivatePort": 80, "PublicPort": 80}],
    }
    found = engine.parse_container(item)
    assert (found.name, found.environment, found.ports) == ("traefik", "dev", frozenset({80}))


def test_parse_network__named_and_unnamed_bridge():
    named = {
        "Name": "openadr-internal",
        "Id": "f" * 64,
        "Labels": None,
        "IPAM": {"Config": [{"Subnet": "192.168.240.0/24"}, {"Subnet": "fd00::/64"}]},
        "Options": {"com.docker.network.bridge.name": "br-openadr"},
    }
    assert engine.parse_network(named).bridge == "br-openadr"
    assert engine.parse_network(named).subnets == (IPv4Network("192.168.240.0/24"),)
    assert engine.parse_network(named | {"Options": {}}).bridge == "br-ffffffffffff"
