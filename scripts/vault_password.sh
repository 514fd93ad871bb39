#!/bin/sh
# Gives Ansible the vault's password from the environment. Used when no ANSIBLE_VAULT_PASSWORD_FILE is named.
printf '%s\n' "${CARIFLEX_VAULT_PASSWORD:?set CARIFLEX_VAULT_PASSWORD or ANSIBLE_VAULT_PASSWORD_FILE}"
