"""Shared code of the course: small flat modules, imported as `from lib import evaluate`.

    models     load a model by name: "tiny", "smol", a Hub id or a folder
    data       read and check JSONL; the samples of the course
    train      chat rows -> token ids and labels; one supervised training run
    evaluate   greedy answers, exact match, intervals, general questions, loss
    plots      one palette and one way to show a figure
    checks     the exercise checks
    results    what a notebook records: headline, scores, claim verdicts
    machine    what this computer can do, and which profile fits it
    metric     the success metric of lesson 00 and its gate
    formats    training data formats: detect, convert, say what is lost (chats, preferences, format_problems)
    streams    the same for files of any size, line by line
    mask       the loss mask as colours or plain text
    memory     how much memory a training or a server needs (memory_shapes, memory_tracker, cards)
    cleaning   a dump as a list of steps, each with an account of what it took (cleaning_text, safety_rules; cleaning_ray)
    dedup      duplicates: exact, near, by meaning; semantic has the judges that confirm a pair
    pii        personal data: find, mask, replace, measure what leaks
    encoder    text to vectors with multilingual-e5-small; linear is a logistic regression on them
    judge      a language model grades rows: rubric, parsing, both orders, AUC; splits and calibration belong to it
    quantize   models in four bits through bitsandbytes, with its silent corruption on CPUs switched off
    preference_training  DPO with TRL, log-probabilities of answers, accuracy on pairs; safe judges generated answers
    preference_family  SimPO, ORPO, KTO, reward model, GRPO, RLOO through TRL; tensor_peak counts the bytes that tensors hold
    local_sagemaker  SageMaker on this machine: jobs (local_jobs), endpoints (local_endpoints, local_deployments,
               local_autoscaling), a Lambda function (local_lambda); local_process
    sagemaker_package  what is sent there; sagemaker_train is the job's script (sagemaker_job, sagemaker_fsdp),
               sagemaker_serve and sagemaker_inference are the container of an endpoint
    load       a small load generator: P50, P95, P99 under some users; stream_server is a streaming server for it
    report_card  every measurement of lesson 13 for a model or adapter by one call (refusals, length_control, mixture)
    gate       the release gate: limits in YAML against a report card
    stages     a long run as stages that survive a kill; run_report is its page, model_archive its model.tar.gz
    blind      a page that collects ratings from people, without names
    request_log  requests and answers on disk: masked, sampled, deleted in time; drift compares days (PSI, Jensen–Shannon, MMD)
    traffic    the simulated month of lesson 16; ab_test decides between two models and may be looked at at any time
    retraining the rule in YAML that starts a pipeline; local_alarms judges CloudWatch's alarms here; dashboard is one HTML page
    vocabularies  tokenizers of well-known models out of packages, without the Hub
    gguf_file  a Llama model as one GGUF file; engines asks llama.cpp and CTranslate2 for the same answers
    tracking   every training of a notebook in MLflow, when asked (tracking_run)
    sharded    SFT and DPO over several processes or machines: torchrun -m lib.sharded
    cost       prices with source and date, training hours, a year of operation, break-even
"""

import logging
import os
import warnings

# read by the libraries when they are imported, so set here, before any of them: nothing about your runs leaves
# your machine, and routine notes stay out of the lessons
for _name in ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "WANDB_DISABLED", "TRL_EXPERIMENTAL_SILENCE"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # its note on missing CPU kernels is harmless
for _note in (".*IProgress not found.*", ".*gradient_checkpointing` is deprecated.*"):
    warnings.filterwarnings("ignore", message=_note)
