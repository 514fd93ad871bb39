"""Secrets of test and prod: made once, kept, changed singly, and never in plain on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripts.environment_secrets import SecretsError, generate, main, read_vault, rotate

SECRETS_YML = """\
---
cariflex_secrets:
  redis: "{{ vault_redis }}"
  postgres_superuser: "{{ vault_postgres_superuser }}"
cariflex_s2_token_holders: [battery_01, ev_01]
cariflex_s2_tokens: "{{ vault_s2_tokens }}"
# An example is not a secret: the deployment would refuse it as one that nothing reads.
cariflex_credentials_hint: vault_NAME in vault.yml
"""


@pytest.fixture
def inventories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory of prod that reads three secrets, and a vault password in the environment."""
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    monkeypatch.setenv("CARIFLEX_VAULT_PASSWORD", "a password of this test")
    group_vars = tmp_path / "inventories" / "prod" / "group_vars" / "all"
    group_vars.mkdir(parents=True)
    (group_vars / "secrets.yml").write_text(SECRETS_YML, encoding="utf-8")
    return tmp_path / "inventories"


def vault_of(inventories: Path) -> Path:
    """The vault's path."""
    return inventories / "prod" / "group_vars" / "all" / "vault.yml"


def test__generate__every_name_that_the_inventory_reads(inventories: Path) -> None:
    added = generate(inventories, "prod")

    values = read_vault(vault_of(inventories))
    assert added == sorted(values) == ["vault_postgres_superuser", "vault_redis", "vault_s2_tokens"]
    assert sorted(values["vault_s2_tokens"]) == ["battery_01", "ev_01"]
    plain = [values["vault_redis"], values["vault_postgres_superuser"], *values["vault_s2_tokens"].values()]
    assert len(set(plain)) == 4
    assert all(len(value) == 32 for value in plain)


def test__generate__examples_in_comments_are_none(inventories: Path) -> None:
    secrets_yml = vault_of(inventories).with_name("secrets.yml")
    secrets_yml.write_text(SECRETS_YML + '  # Example: "{{ vault_example }}"\n', encoding="utf-8")

    assert "vault_example" not in generate(inventories, "prod")


def test__generate__the_file_is_encrypted_and_closed(inventories: Path) -> None:
    generate(inventories, "prod")

    path = vault_of(inventories)
    assert path.read_text(encoding="utf-8").startswith("$ANSIBLE_VAULT;")
    assert path.stat().st_mode & 0o777 == 0o600


def test__generate__keeps_what_stands_there(inventories: Path) -> None:
    generate(inventories, "prod")
    before = read_vault(vault_of(inventories))
    secrets_yml = vault_of(inventories).with_name("secrets.yml")
    secrets_yml.write_text(SECRETS_YML + 'cariflex_more: "{{ vault_more }}"\n', encoding="utf-8")

    added = generate(inventories, "prod")

    assert added == ["vault_more"]
    after = read_vault(vault_of(inventories))
    assert {name: after[name] for name in before} == before


def test__generate__a_wrong_password_changes_nothing(
    inventories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(inventories, "prod")
    before = vault_of(inventories).read_bytes()
    monkeypatch.setenv("CARIFLEX_VAULT_PASSWORD", "another")

    with pytest.raises(SecretsError, match="nothing was changed"):
        generate(inventories, "prod")

    assert vault_of(inventories).read_bytes() == before


def test__generate__without_a_password_says_where_it_belongs(
    inventories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARIFLEX_VAULT_PASSWORD")

    with pytest.raises(SecretsError, match="ANSIBLE_VAULT_PASSWORD_FILE or CARIFLEX_VAULT_PASSWORD"):
        generate(inventories, "prod")


def test__rotate__one_secret_changes_and_the_old_one_is_kept_for_the_proof(
    inventories: Path, tmp_path: Path
) -> None:
    generate(inventories, "prod")
    before = read_vault(vault_of(inventories))

    rotate(inventories, tmp_path, "prod", "redis", tmp_path / "old.json")

    after = read_vault(vault_of(inventories))
    assert after["vault_redis"] != before["vault_redis"]
    assert {**after, "vault_redis": 0} == {**before, "vault_redis": 0}
    kept = json.loads((tmp_path / "old.json").read_text(encoding="utf-8"))
    assert kept == {"rotated_name": "redis", "rotated_old": before["vault_redis"]}
    assert (tmp_path / "old.json").stat().st_mode & 0o777 == 0o600


def test__rotate__goes_on_after_an_interruption_without_a_third_value(
    inventories: Path, tmp_path: Path
) -> None:
    generate(inventories, "prod")
    rotate(inventories, tmp_path, "prod", "redis", tmp_path / "old.json")
    between = read_vault(vault_of(inventories))

    again = rotate(inventories, tmp_path, "prod", "redis", tmp_path / "old.json")

    assert again is False
    assert read_vault(vault_of(inventories)) == between
    with pytest.raises(SecretsError, match="rotation of redis is not finished"):
        rotate(inventories, tmp_path, "prod", "postgres_superuser", tmp_path / "old.json")


def test__rotate__dev_and_a_name_that_does_not_exist(inventories: Path, tmp_path: Path) -> None:
    secrets_dir = tmp_path / "dev"
    secrets_dir.mkdir()
    (secrets_dir / "redis").write_text("x" * 32 + "\n", encoding="utf-8")

    rotate(inventories, secrets_dir, "dev", "redis", tmp_path / "old.json")

    assert (secrets_dir / "redis").read_text(encoding="utf-8").strip() != "x" * 32
    (tmp_path / "old.json").unlink()
    with pytest.raises(SecretsError, match="expected one of redis"):
        rotate(inventories, secrets_dir, "dev", "rediss", tmp_path / "old.json")


def test__main__wrong_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rotate", "staging", "redis", "x"]) == 2
    assert "rotate ENV NAME FILE" in capsys.readouterr().err
