"""Last: nothing of the tunnel stays."""


def test_uninstall_closes_it(host, world, play):
    play("operations/uninstall.yml")

    assert host.run("ip link show wg-cariflex").rc != 0
    assert not host.file("/etc/wireguard/wg-cariflex.conf").exists
    assert host.run("systemctl is-enabled wg-quick@wg-cariflex").rc != 0
    assert not world["bob"].pings()
