"""A role's README says what its specification says, and a stale one is found."""

import pytest
from scripts import role_readmes


@pytest.fixture
def role(tmp_path, monkeypatch):
    """A folder of roles with one role in it."""
    folder = tmp_path / "redis"
    (folder / "meta").mkdir(parents=True)
    (folder / "defaults").mkdir()
    port = "redis_port: {type: int, description: 'Port | of Redis.'}"
    options = f"{{{port}, redis_image: {{required: true, description: Ref.}}}}"
    (folder / "meta/argument_specs.yml").write_text(
        f"argument_specs: {{main: {{short_description: Redis 7, options: {options}}}}}", encoding="utf-8"
    )
    (folder / "defaults/main.yml").write_text("redis_port: 6379\nredis_image: ''\n", encoding="utf-8")
    monkeypatch.setattr(role_readmes, "ROLES", tmp_path)
    return folder


def test__main__writes_what_the_specification_says(role, monkeypatch):
    monkeypatch.setattr("sys.argv", ["role_readmes.py"])

    assert role_readmes.main() == 0

    text = (role / "README.md").read_text(encoding="utf-8")
    assert "| `redis_port` | int | `6379` | Port \\| of Redis |" in text
    assert "| `redis_image` | str | required | Ref |" in text


def test__main__check_finds_a_stale_readme_and_leaves_it(role, monkeypatch, capsys):
    (role / "README.md").write_text("old", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["role_readmes.py", "--check"])

    assert role_readmes.main() == 1

    assert "stale: roles/redis/README.md" in capsys.readouterr().err
    assert (role / "README.md").read_text(encoding="utf-8") == "old"
