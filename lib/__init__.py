"""Shared code of the course: small flat modules, imported as `from lib import evaluate`.

    models     load a model by name: "tiny", "smol", a Hub id or a folder
    data       read and check JSONL; the samples of the course
    train      chat rows -> token ids and labels; one supervised training run
    evaluate   greedy answers, exact match, intervals, general questions, loss
    plots      one palette and one way to show a figure
    checks     the exercise checks
    results    what a notebook records: headline, scores, claim verdicts
    machine    what this computer can do, and which profile fits it
"""
