"""After a reboot all is as it was, by itself."""


def test_everything_returns_after_a_reboot(outsider, machine, eventually):
    before, serial = set(machine.states()), outsider.certificate("-serial")
    assert serial

    machine.restart()

    eventually(
        lambda: set(machine.states()) >= before and not machine.unhealthy(),
        600,
        "not all containers are healthy again",
    )
    eventually(
        lambda: outsider.http("/api/v3_0/health/ready") == (0, "200"), 60, "FlexMeasures is not reachable"
    )
    assert outsider.certificate("-serial") == serial, "a new one would use up the authority's limits"
    assert outsider.open_ports(outsider.machine) == {80, 443}
