"""Ask a saved model through engines other than transformers, each in a process of its own.

    python -m lib.engines                                    installs them into build/engines, once (78 MB)
    answers("llama.cpp", "clinic.gguf", prompts, 40)         → Spoken(texts=[…], seconds=0.9)
    answers("ctranslate2", "folder with safetensors", prompts, 40)

llama.cpp (inside the wheel xllamacpp) is what Ollama, LM Studio and many local servers are built on; CTranslate2 is an
independent engine in C++. Neither is needed by the course; without them `missing` says what to run.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lib.data import ROOT

FOLDER = ROOT / "build" / "engines"
WHEELS = {"llama.cpp": "xllamacpp==2026.10.11549", "ctranslate2": "ctranslate2==4.8.5"}
LONGEST = 3600  # seconds for all prompts of one call


@dataclass(frozen=True)
class Spoken:
    texts: list[str]
    seconds: float  # for the answers alone; loading is left out


def missing(engine: str) -> str:
    """"" if the engine is there, else what to do."""
    package = WHEELS[engine].split("==")[0]
    return "" if (FOLDER / package).is_dir() else f"{engine} is not installed; where there is a network: python -m lib.engines"


def answers(engine: str, model, prompts: list[str], max_new_tokens: int) -> Spoken:
    """Greedy continuations of rendered prompts. `model`: a GGUF file for llama.cpp, a saved folder for CTranslate2.

    Raises RuntimeError, with the last lines of the engine's log, when the engine is missing or stops.
    """
    if missing(engine):
        raise RuntimeError(missing(engine))
    with tempfile.TemporaryDirectory() as work:
        order = {"engine": engine, "model": str(Path(model).resolve()), "prompts": prompts, "most": max_new_tokens, "work": work}
        Path(work, "order.json").write_text(json.dumps(order), encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "lib.engines", work], cwd=ROOT, capture_output=True, timeout=LONGEST)
        result = Path(work, "result.json")
        if done.returncode or not result.is_file():
            raise RuntimeError(f"{engine} stopped: {done.stderr.decode(errors='replace')[-600:]}")
        return Spoken(**json.loads(result.read_text(encoding="utf-8")))


def _llama_cpp(order: dict) -> tuple[list[str], float]:
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = order["model"]
    settings.n_ctx, settings.n_parallel, settings.warmup = 1024, 1, False
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server, texts, started = xllamacpp.Server(settings), [], time.perf_counter()
    for prompt in order["prompts"]:
        said = server.handle_completions({"prompt": prompt, "max_tokens": order["most"], "temperature": 0.0})
        texts.append(said["choices"][0]["text"])
    return texts, time.perf_counter() - started


def _ctranslate2(order: dict) -> tuple[list[str], float]:
    import ctranslate2
    from ctranslate2.converters import TransformersConverter
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(order["model"])
    converted = TransformersConverter(order["model"]).convert(str(Path(order["work"], "converted")))
    generator = ctranslate2.Generator(converted, device="cpu", compute_type="float32", intra_threads=1)
    texts, started = [], time.perf_counter()
    for prompt in order["prompts"]:
        tokens = tokenizer.convert_ids_to_tokens(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        said = generator.generate_batch([tokens], max_length=order["most"], sampling_topk=1, include_prompt_in_result=False,
                                        end_token=tokenizer.eos_token)
        texts.append(tokenizer.decode(said[0].sequences_ids[0], skip_special_tokens=True))
    return texts, time.perf_counter() - started


def _work(folder: Path) -> None:
    sys.path.append(str(FOLDER))  # behind everything: no package of the course is replaced
    order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
    texts, seconds = {"llama.cpp": _llama_cpp, "ctranslate2": _ctranslate2}[order["engine"]](order)
    (folder / "result.json").write_text(json.dumps({"texts": texts, "seconds": seconds}), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _work(Path(sys.argv[1]))
    else:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:", "--upgrade", "--target",
                        str(FOLDER), *WHEELS.values()], check=True)
        print(f"{', '.join(WHEELS)} in {FOLDER.relative_to(ROOT)}")
