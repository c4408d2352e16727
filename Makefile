# make course   run the lessons (PROFILE=ci|smol|colab_t4|gpu, ONLY="00 06", FORCE=1)  → build/<profile>/index.html
# make test     run every test, the notebooks included
# make lab      open JupyterLab            make render   execute the committed outputs again (ONLY=…)
# make bench    speed and memory measured  make readme   fill the generated tables of README.md
# make samples  the data of the course     make tiny     train the embedded model again
# make peers12  tokenizers of other models and two more engines, for lesson 12 (optional, 100 MB)
# make colab    would pip find every Colab requirement for Python 3.12 and 3.13? (needs an index; installs nothing)
# make clean    remove build/
# make mlflow   the training curves that `make course TRACK=sqlite:///build/mlflow.db` has logged, in the browser
#
# Each target makes .venv by itself, and again only when requirements.txt has changed.
# PYTHON=python3.12 chooses the interpreter. Without an NVIDIA GPU under Linux
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu
# saves gigabytes of CUDA libraries. Windows or no make: "Install by hand" in README.md.

PYTHON ?= python3
PROFILE ?= ci
ONLY ?=
FORCE ?=
TRACK ?=
TORCH_INDEX ?=

PY := .venv/bin/python
STAMP := .venv/requirements.installed
PIP := $(PY) -m pip install --quiet --disable-pip-version-check

export PYTHONUTF8 := 1

.PHONY: help course test lab mlflow render bench readme samples tiny peers12 colab clean venv
.DEFAULT_GOAL := help

help:
	@sed -n '1,16s/^# \{0,1\}//p' Makefile

# The stamp is a copy of requirements.txt: its text decides, not its date, which every checkout changes.
venv:
	@if ! cmp -s requirements.txt $(STAMP) || ! $(PY) -c '' 2>/dev/null; then \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "The course needs Python 3.11 or newer; try: make PYTHON=python3.12 …"; exit 1; }; \
	  $(PYTHON) -m venv .venv \
	    || { echo "No venv: install it (Debian and Ubuntu: apt-get install python3-venv) and try again."; exit 1; }; \
	  echo "Installing the pinned requirements into .venv (once; some minutes) …"; \
	  torch=$$(sed -n 's/^\(torch==[^ #]*\).*/\1/p' requirements.txt) && \
	  $(PIP) $(if $(TORCH_INDEX),--index-url "$(TORCH_INDEX)") "$$torch" && \
	  $(PIP) -r requirements.txt && \
	  cp requirements.txt $(STAMP).new && mv $(STAMP).new $(STAMP) && echo "Ready." \
	    || { echo "The installation stopped (the lines above say why); the next make begins it again."; exit 1; }; \
	fi

course: venv
	@$(PY) -m tools.course --profile "$(PROFILE)" --only "$(ONLY)" $(if $(FORCE),--force) $(if $(TRACK),--track "$(TRACK)")

test: venv
	@$(PY) -m tests.run_all

lab: venv
	@$(PY) -m jupyterlab --notebook-dir=. --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

mlflow: venv
	@MLFLOW_DISABLE_TELEMETRY=true $(PY) -m mlflow server --workers 1 --backend-store-uri "$(or $(TRACK),sqlite:///build/mlflow.db)" --default-artifact-root build/mlflow

render: venv
	@$(PY) -m tools.render --only "$(ONLY)"
	@$(PY) -m tools.build_readme

bench: venv
	@$(PY) benchmarks/sft_speed.py --model tiny
	@$(PY) benchmarks/sft_speed.py --model smol
	@$(PY) benchmarks/preference_speed.py --model tiny
	@$(PY) benchmarks/preference_speed.py --model smol --rounds 2 --steps 6 --batch-size 4
	@$(PIP) --no-deps --target build/peers fitcheck-llm==0.3.1 vramcalc==0.1.2 llmcalculator==0.2.3
	@$(PY) benchmarks/memory_accuracy.py --peers build/peers
	@$(PIP) --no-deps --target build/dedup_peers gaoya==0.2.2 rensa==0.5.0
	@$(PY) benchmarks/dedup_speed.py --peers build/dedup_peers
	@test -x build/litgpt_env/bin/litgpt || ( $(PYTHON) -m venv build/litgpt_env && build/litgpt_env/bin/pip install -q $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0 && build/litgpt_env/bin/pip install -q litgpt==0.5.13 )
	@$(PY) benchmarks/peft_speed.py --litgpt build/litgpt_env/bin/python
	@$(PY) benchmarks/pretraining_speed.py --litgpt build/litgpt_env/bin/python
	@$(PY) benchmarks/sagemaker_training_toolkit.py
	@$(PY) benchmarks/hf_inference_toolkit.py
	@$(PY) benchmarks/lm_evaluation_harness.py

readme: venv
	@$(PY) -m tools.build_readme

samples: venv
	@$(PY) tools/build_clinic.py
	@$(PY) -m tools.build_formats
	@$(PY) -m tools.build_dump
	@$(PY) -m tools.build_quality
	@$(PY) -m tools.build_orders
	@$(PY) -m tools.build_evaluation

tiny: venv
	@$(PY) -m tools.train_tiny

peers12: venv
	@$(PY) -m lib.vocabularies
	@$(PY) -m lib.engines

colab: venv
	@for version in 3.12 3.13; do \
	  $(PIP) --dry-run --ignore-installed --target build/colab --python-version $$version --only-binary=:all: -r requirements-colab.txt \
	  && echo "Python $$version: every requirement of Colab is found" || exit 1; \
	done

clean:
	rm -rf build
