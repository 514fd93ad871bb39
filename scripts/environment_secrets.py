#!/usr/bin/env python3
"""Make the secrets of test and prod, and change single ones.

    environment_secrets.py generate ENV
        vault.yml gets every missing secret; those that stand in it stay
    environment_secrets.py rotate ENV NAME FILE
        a new value for NAME; the old one goes to FILE, for the proof that it is dead

What is a secret follows from the inventory: each name vault_... that it reads, and in dev each file under
.secrets. The vault's password comes from where Ansible takes it, ANSIBLE_VAULT_PASSWORD_FILE (a file or a
program), or from the variable CARIFLEX_VAULT_PASSWORD.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import string
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret, get_file_vault_secret

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ("dev", "test", "prod")
LENGTH = 32
FROM_FILE, FROM_VARIABLE = "ANSIBLE_VAULT_PASSWORD_FILE", "CARIFLEX_VAULT_PASSWORD"


class SecretsError(Exception):
    """What is wrong, and how to mend it."""


def new_value() -> str:
    """Return a secret of 32 letters and digits: 190 bits, and nothing that any file format must quote."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(LENGTH))


def wanted_names(group_vars: Path) -> set[str]:
    """Return the names vault_... that the inventory reads; those in comments and vault_NAME are examples."""
    texts = [
        path.read_text(encoding="utf-8") for path in group_vars.glob("*.yml") if path.name != "vault.yml"
    ]
    lines = [line for text in texts for line in text.splitlines() if not line.lstrip().startswith("#")]
    return {name for line in lines for name in re.findall(r"\bvault_[a-z0-9]\w*", line)}


def fresh(name: str, group_vars: Path) -> str | dict[str, str]:
    """Return a new value; vault_<x>_tokens is a token for each of cariflex_<x>_token_holders."""
    holders = re.fullmatch(r"vault_(\w+)_tokens", name)
    if not holders:
        return new_value()
    for path in sorted(group_vars.glob("*.yml")):
        if path.name != "vault.yml":
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            if found := values.get(f"cariflex_{holders[1]}_token_holders"):
                return {holder: new_value() for holder in found}
    raise SecretsError(
        f"{name}: no cariflex_{holders[1]}_token_holders in {group_vars}; expected the list of holders."
    )


def _vault() -> VaultLib:
    if file := os.environ.get(FROM_FILE):
        secret = get_file_vault_secret(filename=file, loader=DataLoader())
        secret.load()
    elif value := os.environ.get(FROM_VARIABLE):
        secret = VaultSecret(value.encode())
    else:
        raise SecretsError(f"no password for the vault: expected {FROM_FILE} or {FROM_VARIABLE} to be set.")
    return VaultLib([("default", secret)])


def read_vault(path: Path) -> dict[str, Any]:
    """Return the vault's content, empty when there is no file."""
    vault = _vault()
    if not path.is_file():
        return {}
    try:
        return yaml.safe_load(vault.decrypt(path.read_bytes())) or {}
    except AnsibleError as error:
        raise SecretsError(
            f"{path}: {error}. Expected the password it was made with; nothing was changed."
        ) from error


def write_vault(path: Path, values: dict[str, Any]) -> None:
    """Replace the vault whole or not at all; the plain text never touches a disk."""
    plain = "---\n# Made by scripts/environment_secrets.py. Edit: ansible-vault edit\n" + yaml.safe_dump(
        values
    )
    _replace(path, _vault().encrypt(plain).decode())


def generate(inventories: Path, environment: str) -> list[str]:
    """Add what is missing to the vault of ``environment``; return the names added."""
    group_vars = inventories / environment / "group_vars" / "all"
    path = group_vars / "vault.yml"
    values = read_vault(path)
    missing = sorted(wanted_names(group_vars) - values.keys())
    if missing:
        write_vault(path, values | {name: fresh(name, group_vars) for name in missing})
    return missing


def rotate(inventories: Path, secrets_dir: Path, environment: str, name: str, old_file: Path) -> bool:
    """Give ``name`` a new value and keep the old one in ``old_file``; False when that has happened before."""
    if old_file.is_file():
        pending = json.loads(old_file.read_text(encoding="utf-8"))["rotated_name"]
        if pending != name:
            raise SecretsError(
                f"{name}: the rotation of {pending} is not finished ({old_file}): "
                f"run make rotate SECRET={pending} first."
            )
        return False
    group_vars = inventories / environment / "group_vars" / "all"
    if environment == "dev":
        path = secrets_dir / name
        known = sorted(entry.name for entry in secrets_dir.glob("*") if entry.is_file())
        if name not in known:
            raise SecretsError(
                f"{name}: no secret of dev, expected one of {', '.join(known) or 'none: deploy first'}."
            )
        old: Any = path.read_text(encoding="utf-8").split()[0]
        _replace(old_file, json.dumps({"rotated_name": name, "rotated_old": old}))
        _replace(path, new_value() + "\n")
        return True
    vault = group_vars / "vault.yml"
    values = read_vault(vault)
    if f"vault_{name}" not in values:
        known = sorted(key.removeprefix("vault_") for key in values)
        raise SecretsError(
            f"{name}: not in {vault}, expected one of {', '.join(known) or 'none: make secrets first'}."
        )
    _replace(old_file, json.dumps({"rotated_name": name, "rotated_old": values[f"vault_{name}"]}))
    write_vault(vault, values | {f"vault_{name}": fresh(f"vault_{name}", group_vars)})
    return True


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    Path(name).replace(path)


def main(arguments: list[str]) -> int:
    """Return 0, or 1 with the reason on stderr."""
    try:
        match arguments:
            case ["generate", environment] if environment in ENVIRONMENTS:
                if environment == "dev":
                    print("secrets: dev makes its own at the next deploy, under .secrets/dev")
                    return 0
                added = generate(ROOT / "inventories", environment)
                print(f"secrets: {environment}: added {', '.join(added) if added else 'nothing, all there'}")
            case ["rotate", environment, name, old_file] if environment in ENVIRONMENTS:
                changed = rotate(
                    ROOT / "inventories", ROOT / ".secrets" / environment, environment, name, Path(old_file)
                )
                print(f"secrets: {name} of {environment}: new value made{'' if changed else ' before'}")
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except SecretsError as error:
        print(f"secrets: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
