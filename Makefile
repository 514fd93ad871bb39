SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ENV ?= dev
ARGS ?=
FROM ?= latest
SERVICE ?=
LINES ?= 100
ROLE ?= site
INVENTORY := inventories/$(ENV)
VENV := .venv/bin
export PATH := $(CURDIR)/$(VENV):$(PATH)
export PYTHONDONTWRITEBYTECODE := 1
# The vault's password may come from a variable instead of a file.
ifdef CARIFLEX_VAULT_PASSWORD
export ANSIBLE_VAULT_PASSWORD_FILE ?= $(CURDIR)/scripts/vault_password.sh
endif

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile
	@echo '  ENV=dev|test|prod, ARGS="--tags postgres --check --diff", ROLE=postgres'

.PHONY: venv
venv: ## prepare the controller's virtual environment
	@scripts/bootstrap.sh controller

.PHONY: venv-dev
venv-dev:
	@scripts/bootstrap.sh dev

.PHONY: deploy
deploy: ## bring the stack up (ENV, ARGS)
	@scripts/bootstrap.sh controller root
	ansible-playbook -i $(INVENTORY) playbooks/site.yml $(ARGS)

.PHONY: uninstall
uninstall: venv ## remove what deploy made; data only with ARGS="-e uninstall_data=true"
	ansible-playbook -i $(INVENTORY) playbooks/operations/uninstall.yml $(ARGS)

.PHONY: verify
verify: venv ## ask every service, and follow events from the VTN to FlexMeasures
	ansible-playbook -i $(INVENTORY) playbooks/operations/verify.yml $(ARGS)

.PHONY: drift
drift: venv ## compare phpIPAM, engine, host and inventory; fails when they disagree
	ansible-playbook -i $(INVENTORY) playbooks/operations/drift.yml $(ARGS)

.PHONY: ipam-seen
ipam-seen: venv ## tell phpIPAM which containers run now
	ansible-playbook -i $(INVENTORY) playbooks/operations/ipam_seen.yml $(ARGS)

.PHONY: secrets
secrets: venv ## write the missing secrets of test or prod into its vault (ENV)
	python scripts/environment_secrets.py generate $(ENV)

.PHONY: rotate
rotate: venv ## change one secret everywhere and prove the old one dead (ENV, SECRET=redis)
	ansible-playbook -i $(INVENTORY) playbooks/operations/confirm.yml $(ARGS) \
		-e '{"confirm_what": "$(SECRET) of $(ENV) will get a new value, and its clients be restarted."}'
	python scripts/environment_secrets.py rotate $(ENV) '$(SECRET)' build/rotate/$(ENV).json
	$(MAKE) deploy
	ansible-playbook -i $(INVENTORY) playbooks/operations/prove_rotated.yml -e @build/rotate/$(ENV).json
	rm build/rotate/$(ENV).json

.PHONY: push
push: ## give the environment's registry the images that it lacks, built here (ENV)
	@scripts/bootstrap.sh controller root
	ansible-playbook -i $(INVENTORY) playbooks/operations/push.yml $(ARGS)

.PHONY: pin
pin: venv ## ask the environment's registry for each image's digest and write image_lock.yml (ENV)
	ansible-playbook -i $(INVENTORY) playbooks/operations/pin.yml $(ARGS)

.PHONY: vpn-peers
vpn-peers: venv ## write the tunnel's devices' configurations and QR codes to build/vpn (ENV)
	ansible-playbook -i $(INVENTORY) playbooks/operations/vpn_peers.yml $(ARGS)

.PHONY: status
status: venv ## state of every container, database, archives, disk forecast (ENV)
	ansible-playbook -i $(INVENTORY) playbooks/operations/status.yml $(ARGS)

.PHONY: logs
logs: venv ## the last lines of a container's log (ENV, SERVICE=openadr-ven, LINES=100)
	ansible-playbook -i $(INVENTORY) playbooks/operations/logs.yml -e logs_service=$(SERVICE) -e logs_lines=$(LINES) $(ARGS)

.PHONY: query
query: venv ## ask the database, read-only (ENV, SQL="SELECT ...")
	ansible-playbook -i $(INVENTORY) playbooks/operations/query.yml $(ARGS)

.PHONY: api
api: venv ## ask FlexMeasures' API as a stranger: 401 shows that it lives (ENV)
	ansible-playbook -i $(INVENTORY) playbooks/operations/api.yml $(ARGS)

.PHONY: doctor
doctor: venv ## find known troubles; FIX=1 mends what can be mended safely (ENV)
	ansible-playbook -i $(INVENTORY) playbooks/operations/doctor.yml -e doctor_fix=$(if $(FIX),true,false) $(ARGS)

.PHONY: backup
backup: venv ## make one archive now (ENV)
	ansible-playbook -i $(INVENTORY) playbooks/operations/backup.yml $(ARGS)

.PHONY: restore
restore: venv ## put an archive back: FROM=latest|NAME|FILE (ENV); asks first
	ansible-playbook -i $(INVENTORY) playbooks/operations/restore.yml -e restore_from=$(FROM) $(ARGS)

.PHONY: retention
retention: venv ## thin and delete old beliefs as the rules say; DRY=1 only tells (ENV)
	ansible-playbook -i $(INVENTORY) playbooks/operations/retention.yml -e dry_run=$(if $(DRY),true,false) $(ARGS)

# Two runs, one an environment: what crosses between them is the anonymised archive alone.
.PHONY: refresh-test-data
refresh-test-data: venv ## give test the data of prod's newest archive, anonymised; asks first
	ansible-playbook -i inventories/prod playbooks/operations/refresh_test_data.yml -e refresh_from=$(FROM) $(ARGS)
	ansible-playbook -i inventories/test playbooks/operations/restore.yml -e restore_from=$(CURDIR)/build/test_data/test_data.tar.gz

.PHONY: restore-drill
restore-drill: venv ## restore an archive into a scratch stack, ask it, measure RPO and RTO (ENV, FROM)
	ansible-playbook -i $(INVENTORY) playbooks/operations/restore_drill.yml -e restore_from=$(FROM) $(ARGS)

.PHONY: upgrade
upgrade: venv ## back up, deploy this checkout, verify; goes back by itself when that fails (ENV)
	@run=$$(date +%s.%N); \
	ansible-playbook -i $(INVENTORY) playbooks/operations/upgrade.yml -e upgrade_run=$$run $(ARGS) || { \
	  ansible-playbook -i $(INVENTORY) playbooks/operations/upgrade_back.yml -e upgrade_failed=$$run $(ARGS); exit 1; }

.PHONY: upgrade-back
upgrade-back: venv ## undo an upgrade that was interrupted (ENV)
	ansible-playbook -i $(INVENTORY) playbooks/operations/upgrade_back.yml $(ARGS)

.PHONY: adopt
adopt: venv ## take over containers that were made by hand under the specification's names (ENV); asks first
	ansible-playbook -i $(INVENTORY) playbooks/operations/adopt.yml $(ARGS)

.PHONY: adopt-back
adopt-back: venv ## undo an adoption: the old containers run again (ENV); asks first
	ansible-playbook -i $(INVENTORY) playbooks/operations/adopt_back.yml $(ARGS)

.PHONY: adopt-finish
adopt-finish: venv ## remove the old containers of an adoption for good (ENV); asks first
	ansible-playbook -i $(INVENTORY) playbooks/operations/adopt_finish.yml $(ARGS)

.PHONY: lint
lint: venv-dev ## ruff, mypy, yamllint, ansible-lint, shellcheck, role specs, syntax of every environment
	ruff check .
	mypy
	yamllint --strict .
	ansible-lint --offline --exclude molecule playbooks/operations
	scripts/lint_shell.sh
	python scripts/check_role_specs.py
	PYTHONPATH=module_utils python scripts/check_variable_prefixes.py
	python scripts/role_readmes.py --check
	PYTHONPATH=module_utils python scripts/sensor_maps.py
	PYTHONPATH=files/grafana python -m cariflex_dashboards --check
	for e in dev test prod; do ansible-playbook -i inventories/$$e playbooks/site.yml --syntax-check; done

.PHONY: dashboards
dashboards: venv-dev ## write the dashboards' JSON from their code
	PYTHONPATH=module_utils python scripts/sensor_maps.py
	PYTHONPATH=files/grafana python -m cariflex_dashboards

.PHONY: test-unit
test-unit: venv-dev
	python -m pytest tests/unit files/backup/tests -m "not container"

.PHONY: test-openadr
test-openadr:
	@scripts/bootstrap.sh openadr
	cd files/openadr && ../../.venv-openadr/bin/python -m mypy && ../../.venv-openadr/bin/python -m pytest -m 'not processes'

.PHONY: test-simulator test-weather
test-simulator test-weather: test-%:
	@scripts/bootstrap.sh $*
	cd files/$* && ../../.venv-$*/bin/python -m mypy && ../../.venv-$*/bin/python -m pytest

# What the services share runs in the environment of one that uses all of it.
.PHONY: test-common
test-common:
	@scripts/bootstrap.sh simulator
	cd files/common && ../../.venv-simulator/bin/python -m mypy && ../../.venv-simulator/bin/python -m pytest

# The environments first, one after the other; then two things at a time, each one's output in one piece.
.PHONY: test-fast
test-fast: ## lint and unit tests, without containers
	@for name in dev openadr simulator weather; do scripts/bootstrap.sh $$name; done
	@scripts/timed.sh test-fast $(MAKE) --jobs=2 --output-sync=target test-openadr lint test-unit test-simulator test-weather test-common

# These belong to the container tier: ansible-lint asks Ansible for the syntax of each playbook with all that it imports.
.PHONY: lint-playbooks
lint-playbooks: venv-dev
	ansible-lint --offline molecule playbooks/operations

.PHONY: test-processes
test-processes:
	@scripts/bootstrap.sh openadr
	cd files/openadr && ../../.venv-openadr/bin/python -m pytest -m processes

.PHONY: test-container
test-container: venv-dev ## tests against real containers, programs and killed processes
	@$(MAKE) --jobs=2 --output-sync=target lint-playbooks test-processes
	python -m pytest tests/container files/backup/tests -m 'container and not long'

.PHONY: test
test: ## the fast tier, then the container tier
	@scripts/timed.sh test $(MAKE) --jobs=1 test-fast test-container

.PHONY: test-long
test-long: venv-dev ## the tests that take minutes
	python -m pytest tests -m long --timeout 10800

.PHONY: molecule
molecule: venv-dev ## one scenario: make molecule ROLE=postgres
	molecule test --scenario-name $(ROLE)

.PHONY: bench-deploy
bench-deploy: ## measure a deployment beside the usual way (ENV, ARGS="--first-log FILE")
	@scripts/bootstrap.sh controller root
	ENV=$(ENV) python scripts/bench_deploy.py $(ARGS)

.PHONY: bench-openadr
bench-openadr: ## measure the VTN beside stock openleadr
	@scripts/bootstrap.sh openadr
	cd files/openadr && PYTHONPATH=src:tests:.:../common/src ../../.venv-openadr/bin/python -m bench.vtn

.PHONY: bench-ipam
bench-ipam: venv-dev ## measure phpipam_sync beside one task an address
	python scripts/bench_ipam.py

.PHONY: bench-s2
bench-s2: ## measure the S2 service: fan-out to 10,000 devices, event to setpoint
	@scripts/bootstrap.sh openadr
	cd files/openadr && PYTHONPATH=src:tests:.:../common/src ../../.venv-openadr/bin/python -m bench.s2 $(ARGS)

.PHONY: bench-sensors
bench-sensors: venv-dev ## measure the sensor map at fleet size beside raw SQL
	python -m scripts.bench_sensors

.PHONY: bench-ops
bench-ops: venv-dev ## measure backup, restore, drill and panels (ARGS="--beliefs 10000000 --doctor dev")
	python -m scripts.bench_ops $(ARGS)

.PHONY: bench-history
bench-history: venv ## measure the load of the simulated past beside raw COPY and the API (a stack must be up)
	python scripts/bench_history.py

.PHONY: clean
clean: ## remove virtual environments and caches (never secrets)
	rm -rf .venv .venv-bootstrap .venv-openadr .venv-simulator .venv-weather .ansible .pytest_cache .mypy_cache .ruff_cache .hypothesis
