"""Asks apt, the journal, the kernel and systemd what they make of the settings."""

import pytest


def _apt(host, name):
    return dict(
        line.rstrip(";").split(" ", 1) for line in host.check_output(f"apt-config dump {name}").splitlines()
    )


def test_security_updates_and_no_others_are_installed(host):
    told = host.check_output("unattended-upgrade --dry-run --debug 2>&1")

    (origins,) = (line for line in told.splitlines() if line.startswith("Allowed origins are:"))
    assert "-security,label=Debian-Security" in origins
    assert all("security" in origin for origin in origins.split(":", 1)[1].split("origin=")[1:])
    assert "docker" in next(line for line in told.splitlines() if "blacklist" in line.lower())


def test_it_happens_each_day_and_reboots_in_the_night(host):
    assert _apt(host, "APT::Periodic::Unattended-Upgrade") == {"APT::Periodic::Unattended-Upgrade": '"1"'}
    assert _apt(host, "APT::Periodic::Update-Package-Lists") == {"APT::Periodic::Update-Package-Lists": '"1"'}
    assert '"04:30"' in host.check_output("apt-config dump Unattended-Upgrade::Automatic-Reboot-Time")
    assert host.run("systemctl is-enabled unattended-upgrades.service").stdout.strip() == "enabled"


def test_the_journal_keeps_within_its_limit(host):
    """Systemd writes the limit down when it opens the journal."""
    host.check_output("journalctl --flush")
    host.check_output("systemctl restart systemd-journald")

    told = host.check_output("journalctl --boot --identifier=systemd-journald --output=cat")

    assert "max 64M" in [line for line in told.splitlines() if "System Journal" in line][-1]


@pytest.mark.parametrize("name", ["all.rp_filter", "default.rp_filter", "all.accept_redirects"])
def test_the_kernel_follows(host, name):
    wanted = "1" if name.endswith("rp_filter") else "0"
    assert host.check_output(f"cat /proc/sys/net/ipv4/conf/{name.replace('.', '/')}") == wanted


def test_a_service_keeps_the_time_and_one_that_stood_there_stays(host):
    units = host.check_output("systemctl list-unit-files --no-legend --state=enabled *chrony* *timesyncd*")

    wanted = "chrony" if "chrony" in host.check_output("hostname") else "systemd-timesyncd"
    assert [line.split()[0] for line in units.splitlines()] == [f"{wanted}.service"]
