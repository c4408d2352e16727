"""Lesson 17: stages that survive a kill, the gate that stops the line, the errors a reader will meet, and the shop's data."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

import nbformat
import pytest
import torch

from lib import (
    checks,
    checks_capstone,
    data,
    evaluate,
    formats,
    gate,
    metric,
    model_archive,
    models,
    run_report,
    sagemaker_inference,
    stages,
)
from lib.stages import Stages
from tools import build_orders

ROOT = data.ROOT
CELLS = {c["id"]: c.source for c in nbformat.read(ROOT / "notebooks" / "17_capstone.ipynb", as_version=4).cells}
ORDERS = data.SAMPLES / "orders"


def lesson(*cells, **given) -> dict:
    """The functions and imports of the lesson's cells, without running their other lines."""
    names = {"Path": Path, "os": os, **given}
    for cell in ("imports", *cells):
        tree = ast.parse(CELLS[cell])
        tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)]
        exec(compile(tree, cell, "exec"), names)
    return names


# ------------------------------------------------------------------------------------------ stages
def write_n(folder, inputs):
    (folder / "n.txt").write_text(str(inputs["n"]))
    return {"n": inputs["n"]}


def test_the_hand_written_stage_does_what_the_library_does(tmp_path):
    by_hand, run = lesson("by-hand", hashlib=__import__("hashlib"))["by_hand"], Stages(tmp_path / "lib")
    for n, fresh in ((5, True), (5, False), (7, True), (5, True)):
        assert (by_hand(tmp_path / "hand" / "x", {"n": n}, write_n) == "computed") == fresh == run.stage("x", {"n": n}, write_n).fresh
        assert (tmp_path / "hand" / "x" / "n.txt").read_text() == (tmp_path / "lib" / "x" / "n.txt").read_text() == str(n)


def test_a_stage_is_computed_again_when_and_only_when_something_changed(tmp_path):
    run, file, tree = Stages(tmp_path / "run"), tmp_path / "rows.jsonl", tmp_path / "model"
    tree.mkdir()
    (tree / "weights").write_text("1")
    file.write_text("a")

    def fresh(work=write_n, **inputs):
        return run.stage("x", {"n": 1, "file": file, "model": tree, **inputs}, work).fresh

    assert [fresh(), fresh()] == [True, False]
    os.utime(file, (1, 1))
    assert not fresh(), "a new date is no new content"
    file.write_text("b")
    (tree / stages.SIGNATURE).write_text("{}")
    assert [fresh(), fresh(), fresh(n=2), fresh(n=2, more=None)] == [True, False, True, True]
    (tree / "weights").write_text("2")
    assert fresh(n=2, more=None) and not fresh(n=2, more=None)
    assert fresh(lambda folder, inputs: write_n(folder, inputs)) and run.stage("x", {"n": 1, "file": file, "model": tree}, write_n).result == {"n": 1}
    with pytest.raises(FileNotFoundError, match="gone.jsonl: there is no such file or folder"):
        fresh(file=tmp_path / "gone.jsonl")


def test_the_code_of_helpers_counts_and_hidden_settings_are_refused():
    texts = [f"def help(x):\n    return x + {k}\ndef work(folder, inputs):\n    return help(1) in {{'b', 'a'}}" for k in (1, 2)]
    found = []
    for text in texts:
        names = {"__name__": "lesson"}
        exec(text, names)
        found.append(stages.digest({}, names["work"]))
    assert found[0] != found[1]
    again = subprocess.run([sys.executable, "-c", f"from lib import stages\nnames = {{'__name__': 'lesson'}}\nexec({texts[0]!r}, names)\nprint(stages.digest({{}}, names['work']))"],
                           capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": ".", "PYTHONHASHSEED": "7"})
    assert again.stdout.strip() == found[0], f"another process must find the same digest: {again.stderr}"
    names = {"__name__": "lesson", "RATE": 3}
    exec("def work(folder, inputs):\n    return RATE", names)
    with pytest.raises(ValueError, match="reads the variable RATE: put it into the inputs"):
        stages.digest({}, names["work"])


def test_work_that_fails_leaves_the_old_result(tmp_path):
    run = Stages(tmp_path)
    run.stage("x", {"n": 1}, write_n)

    def fail(folder, inputs):
        (folder / "n.txt").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run.stage("x", {"n": 2}, fail)
    assert (tmp_path / "x" / "n.txt").read_text() == "1" and not run.stage("x", {"n": 1}, write_n).fresh
    assert run.stage("x", {"n": 2}, write_n).fresh and [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["x"], "half results are cleared away"
    run.drop("x")
    assert not (tmp_path / "x").exists()


def test_two_runs_do_not_work_in_one_folder(tmp_path):
    first = subprocess.Popen([sys.executable, "-c", f"from lib.stages import Stages\nrun = Stages({str(tmp_path)!r})\nprint('in', flush=True)\ninput()"],
                             cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "in\n"
    with pytest.raises(RuntimeError, match="another run is at work in this folder. Wait for it"):
        Stages(tmp_path)
    first.kill()
    first.communicate()
    assert Stages(tmp_path).stage("x", {"n": 1}, write_n).fresh, "a dead run must block nobody"


# ------------------------------------------------------------------------------------------ a training that is killed
WORKER = """
import sys, torch
from pathlib import Path
from tests.test_lesson_17 import tuned
torch.set_num_threads(1)
tuned(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def tuned(folder: Path, rows: Path, method: str = "lora", steps: int = 8):
    """The lesson's own tuning, short, with a checkpoint after three steps."""
    names = lesson("memory", "tune", "tune-work")
    inputs = {"rows": rows, "base": data.SAMPLES / "tiny-base", "method": method, "batch": 2, "rate": 2.5e-3, "rank": 4, "steps": steps, "save_every": 3,
              "general": data.SAMPLES / "evaluation" / "replay.jsonl", "replay": 0.2}
    return Stages(folder).stage("sft", inputs, names["tune"], resumes=True)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """(run that nobody disturbed, run that was killed and continued, what lay there after the kill)."""
    folder = tmp_path_factory.mktemp("kill")
    rows = folder / "rows.jsonl"
    data.write_jsonl(rows, data.sample("shorthand", "train", "en")[:12])
    environment = os.environ | {"PYTHONPATH": ".", "HF_HUB_OFFLINE": "1"}
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(folder / "killed"), str(rows)], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not list((folder / "killed").glob(".sft-*.partial/checkpoints/checkpoint-3/trainer_state.json")):
        assert worker.poll() is None and time.monotonic() < until, "the worker ended before it could be killed"
        time.sleep(0.005)
    worker.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    worker.wait()
    left = sorted(p.name for p in (folder / "killed").iterdir() if p.is_dir())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield tuned(folder / "whole", rows), tuned(folder / "killed", rows), left
    finally:
        torch.set_num_threads(threads)


def test_a_killed_training_goes_on_and_ends_with_the_same_archive(killed, tmp_path):
    whole, continued, left = killed
    assert len(left) == 1 and left[0].startswith(".sft-"), f"a killed stage must not look finished: {left}"
    assert whole.fresh and continued.fresh
    files = [stages.contents(stage.folder / "model") for stage in (whole, continued)]
    assert files[0] == files[1], "the continued training has other weights"
    archives = [model_archive.write(tmp_path / f"{k}.tar.gz", stage.folder / "model") for k, stage in enumerate((whole, continued))]
    assert archives[0] == archives[1] and not (whole.folder / "checkpoints").exists()
    base = models.load("tiny", device="cpu")[0].state_dict()
    assert any(not torch.equal(base[name], w) for name, w in models.load(str(whole.folder / "model"), device="cpu")[0].state_dict().items()), "nothing was trained"


@pytest.mark.parametrize("method", ["qlora", "full"])
def test_the_other_methods_leave_whole_weights_too(tmp_path, method):
    data.write_jsonl(tmp_path / "rows.jsonl", data.sample("shorthand", "train", "en")[:6])
    found = tuned(tmp_path / "run", tmp_path / "rows.jsonl", method, 2).folder / "model"
    base, left = (models.load(name, device="cpu")[0].state_dict() for name in ("tiny", str(found)))
    assert base.keys() == left.keys() and {str(w.dtype) for w in left.values()} == {"torch.float32"}
    changes = [float((base[name] - w).abs().max()) for name, w in left.items()]
    assert 0 < max(changes) < 0.1, "nothing was trained, or the weights are those of the four bits"


def test_the_archive_answers_as_the_folder_does(killed, tmp_path):
    model_folder = killed[0].folder / "model"
    model_archive.write(tmp_path / "model.tar.gz", model_folder)
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        assert {m.name.split("/")[0] for m in archive} == {"base", "code"} and all(m.isfile() and m.mtime == 0 for m in archive)
        archive.extractall(tmp_path / "out", filter="data")
    chat = data.question(data.sample("shorthand", "test", "en")[0])
    served = sagemaker_inference.predict_fn({"chat": chat, "max_new_tokens": 16}, sagemaker_inference.model_fn(str(tmp_path / "out")))
    assert served["generated_text"] == evaluate.answer(*models.load(str(model_folder), device="cpu"), [chat], 16)[0]
    with pytest.raises(FileNotFoundError, match="no config.json"):
        model_archive.write(tmp_path / "x.tar.gz", tmp_path)


# ------------------------------------------------------------------------------------------ what a reader will meet
@pytest.mark.parametrize("text, error, words", [
    (None, FileNotFoundError, r"raw.jsonl: there is no such file or folder. Check the path"),
    ("", data.DataError, r"raw.jsonl, line 1: the file is empty. Was the export cut off"),
    ('{"instruction": "Hi", "output": "Hello"}\n' * 3, data.DataError, r"raw.jsonl, line 3: the file ends with 3 usable rows. At least 60 are needed"),
    ('{"frage": "Hi"}\n', ValueError, r"line 1: no known format; the fields are: frage. Rename them"),
    ("a,b\n1,2\n", ValueError, r"line 1: broken JSON at column 1 .*one complete JSON object"),
])
def test_a_file_that_is_no_training_data_gets_a_sentence(tmp_path, text, error, words):
    if text is not None:
        (tmp_path / "raw.jsonl").write_text(text, encoding="utf-8")
    run = Stages(tmp_path / "run")
    with pytest.raises(error) as found:
        run.stage("convert", {"raw": tmp_path / "raw.jsonl", "least": 60}, lesson("convert")["convert"])
    assert re.search(words, str(found.value), re.DOTALL), str(found.value)
    assert not (tmp_path / "run" / "convert").exists()


@pytest.mark.parametrize("room, words", [(8, "Not one row fits: take METHOD=qlora"), (80, r"there is room for 80.00. SFT_BATCH=\d+ fits")])
def test_a_training_that_does_not_fit_is_refused_before_it_starts(room, words):
    from lib import memory

    names = {"memory": memory, "torch": torch, "MODEL": "Llama-3.1-8B", "METHOD": "lora", "RANK": 16, "SFT_BATCH": 64, "longest": 1024, "room": room * memory.GIB}
    with pytest.raises(MemoryError, match=words):
        exec(CELLS["fits"], names)


def test_a_promise_with_an_unknown_line_is_refused(tmp_path):
    path = tmp_path / "success_metric.yaml"
    path.write_text((ORDERS / "success_metric.yaml").read_text(encoding="utf-8") + "speed: 3\n", encoding="utf-8")
    with pytest.raises(metric.MetricError, match="success_metric.yaml, speed: unknown. Remove it or correct the name; known: task"):
        exec(CELLS["promise-file"], {"Path": Path, "RAW_FILE": str(tmp_path / "raw.jsonl"), "METRIC": "", "LIMITS": "", "metric": metric, "gate": gate})


def test_promise_and_limits_are_found_beside_the_file():
    names = {"Path": Path, "RAW_FILE": str(ORDERS / "raw.jsonl"), "METRIC": "", "LIMITS": "", "metric": metric, "gate": gate}
    exec(CELLS["promise-file"], names)
    assert names["promise"].target == 0.75 and names["limits"].json_valid == 0.9 and names["language"] == "both"
    exec(CELLS["promise-file"], names := names | {"RAW_FILE": str(data.SAMPLES / "dump" / "report.jsonl"), "LIMITS": "none"})
    assert names["promise"] is None and names["limits"] == gate.Limits() and names["held_out"] is None


def test_a_gate_that_refuses_stops_the_packing_and_says_the_line(tmp_path):
    run = Stages(tmp_path)
    promise = metric.SuccessMetric("t", "exact match", "tiny", 0.0, 0.5, 100, 0.8, "x", "both", metric.sha256(ORDERS / "test.jsonl"))
    names = lesson("gate", run=run, promise=promise, limits=gate.Limits(), held_out=ORDERS / "test.jsonl", language="both",
                   step=lambda name, inputs, work: run.stage(name, inputs, work))
    card = {"task": {"value": 0.7, "low": 0.6, "high": 0.8, "n": 90}, "single_p95_ms": 50.0, "forgetting": {"kept": 0.9}}
    model = data.SAMPLES / "tiny-base"
    assert (names["release"](card, model).folder / "model.tar.gz").is_file()
    with pytest.raises(PermissionError, match=r"not released: refused: general answers kept 50.0% < 80.0%"):
        names["release"](card | {"forgetting": {"kept": 0.5}}, model)
    assert not (tmp_path / "package").exists(), "the archive of an earlier release must not stay beside a refusal"


def test_another_subject_and_no_promise_divide_without_a_common_question(tmp_path):
    """The clinic's dump, its formats and groups: nothing here is tied to the shop."""
    names, run = lesson("convert", "clean", "split"), Stages(tmp_path)
    chats = run.stage("convert", {"raw": data.SAMPLES / "dump" / "report.jsonl", "least": 60}, names["convert"]).folder / "chats.jsonl"
    clean = run.stage("clean", {"chats": chats, "secret": "s", "relevant": "врач|clinic|doctor|appointment|room|пациент|при[её]м|кабинет"}, names["clean"])
    assert clean.result["removed"]["off-topic"] > 100 and clean.result["rows"] > 60
    parts = run.stage("split", {"rows": clean.folder / "clean.jsonl", "held_out": None, "language": "both"}, names["divide"])
    learn, test = (data.read_chat(parts.folder / f"{part}.jsonl") for part in ("train", "test"))
    assert 0.1 < len(test) / (len(test) + len(learn)) < 0.4
    assert not {r["messages"][0]["content"] for r in learn} & {r["messages"][0]["content"] for r in test}


# ------------------------------------------------------------------------------------------ the page
def test_the_page_says_the_verdict_first_and_loads_nothing(tmp_path):
    from lib import plots

    figure, axis = plots.plt.subplots()
    plots.show(figure, "x", tmp_path / "x.png")
    verdict = metric.Verdict(False, "refused: P95 <b>600</b> > 500", ("refused: P95 <b>600</b> > 500", "kept   : all else"))
    done = [stages.Stage("sft", tmp_path, {}, 12.0, False)]
    page = run_report.write(tmp_path / "r.html", "Orders & more", verdict, done, {"Data": {"rows": "<7>"}, "Cards": "| | base |\n|---|---|\n| task | 3% |", "Picture": tmp_path / "x.png"})
    text = page.read_text(encoding="utf-8")
    assert text.index("Not released") < text.index("Data") < text.index("Cards") < text.index("in an earlier run")
    assert "<b>600</b>" not in text and "&lt;7&gt;" in text and "Orders &amp; more" in text and "<td>3%</td>" in text and "---" not in text
    assert "data:image/png;base64," in text and not re.search(r"https?://|<script|<link", text)


# ------------------------------------------------------------------------------------------ the shop's data
def test_the_committed_files_are_what_the_builder_writes(capsys):
    assert build_orders.main(["--check"]) == 0, capsys.readouterr().out


def said_in(letter: str, lang: str) -> tuple:
    """Item, problem and wish read off the words of the letter alone; written without the builder's functions."""
    t = build_orders.TEXTS[lang]
    low = re.sub("[\u200b\u00a0]+", " ", letter).replace("  ", " ").lower()

    def one(table):
        return [name for name, wordings in table.items() if any(w.format(i=item).lower() in low for w in wordings)]

    items = [i for i in t["items"] if re.search(rf"(?<!\w){i}(?!\w)", low)]
    assert len(items) == 1, letter
    item = items[0]
    problems, wishes = one(t["problems"]), one(t["wishes"])
    assert len(problems) == 1 and len(wishes) == 1, (letter, problems, wishes)
    return item, problems[0], wishes[0]


def test_every_ticket_follows_from_its_letter_and_new_combinations_are_held_out():
    labels = {row["id"]: row["defect"] for row in data.read_jsonl(ORDERS / "raw.labels.jsonl")}
    raw = []
    for line in (ORDERS / "raw.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        raw += [row] if "conversations" in row else []
    test, combinations = data.read_chat(ORDERS / "test.jsonl"), {"raw": Counter(), "test": Counter()}
    assert len(raw) >= 400 and len(test) >= 100 and {row["lang"] for row in test} == {"en", "ru"}
    for where, rows in (("raw", raw), ("test", test)):
        for row in rows:
            if labels.get(row["id"], "") in ("empty", "near"):
                continue
            chat = formats.to_messages(row)[0]["messages"]
            found = said_in(" ".join(turn["content"] for turn in chat if turn["role"] == "user"), row["lang"])
            assert json.loads(chat[-1]["content"]) == dict(zip(build_orders.TEXTS[row["lang"]]["keys"], found, strict=True))
            if labels.get(row["id"]) != "leak":
                combinations[where][row["lang"], *found] += 1
    assert not set(combinations["raw"]) & set(combinations["test"])
    seen = {(lang, part) for lang, *parts in combinations["raw"] for part in parts}
    assert {(lang, part) for lang, *parts in combinations["test"] for part in parts} <= seen, "a part of the test never occurs in training"
    assert Counter(labels.values()) == Counter(build_orders.PLANTED) + Counter({"": labels and sum(d == "" for d in labels.values())})


def test_personal_data_of_the_shop_belong_to_nobody():
    text = (ORDERS / "raw.jsonl").read_text(encoding="utf-8")
    assert all(m.endswith(".example") for m in re.findall(r"[\w.]+@[\w.]+\w", text)) and len(re.findall("@", text)) > 5
    assert all(re.fullmatch(r"212-555-01\d\d|\+7 \(495\) 000-00-\d\d", m) for m in re.findall(r"\+?\d[\d() -]{8,}\d", text))


# ------------------------------------------------------------------------------------------ exercises
@pytest.mark.parametrize("check, wrong, words", [
    (checks_capstone.seconds_lost, lambda seconds, at: at, "The first stage ended at 10 and stays"),
    (checks_capstone.again, lambda needs, changed: [s for s, i in needs.items() if changed in i], "what has the result of that"),
    (checks_capstone.rows_to_hold_out, lambda p, t: int(1.96**2 * p * (1 - p) / (p - t) ** 2), "Round up"),
])
def test_typical_mistakes_get_a_teaching_message(check, wrong, words):
    with pytest.raises(checks.WrongAnswer, match=words):
        check(wrong)
