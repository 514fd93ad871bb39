"""Ansible-side Python of Cariflex EMS; importable as ``ansible.module_utils.cariflex``."""
