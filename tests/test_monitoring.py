"""The log, the drift statistics, the A/B test, the alarms, the retraining trigger: lib behind lesson 16."""

import collections
import datetime
import hashlib
import itertools
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import portalocker
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom

from lib import (
    ab_test,
    dashboard,
    data,
    drift,
    local_alarms,
    local_sagemaker,
    request_log,
    retraining,
    traffic,
)
from lib.evaluate import Score
from lib.metric import MetricError
from tools import clinic_content_en

ROOT = Path(__file__).resolve().parent.parent
WRITER = ("import sys, time\nfrom lib import request_log\ntime.sleep(max(0, float(sys.argv[4]) - time.time()))\nk = 0\nwhile k < int(sys.argv[3]):\n"
          "    request_log.append(sys.argv[1], {'id': f'{sys.argv[2]}{k}', 'text': 'шум ' * 300})\n    k += 1\n")


# ---------------------------------------------------------------------------------------------------- the log
def test_what_is_written_is_masked_and_sampled(tmp_path):
    log = request_log.RequestLog(tmp_path, keep_share=0.5)
    kept = [log.write("2026-11-03", {"id": f"212-555-{k:04d}", "arm": "A", "question": "mail ann@clinic.example\nplease", "ms": 3.5}) for k in range(200)]
    rows, problems = request_log.read(tmp_path / "2026-11-03.jsonl")
    assert 60 < sum(kept) == len(rows) < 140 and not problems
    assert rows[0] == {"id": rows[0]["id"], "arm": "A", "question": "mail [EMAIL]\nplease", "ms": 3.5}
    assert "ann@" not in (tmp_path / "2026-11-03.jsonl").read_text(encoding="utf-8")
    names = request_log.RequestLog(tmp_path / "own", find=lambda text: [])
    assert names.write("2026-11-03", {"id": "a", "question": "call 212-555-0187"}) and "0187" in (tmp_path / "own" / "2026-11-03.jsonl").read_text()
    with pytest.raises(ValueError, match="isoformat"):
        log.write("3 November", {"id": "a"})


def test_sampling_is_the_same_everywhere_and_nested():
    ids = [f"r-{k}" for k in range(20_000)]
    tenth, half = ({i for i in ids if request_log.sampled(i, share)} for share in (0.1, 0.5))
    assert tenth < half and abs(len(tenth) / 20_000 - 0.1) < 0.01
    assert not request_log.sampled("x", 0.0) and request_log.sampled("x", 1.0)
    assert int(hashlib.sha256(b"r-3").hexdigest()[:12], 16) / 16**12 == pytest.approx(0.73759, abs=1e-5)  # the same on every machine
    assert request_log.sampled("r-3", 0.738) and not request_log.sampled("r-3", 0.737)


def test_two_writers_lose_nothing(tmp_path):
    path = tmp_path / "2026-11-01.jsonl"
    begin = str(time.time() + 1)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, "800", begin], cwd=ROOT) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    rows, problems = request_log.read(path)
    assert not problems and collections.Counter(row["id"][0] for row in rows) == {"a": 800, "b": 800}
    assert path.read_bytes().count(b"\n") == 1600, "an empty line: somebody wrote after giving the lock back"
    order = "".join(row["id"][0] for row in rows)
    assert order.count("ab") + order.count("ba") > 3, "the writers hardly met: this test shows nothing"


def test_a_writer_waits_for_the_lock_and_writes_before_it_gives_it_back(tmp_path, monkeypatch):
    path, sizes, release = tmp_path / "2026-11-01.jsonl", [], portalocker.Lock.release
    with portalocker.Lock(path, mode="ab", flags=portalocker.LOCK_SH):  # a reader is enough to keep a writer out
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), "a", "1", "0"], cwd=ROOT)
        time.sleep(1.5)
        assert writer.poll() is None and path.stat().st_size == 0, "it wrote into a locked file"
    assert writer.wait(30) == 0 and len(request_log.read(path)[0]) == 1
    monkeypatch.setattr(portalocker.Lock, "release", lambda self: (sizes.append(path.stat().st_size), release(self))[1])
    request_log.append(path, {"id": "b"})
    assert sizes == [path.stat().st_size], "the line reached the disk after the lock was given back"


def test_a_killed_writer_costs_at_most_its_own_line(tmp_path):
    path = tmp_path / "2026-11-01.jsonl"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), "a", "100000", "0"], cwd=ROOT)
    while not path.exists() or path.stat().st_size < 200_000:
        time.sleep(0.02)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    path.write_bytes(path.read_bytes()[:-9])  # and the disk lost the end as well: this line is torn for certain
    before, problems = request_log.read(path)
    assert len(problems) == 1 and f"line {len(before) + 1}:" in problems[0] and "2026-11-01.jsonl" in problems[0]
    request_log.append(path, {"id": "next"})
    after, problems = request_log.read(path)
    assert len(after) == len(before) + 1 and after[-1] == {"id": "next"} and len(problems) == 1
    path.write_bytes(b'{"id": 1}\n\xff\n[1]\n\n{"id": 2}\n')
    rows, problems = request_log.read(path)
    assert [row["id"] for row in rows] == [1, 2] and [p.split(":")[0] for p in problems] == ["2026-11-01.jsonl, line 2", "2026-11-01.jsonl, line 3"]


def test_retention_deletes_old_days_and_nothing_else(tmp_path):
    for name in ("2026-11-01.jsonl", "2026-11-16.jsonl", "2026-11-17.jsonl", "2026-13-01.jsonl", "notes.jsonl", "2026-11-01.txt"):
        (tmp_path / name).write_text("{}\n")
    assert request_log.forget(tmp_path, "2026-11-30", 14) == ["2026-11-01.jsonl", "2026-11-16.jsonl"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["2026-11-01.txt", "2026-11-17.jsonl", "2026-13-01.jsonl", "notes.jsonl"]
    with pytest.raises(ValueError, match="today's log"):
        request_log.forget(tmp_path, "2026-11-30", 0)


# ---------------------------------------------------------------------------------------------------- drift
def test_divergences_against_scipy_and_by_hand():
    counts = [50, 30, 20], [5, 10, 45]
    p, q = drift.shares(*counts)
    assert p.sum() == pytest.approx(1) and p[0] == pytest.approx((0.5 + 0.5 / 60) / (1 + 3 * 0.5 / 60))
    assert drift.jensen_shannon(*counts) == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    assert drift.psi(*counts) == pytest.approx(sum((b - a) * np.log(b / a) for a, b in zip(p, q, strict=True)))
    assert drift.psi([50, 50], [80, 20]) == pytest.approx(0.41, abs=0.01)


@pytest.mark.parametrize("n, m", [(400, 60), (340, 60), (50, 1000)])
def test_what_never_varies_never_differs(n, m):
    # with pseudo-counts instead of one floor for both, these were 0.012 and an alarm on every day
    assert drift.psi([n, 0], [m, 0]) == 0 and drift.jensen_shannon([n, 0], [m, 0]) == 0


def test_mmd_is_the_mean_over_pairs_and_the_permutation_is_exact():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(9, 3)) + 1
    def k(a, b):
        return np.exp(-((a - b) ** 2).sum() / (2 * 1.3**2))

    xx = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    yy = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    both = np.concatenate([x, y])
    found = drift.mmd2(drift.kernel(both, both, 1.3), (np.arange(16) < 7)[None])[0]
    assert found == pytest.approx(xx + yy - 2 * np.mean([k(a, b) for a in x for b in y]))
    usual = drift.Baseline({}, {}, {}, {}, y, 1.3, yy)
    assert drift.statistics(usual, {}, x)["MMD"] == pytest.approx(found)
    null = [drift.permutation_p(rng.normal(size=(30, 4)), rng.normal(size=(10, 4)), 99, s) for s in range(400)]
    low, high = binom.interval(0.999, 400, 0.1)
    assert low <= sum(p <= 0.1 for p in null) <= high
    assert drift.permutation_p(rng.normal(size=(60, 4)), rng.normal(size=(20, 4)) + 1, 199) == 1 / 200


def test_the_monitor_keeps_its_rate_and_hears_a_shift():
    rng, false, heard = np.random.default_rng(1), 0, 0
    for run in range(200):
        before, quiet = rng.normal(size=300), rng.normal(size=60)
        usual = drift.baseline({"x": before, "constant": np.zeros(300)}, before[:, None], day=60, rounds=400, alarm_rate=0.05, seed=run)
        false += bool(drift.alarms(usual, drift.statistics(usual, {"x": quiet, "constant": np.zeros(60)}, quiet[:, None])))
        heard += bool(drift.alarms(usual, drift.statistics(usual, {"x": quiet + 0.8, "constant": np.zeros(60)}, quiet[:, None] + 0.8)))
    assert false <= binom.ppf(0.999, 200, 0.05) and heard >= 190
    for count, rings in ((0, False), (3, False), (4, True)):  # the reference of 400 never had it: up to 3 of 60 may be chance
        assert bool(drift.psi([400, 0], [60 - count, count]) > drift.unseen_limit(400, 60, 0.002)) is rings


def test_features_and_refusals():
    known = drift.vocabulary(["Expand the note: HTN-DM, f/u 3w"])
    found = drift.columns(["Expand the note: HTN-XYZ, f/u 2w", "Запись: HTN", "", "expand THE"], known)
    assert found["unknown codes"].tolist() == [0.5, 0.0, 0.0, 1.0] and found["Cyrillic"].round(2).tolist() == [0, 0.67, 0, 0]
    assert found["new words"].tolist() == [0, 1, 0, 0] and found["length"].tolist() == [32, 11, 0, 10]
    assert drift.counts(np.array([0, 0, 1.0]), drift.edges(np.zeros(9))).tolist() == [2, 1]
    column = {"x": np.arange(100.0)}
    with pytest.raises(ValueError, match="at least 120"):
        drift.baseline(column, day=40)
    with pytest.raises(ValueError, match="cannot show a rate"):
        drift.baseline(column, day=20, rounds=100, alarm_rate=0.01)


# ---------------------------------------------------------------------------------------------------- the simulated month
def right_answer(question: str, meanings: dict) -> str:
    """The answer rebuilt from the codes, independently of lib.traffic."""
    note = question.rsplit(": ", 1)[-1].rsplit("? ", 1)[-1]
    codes, period = note.split(", f/u ")
    diagnoses = [meanings[code] for code in codes.split("-")]
    length = f"{period[0]} {clinic_content_en.UNITS[period[1]][period[0] != '1']}"
    return json.dumps({"diagnoses": diagnoses, "follow_up": length}) if "JSON" in question else f"{', '.join(diagnoses)}; follow-up in {length}"


def test_every_simulated_request_has_its_right_answer():
    held_out = data.sample("shorthand", "test", "en") + data.sample("shorthand", "validation", "en")
    days, usual = traffic.month(held_out, 40), clinic_content_en.CODES | traffic.NEW_CODES
    other = usual | {code: new for code, (_, new) in traffic.NEW_MEANINGS.items()}
    slips = 0
    for row in (row for day in days for row in day):
        question, answer = row["messages"][0]["content"], row["messages"][1]["content"]
        try:
            assert answer == right_answer(question, other if row["event"] == "new meanings" else usual), question
        except KeyError:  # a doubled letter: no code at all
            slips += 1
    assert 20 < slips < 80 and [len(day) for day in days] == [40] * 30 and len({r["id"] for d in days for r in d}) == 1200
    assert not set(traffic.NEW_CODES) & set(clinic_content_en.CODES)
    share = [sum(bool(row["event"]) for row in day) / 40 for day in days]
    quiet = [s for d, s in enumerate(share, 1) if not any(e.first <= d <= e.last for e in traffic.EVENTS)]
    assert max(quiet) == 0 and all(0.3 < s < 0.85 for s in share[8:13]) and sum(share[19:22]) > 0.8
    assert traffic.month(held_out, 5) == traffic.month(held_out, 5)
    with pytest.raises(ValueError, match="shorthand samples only"):
        traffic.fresh({"messages": [{"content": "Expand the note: HTN, f/u 2w"}, {"content": "hypertension"}]}, random.Random(0))


# ---------------------------------------------------------------------------------------------------- A/B
@pytest.mark.parametrize("theta", [0.03, 0.5, 0.9])
def test_the_bet_gains_nothing_if_both_are_equal_by_enumeration(theta):
    total = 0.0
    for bits in itertools.product((0, 1), repeat=10):  # every outcome of five pairs
        a, b = np.array(bits[:5]), np.array(bits[5:])
        total += theta ** sum(bits) * (1 - theta) ** (10 - sum(bits)) * ab_test.evidence(a, b)[-1]
    assert 0.5 < total <= 1 + 1e-12


def test_error_and_power_of_the_sequential_test():
    rng = np.random.default_rng(0)
    for theta in (0.1, 0.6, 0.92):
        wrong = (ab_test.evidence(*(rng.random((2, 1500, 500)) < theta)) >= 20).any(-1).sum()
        assert wrong <= binom.ppf(0.999, 1500, 0.05), theta
    assert (ab_test.evidence(rng.random((300, 400)) < 0.6, rng.random((300, 400)) < 0.85) >= 20).any(-1).mean() > 0.95
    assert ab_test.decided_at(np.array([1, 19.9, 20, 3])) == 3 and ab_test.decided_at(np.array([1.0])) is None
    with pytest.raises(ValueError, match="pair the k-th"):
        ab_test.evidence([1, 0], [1])


def test_arms_are_stable_and_independent():
    users = [f"user-{k}" for k in range(4000)]
    first, second = ([ab_test.arm_of(u, name) for u in users] for name in ("one", "two"))
    assert first == [ab_test.arm_of(u, "one") for u in users] and abs(first.count("B") / 4000 - 0.5) < 0.03
    assert abs(sum(a == b for a, b in zip(first, second, strict=True)) / 4000 - 0.5) < 0.03
    assert {ab_test.arm_of(u, "one", 0.0) for u in users} == {"A"}


# ---------------------------------------------------------------------------------------------------- alarms
@pytest.mark.parametrize("seen, missing, needed, state", [
    ([2, 0, 2], "missing", 2, "ALARM"), ([2, 0, 0], "missing", 2, "OK"), ([None] * 3, "missing", 1, "INSUFFICIENT_DATA"), ([None, 2, 2], "notBreaching", 3, "OK"),
    ([None, 2, 2], "breaching", 3, "ALARM"), ([1, 1, 1], "missing", 1, "OK"), ([None] * 3, "notBreaching", 1, "OK")])
def test_m_of_n(seen, missing, needed, state):
    alarm = {"EvaluationPeriods": 3, "DatapointsToAlarm": needed, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": missing}
    assert local_alarms.judged(alarm, seen)[0] == state
    with pytest.raises(ValueError, match="ignore"):
        local_alarms.judged(alarm | {"TreatMissingData": "ignore"}, seen)


def test_metrics_and_alarms_through_boto3(tmp_path):
    now = datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0)
    metric = {"Namespace": "Course", "MetricName": "Drift", "Dimensions": [{"Name": "Model", "Value": "m"}]}
    with local_sagemaker.open_cloud("local", tmp_path / "cloud") as cloud:
        cloudwatch = cloud.client("cloudwatch")
        cloudwatch.put_metric_data(Namespace="Course", MetricData=[{"MetricName": "Drift", "Dimensions": metric["Dimensions"], "Timestamp": now - datetime.timedelta(minutes=6 - k), "Value": value}
                                                                   for k, value in enumerate([0.1, 0.2, 3.0, 0.2, 3.0, 0.1])])
        cloudwatch.put_metric_alarm(AlarmName="a", **metric, Statistic="Maximum", Period=60, EvaluationPeriods=3, DatapointsToAlarm=2, Threshold=1.0, ComparisonOperator="GreaterThanThreshold")
        states = [local_alarms.judge(cloudwatch, now - datetime.timedelta(minutes=5 - k))["a"] for k in range(6)]
        assert states == ["OK", "OK", "OK", "OK", "ALARM", "OK"]
        local_alarms.judge(cloudwatch, now - datetime.timedelta(minutes=1))
        found = cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"][0]
        assert found["StateValue"] == "ALARM" and "2 of the last 3" in found["StateReason"]


# ---------------------------------------------------------------------------------------------------- training again
RULE = retraining.Rule(0.85, 40, 2, 3, 100, 7)
LOW, GOOD, FEW = Score(0.6, 0.45, 0.75, 50), Score(0.9, 0.8, 0.97, 50), Score(0.3, 0.1, 0.5, 20)


@pytest.mark.parametrize("alarms, score, rows, last, action, words", [
    ([False] * 5, GOOD, 500, None, "nothing", "alarms on 0"), ([True] * 3, GOOD, 500, None, "nothing", "alarms on 3"), ([False, True, True], None, 500, None, "label", "0 of 40 labels"),
    ([True, False, True], FEW, 500, None, "label", "20 of 40"), ([True, True, False, False], FEW, 500, None, "nothing", "alarms on 1"), ([False] * 3, LOW, 500, None, "retrain", "60.0%"),
    ([False] * 3, Score(0.8, 0.7, 0.88, 50), 500, None, "nothing", "80.0%"), ([False] * 3, LOW, 99, None, "label", "99 of 100"), ([True] * 3, LOW, 500, "2026-11-14", "wait", "6 days ago"), ([True] * 3, LOW, 500, "2026-11-13", "retrain", "below 85%")])
def test_decisions(alarms, score, rows, last, action, words):
    found = retraining.decide(RULE, "2026-11-20", alarms, score, rows, last)
    assert found.action == action and words in found.reason


def test_a_rule_that_cannot_be_used_names_the_line(tmp_path):
    path, good = tmp_path / "rule.yaml", {"score_below": 0.85, "least_labels": 40, "alarm_days": 2, "within_days": 3, "least_rows": 100, "cool_down_days": 7}
    path.write_text(json.dumps(good))
    assert retraining.read(path) == RULE
    for change, words in (({"score_below": 85}, "score_below.*0.85"), ({"least_labels": 0}, "least_labels"), ({"alarm_days": 4}, "never be"), ({"cool_down_days": -1}, "cool_down"),
                          ({"extra": 1}, "extra"), ({"least_rows": 1.5}, "least_rows"), ({"within_days": True}, "within_days")):
        path.write_text(json.dumps(good | change))
        with pytest.raises(MetricError, match=words):
            retraining.read(path)
    for text in ("[1]", "a: [", ""):
        path.write_text(text)
        with pytest.raises(MetricError, match="rule.yaml"):
            retraining.read(path)
    with pytest.raises(MetricError, match="readable"):
        retraining.read(tmp_path / "gone.yaml")


def pipeline(path: Path, code: str) -> Path:
    """A real notebook with the two parameters of a pipeline."""
    parameters = nbformat.v4.new_code_cell('RAW_FILE: str = ""  # in\nRUN_FOLDER: str = ""  # out', metadata={"tags": ["parameters"]})
    nb = nbformat.v4.new_notebook(cells=[parameters, nbformat.v4.new_code_cell(code)])
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nb, path)
    return path


def test_the_trigger_runs_a_real_notebook_and_keeps_its_record(tmp_path):
    decision = retraining.Decision("retrain", "labelled answers 60 %")
    raw, folder = tmp_path / "raw rows.jsonl", tmp_path / "retraining"
    raw.write_text('{"a": 1}\n{"a": 2}\n')
    works = pipeline(tmp_path / "good.ipynb", "from pathlib import Path\nassert Path(RUN_FOLDER, '..', '2026-11-20.json').resolve().is_file(), 'the record comes first'\n"
                     "Path(RUN_FOLDER, 'rows.txt').write_text(str(len(open(RAW_FILE).readlines())))")
    done = retraining.start(decision, "2026-11-20", pipeline=works, raw_file=raw, folder=folder)
    assert done["state"] == "finished" and (folder / "2026-11-20" / "rows.txt").read_text() == "2"
    assert json.loads((folder / "2026-11-20.json").read_text()) == done and done["reason"] == "labelled answers 60 %" and retraining.last_start(folder) == "2026-11-20"
    fails = pipeline(tmp_path / "bad.ipynb", "raise RuntimeError('no rows')")
    done = retraining.start(decision, "2026-11-28", pipeline=fails, raw_file=raw, folder=folder)
    assert done["state"] == "failed" and "no rows" in " ".join(done["last_lines"]) and (folder / "2026-11-28" / "pipeline.ipynb").is_file()
    assert retraining.last_start(folder) == "2026-11-28", "a failed start counts for the cool-down"
    with portalocker.Lock(folder / "lock", mode="a"), pytest.raises(RuntimeError, match="running already"):
        retraining.start(decision, "2026-11-29", pipeline=works, raw_file=raw, folder=folder)
    assert retraining.last_start(folder) == "2026-11-28" and retraining.last_start(tmp_path / "none") is None
    with pytest.raises(ValueError, match="label"):
        retraining.start(retraining.Decision("label", "x"), "2026-11-30", pipeline=works, raw_file=raw, folder=folder)
    with pytest.raises(FileNotFoundError, match="PIPELINE"):
        retraining.start(decision, "2026-11-30", pipeline=tmp_path / "gone.ipynb", raw_file=raw, folder=folder)


def test_the_page_stands_alone(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    dashboard.write(tmp_path / "page.html", "A <b>", "2026-11-30", [("score", "5 < 6", "bad")], [("drift & more", 'alt "x"', tmp_path / "a.png")], [("h",), ("<script>",)])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "A &lt;b&gt;" in text and "5 &lt; 6" in text and "&lt;script&gt;" in text and "alt &quot;x&quot;" in text and "drift &amp; more" in text
    assert "<script" not in text and "http" not in text and "data:image/png;base64,iVBORw==" in text
