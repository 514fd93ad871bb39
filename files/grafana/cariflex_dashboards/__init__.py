"""Grafana's dashboards and alert rules as code; `make dashboards` writes their JSON into role grafana."""
