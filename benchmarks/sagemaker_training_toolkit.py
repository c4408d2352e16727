"""Does lesson 14's training script run unchanged under AWS's own launcher, the public sagemaker-training toolkit?

    python benchmarks/sagemaker_training_toolkit.py

The toolkit is put beside the course (build/sagemaker_training, with --no-deps, so that no pin of the course moves) and started
as the job's entry point on the local endpoint. Each job is run a second time without it, by `python train.py`: the
weights must be the same bytes. A job that is killed and resumed must end with those weights too, and the reasons of two jobs
that must fail have to come through. Writes benchmarks/results/sagemaker_training_toolkit.json. No times: nothing here is a race.
"""

import argparse
import hashlib
import importlib.metadata
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib import data, local_jobs, local_sagemaker, machine, models, results, sagemaker_package  # noqa: E402

HERE = Path(__file__).resolve().parent
PINS = ("sagemaker-training==5.1.4", "retrying==1.4.2", "gevent==26.9.0", "greenlet==3.5.6", "zope.event==6.2", "zope.interface==8.7",
        "inotify_simple==1.2.1")
BASE = f"s3://{local_sagemaker.BUCKET}/toolkit"
SETTINGS = {"steps": 12, "batch_size": 4, "learning_rate": 3e-3, "rows": 64, "save_every": 4}


def install(folder: Path) -> None:
    if not (folder / "sagemaker_training").is_dir():
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target", str(folder), *PINS], check=True)


def request(name: str, toolkit: Path | None, settings: dict, spot: bool = False, channels: tuple = ("code", "train", "model")) -> dict:
    """The lesson's request; with `toolkit` its `train` command starts the script instead of ours."""
    wanted = SETTINGS | settings
    rows = "pairs" if wanted["method"] == "dpo" else "chats"
    where = {c: f"{BASE}/{rows if c == 'train' else c}" for c in channels}
    made = sagemaker_package.training_request(name, local_sagemaker.ROLE, where, f"{BASE}/out", wanted, "ml.g5.xlarge", spot=spot,
                                              checkpoints=f"{BASE}/checkpoints/{name}")
    if toolkit:
        made["AlgorithmSpecification"] |= {"ContainerEntrypoint": ["python3"], "ContainerArguments": ["-m", "sagemaker_training.cli.train"]}
        made["HyperParameters"] |= {"sagemaker_program": "train.py", "sagemaker_submit_directory": "input/data/code"}
        # no container, no host named algo-1: the variable switches the toolkit's wait for its address off
        made["Environment"] = {"PYTHONPATH": str(toolkit), "SM_STUDIO_LOCAL_MODE": "true"}
    return made


def run(cloud, wanted: dict, interrupt: bool = False) -> dict:
    sagemaker, s3, name = cloud.client("sagemaker"), cloud.client("s3"), wanted["TrainingJobName"]
    sagemaker.create_training_job(**wanted)
    job, prefix = cloud.server.jobs[name], local_jobs.place(f"{BASE}/checkpoints/{name}/checkpoint-4/trainer_state.json")[1]
    while interrupt and not job.ended and not s3.list_objects_v2(Bucket=local_sagemaker.BUCKET, Prefix=prefix).get("Contents"):
        time.sleep(0.1)
    if interrupt:
        job.interrupt()
    done = local_sagemaker.wait(sagemaker, name)
    print(f"{name}: {done['TrainingJobStatus']} {done.get('FailureReason', '')}", flush=True)
    found = {"status": done["TrainingJobStatus"], "attempts": job.attempts, "reason": done.get("FailureReason", "").split(", exit code")[0]}
    if "ModelArtifacts" in done:
        found["weights"] = weights(s3, done["ModelArtifacts"]["S3ModelArtifacts"])
    # its own words, so that nobody takes a job without it for one with it
    found["toolkit"] = any("sagemaker-training-toolkit" in line or "sagemaker_training" in line for _, line in job.lines)
    return found


def weights(s3, uri: str) -> dict[str, str]:
    """safetensors file → SHA-256, out of model.tar.gz."""
    bucket, key = local_jobs.place(uri)
    with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as archive:
        return {m.name: hashlib.sha256(archive.extractfile(m).read()).hexdigest() for m in archive if m.name.endswith(".safetensors")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--toolkit", type=Path, default=HERE.parent / "build" / "sagemaker_training", help="the folder that pip fills")
    toolkit = parser.parse_args().toolkit.resolve()
    install(toolkit)
    with tempfile.TemporaryDirectory() as folder, local_sagemaker.open_cloud("local", Path(folder) / "cloud") as cloud:
        data.write_jsonl(Path(folder) / "chats" / "train.jsonl", data.sample("shorthand", "train", "en")[:64])
        data.write_jsonl(Path(folder) / "pairs" / "train.jsonl", data.read_jsonl(data.SAMPLES / "preferences" / "train.jsonl")[:64])
        places = {"code": sagemaker_package.source_folder(Path(folder) / "source"), "chats": Path(folder) / "chats", "pairs": Path(folder) / "pairs",
                  "model": models.local_folder("tiny")}
        for name, path in places.items():
            sagemaker_package.upload(cloud.client("s3"), path, f"{BASE}/{name}")
        rows = {}
        for method in ("lora", "qlora", "full", "dpo"):
            plain, under = (run(cloud, request(f"{method}-{kind}", t, {"method": method})) for kind, t in (("plain", None), ("toolkit", toolkit)))
            rows[method] = {"plain": plain, "toolkit": under, "same_weights": bool(plain.get("weights")) and plain["weights"] == under.get("weights")}
        killed = run(cloud, request("lora-killed", toolkit, {"method": "lora"}, spot=True), interrupt=True)
        rows["lora, killed and resumed"] = {"toolkit": killed, "same_weights": killed.get("weights") == rows["lora"]["plain"]["weights"]}
        failures = {"a misspelt hyperparameter": run(cloud, request("misspelt", toolkit, {"method": "lora", "learning_rte": 0.1})),
                    "the channel train is missing": run(cloud, request("no-train", toolkit, {"method": "lora"}, channels=("code", "model")))}
    record = {"date": time.strftime("%Y-%m-%d"), "hardware": machine.hardware(), "python": sys.version.split()[0], "model": "tiny", "settings": SETTINGS,
              "versions": {n: importlib.metadata.version(n) for n in ("torch", "transformers", "peft", "trl")}, "toolkit": list(PINS),
              "jobs": rows, "failures": failures}
    results.write_json(HERE / "results" / "sagemaker_training_toolkit.json", record)
    write_table(record)
    for name, row in rows.items():
        print(f"{name}: {row['toolkit']['status']} in {row['toolkit']['attempts']} attempt(s); same weights as without the toolkit: {row['same_weights']}")
    for what, row in failures.items():
        print(f"{what}: {row['status']}: {row['reason']}")


def write_table(record: dict) -> None:
    """Fill the table in README.md."""
    lines = [f"{record['date']}, {record['hardware']}, Python {record['python']}, torch {record['versions']['torch']}, {record['toolkit'][0]}.", "",
             "| job, started by the toolkit | ended | attempts | weights are those of the job without it |", "|---|---|---:|---|"]
    lines += [f"| {name} | {row['toolkit']['status']} | {row['toolkit']['attempts']} | {'yes' if row['same_weights'] else 'no'} |" for name, row in record["jobs"].items()]
    lines += ["", "| job that must fail | its FailureReason |", "|---|---|", *(f"| {what} | `{row['reason']}` |" for what, row in record["failures"].items())]
    readme, mark = HERE / "README.md", "<!-- results: sagemaker_training_toolkit -->"
    before, rest = readme.read_text(encoding="utf-8").split(mark)
    table = "\n".join(lines)
    data.write_text(readme, f"{before}{mark}\n{table}\n<!-- /results -->{rest.split('<!-- /results -->', 1)[1]}")


if __name__ == "__main__":
    main()
