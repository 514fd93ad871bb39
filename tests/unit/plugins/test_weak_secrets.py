"""The one check of secrets, and that every role with a secret makes it."""

import hashlib
from pathlib import Path

import pytest
import yaml
from plugins.filter.weak_secrets import weak_secrets

ROOT = Path(__file__).resolve().parents[3]
REFUSED = ROOT / "plugins" / "filter" / "refused_secrets.txt"
# Stands for what the specification publishes, which this repository holds only as a hash.
PUBLISHED = "Kalinago972x"
GOOD = "k3TzQ9bWxPa7Lm2Vd8Rs"
# Keys of the DNS provider, access to the organisation's phpIPAM and backup store, private keys in PEM.
GIVEN = {
    "backup_rclone_config",
    "ipam_server",
    "openadr_ven_signing",
    "openadr_ven_tls",
    "traefik_acme_dns_secrets",
}


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add PUBLISHED to the list of published values."""
    digest = hashlib.sha256(PUBLISHED.lower().encode()).hexdigest()
    lists = tmp_path / "refused_secrets.txt"
    lists.write_text(
        f"{REFUSED.read_text(encoding='utf-8')}published {len(PUBLISHED)} {digest}\n", encoding="utf-8"
    )
    monkeypatch.setattr("plugins.filter.weak_secrets._REFUSED", lists)


def test__refused_values__hold_the_specification_s_password():
    lines = [line.split() for line in REFUSED.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    assert [length for kind, length, _ in lines if kind == "published"] == ["12"]
    assert all(len(digest) == 64 for _, _, digest in lines)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "is missing, expected at least 16 characters"),
        (None, "is missing"),
        ("k3TzQ9bWxPa7Lm2", "has 15 characters, expected at least 16"),
        ("abababababababab", "has 2 different characters, expected at least 8"),
        (PUBLISHED, "has 12 characters"),
        (PUBLISHED, "contains a password that the specification published"),
        (f"k3Tz{PUBLISHED.upper()}Q9bW", "contains a password that the specification published"),
        ("changemeChangeMe", "is a usual default"),
        ("password123password123", "is a usual default"),
        ("correcthorsebatterystaple", "is a usual default"),
    ],
)
def test__weak_secrets__are_named_without_their_value(value: str | None, words: str):
    found = weak_secrets({"redis_password": value})
    assert any(line.startswith("redis_password ") and words in line for line in found)
    assert all("vault.yml" in line for line in found)
    assert not value or all(value not in line for line in found)


def test__weak_secrets__pass_a_good_one_and_name_each_other():
    assert weak_secrets({"good": GOOD}) == []
    found = weak_secrets({"good": GOOD, "a": "", "b": "short"})
    assert [line.split()[0] for line in found] == ["a", "b"]


def secret_options() -> list[tuple[str, str]]:
    """Role and name of each option that is a secret, or holds one."""
    found = []
    for spec in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        options = yaml.safe_load(spec.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
        for name, option in options.items():
            if "'no_log': True" in str(option) and name not in GIVEN:
                found.append((spec.parents[1].name, name))
    return found


@pytest.mark.parametrize(("role", "option"), secret_options())
def test__roles__check_every_secret(role: str, option: str):
    tasks = yaml.safe_load((ROOT / "roles" / role / "tasks" / "validate.yml").read_text(encoding="utf-8"))
    checks = [task["vars"] for task in tasks if task["name"] == "Refuse weak secrets"]
    assert any("cariflex_weak_secrets" in str(check) and option in str(check) for check in checks)
