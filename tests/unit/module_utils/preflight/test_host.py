from __future__ import annotations

import socket
from ipaddress import IPv4Network
from pathlib import Path

from ansible.module_utils.cariflex.preflight import host
from ansible.module_utils.cariflex.preflight.model import Route


def test_parse_os_release__quoted_and_plain_values():
    assert host.parse_os_release('NAME="Debian"\nID=debian\nVERSION_ID="12"\n') == ("debian", "12")
    assert host.parse_os_release("ID=arch\n") == ("arch", "")


def test_parse_memory_mib__total_is_read():
    assert host.parse_memory_mib("MemFree: 1 kB\nMemTotal:  4096000 kB\n") == 4000


def test_parse_routes__little_endian_words():
    text = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "br-openadr\t00F0A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    )
    assert host.parse_routes(text) == (
        Route(IPv4Network("0.0.0.0/0"), "eth0"),
        Route(IPv4Network("192.168.240.0/24"), "br-openadr"),
    )


def test_read_listeners__port_of_this_process__is_found_with_its_pid():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = host.read_listeners((port, 1))
    assert list(found) == [port]
    assert "(pid " in found[port]


def test_read_disk__missing_directory__parent_counts(tmp_path: Path):
    assert host.read_disk(str(tmp_path / "a" / "b")).filesystem == tmp_path.stat().st_dev
