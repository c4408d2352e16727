"""Does EleutherAI's lm-evaluation-harness count the same forgetting as the course's report card? 100 general questions, offline.

    python benchmarks/lm_evaluation_harness.py

The harness and the packages that it adds are put into a temporary folder (--no-deps, so that no pin of the course moves). The
questions become a task of its own kind, a YAML file and a JSONL file; prompts, generation and scoring are the harness's. For the
base and both sample adapters the script compares its answers with those of `lib.evaluate`, letter by letter, its exact match
(any accepted answer, case and punctuation ignored) with ours (an accepted answer as a word of the first line), and the paired
test. Writes benchmarks/results/lm_evaluation_harness.json. No times: nothing here is a race.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ("lm_eval==0.4.13", "evaluate==0.4.6", "sacrebleu==2.6.0", "rouge_score==0.1.2", "nltk==3.10.4", "absl-py==2.5.1", "sqlitedict==2.1.0", "word2number==1.1",
        "more-itertools==11.2.1", "pytablewriter==1.2.1", "DataProperty==1.1.1", "mbstrdecoder==1.1.5", "pathvalidate==3.3.1", "tabledata==1.3.5", "tabulate==0.10.0",
        "tcolorpy==0.1.7", "typepy==1.3.5", "chardet==7.7.0", "colorama==0.4.6", "lxml==6.1.3")
ADAPTERS = {"base": "", "shorthand-tiny": "data/samples/adapters/shorthand-tiny", "careful-tiny": "data/samples/adapters/careful-tiny"}
TOKENS = 24  # of an answer, at most, as in lib.evaluate.general
TASK = """task: course_general
dataset_path: json
dataset_kwargs:
  data_files: {file}
test_split: train
output_type: generate_until
doc_to_text: question
doc_to_target: answers
generation_kwargs:
  until: ["\\n"]
  max_gen_toks: {tokens}
  do_sample: false
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
    ignore_punctuation: true
"""


def harness_answers(folder: Path, adapter: str) -> list[dict]:
    """Runs in a process of its own, with the harness on its path: [{"answer": …, "right": …}] in the order of the questions."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    arguments = "pretrained=data/samples/tiny-base,dtype=float32" + (f",peft={adapter}" if adapter else "")
    found = simple_evaluate(model="hf", model_args=arguments, tasks=["course_general"], task_manager=TaskManager(include_path=str(folder), include_defaults=False),
                            device="cpu", batch_size=50, apply_chat_template=True, log_samples=True, bootstrap_iters=0)
    samples = sorted(found["samples"]["course_general"], key=lambda sample: sample["doc_id"])
    return [{"answer": sample["resps"][0][0].strip(), "right": bool(sample["exact_match"])} for sample in samples]


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from lib import data, evaluate, models, report_card, results

    rows = data.read_jsonl(data.SAMPLES / "general" / "questions.jsonl")
    record = {"versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft")} | {"lm_eval": PINS[0].partition("==")[2]}, "models": {}}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder / "packages"), *PINS], check=True)
        data.write_jsonl(folder / "questions.jsonl", rows)
        data.write_text(folder / "course_general.yaml", TASK.format(file=folder / "questions.jsonl", tokens=TOKENS))
        before = {}
        for name, adapter in ADAPTERS.items():
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "packages"), str(ROOT)]), "HF_DATASETS_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
            subprocess.run([sys.executable, __file__, "--inside", str(folder), adapter, str(folder / "answers.json")], cwd=ROOT, env=environment, check=True)
            theirs = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
            model, tokenizer = models.load("tiny")
            if adapter:
                from peft import PeftModel

                model = PeftModel.from_pretrained(model, ROOT / adapter)
            said = evaluate.answer(model, tokenizer, [row["question"] for row in rows], TOKENS)
            ours = [evaluate.general_correct(text, row["answers"]) for text, row in zip(said, rows, strict=True)]
            counted = {"harness": [one["right"] for one in theirs], "course": ours}
            before = before or counted
            record["models"][name] = {
                "same_answers": sum(one["answer"] == text.split("\n")[0].strip() for one, text in zip(theirs, said, strict=True)), "questions": len(rows),
                "judged_alike": sum(a == b for a, b in zip(*counted.values(), strict=True)),
                **{who: {"right": sum(hits), **report_card.forgetting(before[who], hits)} for who, hits in counted.items()}}
            print(name, record["models"][name], flush=True)
    results.write_json(Path(__file__).parent / "results" / "lm_evaluation_harness.json", record)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        Path(sys.argv[4]).write_text(json.dumps(harness_answers(Path(sys.argv[2]), sys.argv[3]), ensure_ascii=False), encoding="utf-8")
    else:
        main()
