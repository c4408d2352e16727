"""The training script of the job: the same file on this machine and on AWS (in the source folder it is called train.py).

It knows nothing of where it runs. It reads what the container contract gives it and writes what the contract asks for:

    reads   input/config/hyperparameters.json     input/data/train, input/data/model (or a Hub id), checkpoints/
    writes  model/ (becomes model.tar.gz)         checkpoints/          output/failure, when it fails

The folder is /opt/ml, or what SM_MODEL_DIR, SM_CHANNEL_… and SAGEMAKER_BASE_DIR name. Hyperparameters are checked before
torch is imported and packages are installed, so that a typing error costs a second and not a started GPU.
"""

import difflib
import importlib.metadata
import json
import os
import sys
import traceback
from pathlib import Path

METHODS = ("lora", "qlora", "full", "dpo")
SETTINGS = {  # name: (kind, default, least, most)
    "method": (str, "lora", None, None),
    "model_id": (str, "", None, None),  # a Hub id, used when there is no channel named model
    "steps": (int, 100, 1, 10**7), "batch_size": (int, 8, 1, 4096), "learning_rate": (float, 1e-3, 1e-9, 1.0),
    "rank": (int, 16, 1, 1024), "alpha": (int, 32, 1, 4096), "beta": (float, 0.1, 1e-4, 10.0),
    "max_length": (int, 1024, 8, 10**6), "save_every": (int, 0, 0, 10**7), "seed": (int, 0, 0, 2**31), "rows": (int, 0, 0, 10**9),
}


class JobError(Exception):
    """What the person who submitted the job should read: it goes into the failure file."""


# ------------------------------------------------------------------------------------------------ the contract
def folder(name: str) -> Path:
    """`folder("model")` → /opt/ml/model, or where SM_MODEL_DIR or SAGEMAKER_BASE_DIR moved it."""
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    named = {"model": "SM_MODEL_DIR", "output": "SM_OUTPUT_DIR", "input": "SM_INPUT_DIR"}.get(name)
    return Path(os.environ.get(named, base / name)) if named else base / name


def channel(name: str) -> Path | None:
    """`channel("train")` → the folder of that channel; None when the job has no such channel."""
    path = Path(os.environ.get(f"SM_CHANNEL_{name.upper()}", folder("input") / "data" / name))
    return path if path.is_dir() else None


def settings(given: dict) -> dict:
    """`settings({"steps": "40"})["steps"]` → 40, the rest as in SETTINGS. Hyperparameters arrive as text.

    Raises JobError for an unknown name (with the nearest one), a value of another kind, or one out of range.
    """
    found = {name: default for name, (_, default, _, _) in SETTINGS.items()}
    for name, text in given.items():
        if name.startswith("sagemaker_"):
            continue  # the SDK's own
        if name not in SETTINGS:
            near = difflib.get_close_matches(name, SETTINGS, n=1)
            raise JobError(f"unknown hyperparameter {name!r}" + (f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(SETTINGS)}."))
        kind, _, least, most = SETTINGS[name]
        text = str(text).strip('"')  # the SDK encodes text as JSON
        try:
            found[name] = kind(text)
        except ValueError:
            raise JobError(f"hyperparameter {name}={text!r} is not {'a whole number' if kind is int else 'a number'}.") from None
        if least is not None and not least <= found[name] <= most:
            raise JobError(f"hyperparameter {name}={text} is out of range: {least} to {most}.")
    if found["method"] not in METHODS:
        raise JobError(f"hyperparameter method={found['method']!r}: write one of {', '.join(METHODS)}.")
    return found


def training_files() -> list[Path]:
    """The JSONL files of the channel `train`. Raises JobError when the channel or its files are missing."""
    place = channel("train")
    if place is None:
        present = folder("input") / "data"
        others = ", ".join(sorted(p.name for p in present.iterdir())) if present.is_dir() else ""
        raise JobError(f"the channel 'train' is missing; this job has: {others or 'none'}. Add it to InputDataConfig.")
    files = sorted(place.rglob("*.jsonl"))
    if not files:
        raise JobError("the channel 'train' holds no .jsonl file. Check its S3Uri: a prefix must end where the files begin.")
    return files


def missing_packages(requirements: Path) -> list[str]:
    """The lines `name==version` of the file that are not what is installed here."""
    found = []
    for line in requirements.read_text(encoding="utf-8").split():
        name, _, version = line.partition("==")
        try:
            found += [line] if importlib.metadata.version(name) != version else []
        except importlib.metadata.PackageNotFoundError:
            found.append(line)
    return found


def main(arguments: list[str]) -> int:
    """`train.py` trains; `train.py --check` only checks; `train.py --installed` is 0 when nothing must be installed first."""
    if arguments == ["--installed"]:
        return 1 if missing_packages(Path(__file__).with_name("requirements.txt")) else 0
    try:
        given = folder("input") / "config" / "hyperparameters.json"
        wanted = settings(json.loads(given.read_text(encoding="utf-8")) if given.is_file() else {})
        files = training_files()
        base = str(channel("model") or wanted["model_id"])
        if not base:
            raise JobError("there is no base model: add a channel named 'model', or the hyperparameter model_id.")
        if arguments == ["--check"]:
            return 0
        # imports torch: only now, when everything that can be checked is checked
        from lib import sagemaker_job

        record = sagemaker_job.train(wanted, files, base, model_dir=folder("model"), checkpoints=folder("checkpoints"))
        if record is None:
            return 143  # ended by a warning, as a process that SIGTERM has ended; the checkpoint is written
        if record.get("rank"):
            return 0  # one of several processes: the first one writes
        (folder("model") / "training.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        print(f"done; seconds={record['seconds']}", flush=True)
        return 0
    except Exception as error:
        text = str(error) if isinstance(error, JobError) else f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        folder("output").mkdir(parents=True, exist_ok=True)
        (folder("output") / "failure").write_text(text, encoding="utf-8")  # SageMaker shows its first 1,024 characters
        print(text, file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # a launcher may add the hyperparameters as arguments; they are read from the file
