"""Subnets and addresses in phpIPAM: client, model, planner, applier."""
