"""What is sent to SageMaker: the source folder, the channels, and the request that starts the job.

    source = source_folder("build/ci/14/source")                     train.py, lib/, requirements.txt
    request = training_request("lora-1", role, channels, …)          the same for boto3 here and on AWS
"""

import re
import shutil
from pathlib import Path

from lib import local_jobs
from lib.data import ROOT

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.9.0-transformers5.3.0-gpu-py312-cu130-ubuntu22.04"
NEEDED = ("transformers", "tokenizers", "peft", "trl", "bitsandbytes", "accelerate", "datasets", "safetensors")  # the image brings torch
METRICS = [{"Name": "train:loss", "Regex": r"\bloss=([0-9.]+(?:e-?[0-9]+)?);"}, {"Name": "train:step", "Regex": r"\bstep=([0-9]+);"}]
COMMAND = ("cd /opt/ml/input/data/code && python3 train.py --check"  # a wrong setting is found before packages are installed
           " && { python3 train.py --installed || pip install -q -r requirements.txt; } && exec python3 train.py")


def source_folder(folder) -> Path:
    """train.py, the modules of lib and the pinned packages that the image lacks, fresh in `folder`."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "lib").mkdir(parents=True)
    for module in sorted((ROOT / "lib").glob("*.py")):
        shutil.copy(module, folder / "lib")
    shutil.copy(ROOT / "lib" / "sagemaker_train.py", folder / "train.py")
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    (folder / "requirements.txt").write_text("".join(re.search(rf"^{n}==[\w.]+", pins, re.MULTILINE)[0] + "\n" for n in NEEDED), encoding="utf-8")
    return folder


def upload(s3, path, uri: str) -> str:
    """A file or the files of a folder → S3 under `uri`; returns `uri`. Hidden files and __pycache__ stay here."""
    path = Path(path)
    bucket, prefix = local_jobs.place(uri)
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file() and not re.search(r"(^|/)(\.|__pycache__)", f.relative_to(path).as_posix()))
    if not files:
        raise FileNotFoundError(f"{path}: there is nothing to upload. Check the path.")
    for file in files:
        inside = file.name if path.is_file() else file.relative_to(path).as_posix()
        s3.upload_file(str(file), bucket, f"{prefix.rstrip('/')}/{inside}")
    return uri


def training_request(name: str, role: str, channels: dict[str, str], output: str, hyperparameters: dict, instance_type: str,
                     checkpoints: str = "", spot: bool = False, minutes: int = 60, image: str = IMAGE) -> dict:
    """The keywords of `create_training_job`: `training_request("a", role, {"train": "s3://…", "code": "s3://…"}, "s3://…", {"steps": 5}, "ml.g5.xlarge")`.

    Hyperparameters must be text in this API; the entry point is given, so the image needs no SageMaker toolkit inside.
    """
    request = {
        "TrainingJobName": name, "RoleArn": role, "HyperParameters": {k: str(v) for k, v in hyperparameters.items()},
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File", "MetricDefinitions": METRICS,
                                   "ContainerEntrypoint": ["bash", "-c"], "ContainerArguments": [COMMAND]},
        "InputDataConfig": [{"ChannelName": channel, "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}}} for channel, uri in channels.items()],
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": 50},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60 * minutes, **({"MaxWaitTimeInSeconds": 120 * minutes} if spot else {})},
        "EnableManagedSpotTraining": spot,
    }
    if checkpoints:
        request["CheckpointConfig"] = {"S3Uri": checkpoints}
    return request
