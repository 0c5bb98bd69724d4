# Two targets do everything on a fresh Debian 12 machine, as root: quickstart and test.
.DEFAULT_GOAL := help
# One step after the other, also under -j: bootstrap comes before what it installs.
.NOTPARALLEL:
.PHONY: help quickstart down test test-fast lint unit contract molecule e2e soak \
	molecule-vm bootstrap test-tools vm-tools soak-tools venv wheel collection constraints docs dashboards clean
MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/sh

BIN := .venv/bin
# Tools find each other (ansible-lint starts ansible-playbook) through PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Named, since ansible-lint would follow the link in ansible_collections/ for ever.
LINTED := galaxy.yml inventories meta playbooks roles tests/molecule
# Without bytecode every one of the many Python processes compiles all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quickstart: bootstrap ## A lab of three hosts, a Ray cluster on them, a job on it
	@$(BIN)/adbray demo

down: venv ## Remove the lab of this checkout
	@$(BIN)/adbray lab down

test: test-tools lint unit contract molecule e2e ## Everything; needs root, takes up to 45 minutes on two idle cores
	@echo "test: everything passed"

test-fast: unit contract ## Unit and contract tests; of these, leases alone need root, once test-tools ran

lint: venv ## ruff, mypy, import contracts, yamllint, ansible-lint
	ruff check
	ruff format --check
	mypy
	lint-imports --no-logo
	yamllint --strict .
	ansible-lint --offline -q $(LINTED)

unit: venv ## Unit tests
	pytest -q tests/unit

contract: venv ## Tests of what must agree: roles, specs, docs, package
	pytest -q tests/contract

molecule: bootstrap ## Every role on lab hosts: check, converge, idempotence, verify
	tests/molecule/run

molecule-vm: vm-tools ## Roles that need a kernel of their own, on virtual machines; slow, part of soak
	tests/molecule/run --vm

e2e: bootstrap ## The command line against a lab
	tests/e2e/run

soak: soak-tools molecule-vm ## Rounds of faults on a lab; takes hours, not part of test
	ADBRAY_EXAMPLES=10000 pytest -q tests/unit/core/plan/test_generated.py \
		tests/unit/core/plan/test_gpu_generated.py
	pytest -q -s tests/soak

bootstrap: ## Install what quickstart needs; quick when nothing is missing
	@scripts/bootstrap.sh

test-tools: ## The same, and what test needs
	@scripts/bootstrap.sh test

vm-tools: ## The first, and what `adbray lab up --vm` needs
	@scripts/bootstrap.sh vm

soak-tools: ## All of these, and a browser, for soak
	@scripts/bootstrap.sh soak

venv: ## Make .venv alone
	@scripts/bootstrap.sh venv

wheel: venv ## Build dist/*.whl and dist/*.tar.gz
	python -m build --no-isolation

collection: venv ## Build dist/adbray-ray-*.tar.gz, the Ansible collection adbray.ray
	python scripts/collection.py build/collection
	ansible-galaxy collection build --force --output-path dist build/collection

# No index, proxy or path of this machine may get in: hence --no-config and no --emit options.
COMPILE = uv pip compile --no-config --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make constraints"

constraints: venv ## Pin again, within the ranges of pyproject.toml, with hashes
	$(COMPILE) --upgrade --extra dev -o constraints/dev.txt pyproject.toml
	$(COMPILE) --upgrade -c constraints/dev.txt -o constraints/runtime.txt pyproject.toml

docs: venv ## Write docs/spec.md, docs/what-survives.md and the READMEs of roles
	python scripts/spec_reference.py
	python scripts/what_survives.py
	python scripts/role_readmes.py

dashboards: venv ## Write the dashboards of the role grafana from scripts/dashboards
	PYTHONPATH=scripts python -m dashboards roles/grafana/files/dashboards

clean: ## Remove what was built and cached here; the lab and .venv stay
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
