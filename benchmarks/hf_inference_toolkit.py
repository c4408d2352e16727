"""Does lesson 15's model.tar.gz load in AWS's own Hugging Face inference toolkit, and does it answer the same there?

    python benchmarks/hf_inference_toolkit.py

The toolkit and the parts of its model server that it imports are put into a temporary folder (--no-deps, so that no pin of
the course moves). The archive is packed as the lesson packs it, with the sample adapter, unpacked as SageMaker does, and
given to the toolkit's `HuggingFaceHandlerService`, which finds code/inference.py by itself. Each answer goes through the
model server's own encoder, as it would on its way to the client, and is compared with `evaluate.answer`. Writes
benchmarks/results/hf_inference_toolkit.json. No times: nothing here is a race. The server itself (Java) is not started.
"""

import importlib.metadata
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ("sagemaker-huggingface-inference-toolkit==2.6.0", "sagemaker-inference==1.10.1", "multi-model-server==1.1.11", "retrying==1.3.4", "six==1.17.0",
        "Pillow==12.0.0", "setuptools==80.9.0")
ROWS = 20


def pack(folder: Path) -> Path:
    """The lesson's own cell packs; the archive is unpacked at the path that the container has for it."""
    import nbformat

    from lib import data, models, sagemaker_inference

    cells = {c["id"]: c.source for c in nbformat.read(ROOT / "notebooks" / "15_sagemaker_deployment.ipynb", as_version=4).cells}
    given = {"io": io, "tarfile": tarfile, "models": models, "sagemaker_inference": sagemaker_inference, "MODEL": "tiny",
             "adapter": data.SAMPLES / "adapters" / "shorthand-tiny"}
    exec(compile(cells["pack"], "pack", "exec"), given)
    with tarfile.open(fileobj=io.BytesIO(given["packed"])) as archive:
        archive.extractall(folder, filter="data")
    return folder


def inside(model: str) -> None:
    """Runs in a process of its own, with the toolkit on its path: one answer a line of the standard input."""
    import transformers.file_utils  # the toolkit asks it for a function that transformers 5 no longer has

    if not hasattr(transformers.file_utils, "is_tf_available"):
        transformers.file_utils.is_tf_available = lambda: False
    from mms.context import Context, RequestProcessor
    from mms.metrics.metrics_store import MetricsStore
    from mms.protocol.otf_message_handler import create_predict_response
    from mms.service import PredictionException
    from sagemaker_huggingface_inference_toolkit.handler_service import HuggingFaceHandlerService

    service, context = HuggingFaceHandlerService(), Context("model", model, {}, 1, None, "1.1.11")
    for line in sys.stdin:
        context.request_processor = [RequestProcessor({"Content-Type": "application/json"})]
        context.request_ids, context.metrics = {0: "0"}, MetricsStore({0: "0"}, "model")
        try:
            body = create_predict_response(service.handle([{"body": line.encode()}], context), {0: "0"}, "ok", 200, context)
            print("answer", json.dumps({"sent": body.hex()}), flush=True)
        except PredictionException as error:
            print("answer", json.dumps({"refused": str(error)}), flush=True)


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from peft import PeftModel

    from lib import data, evaluate, machine, models, results

    rows = data.sample("shorthand", "test")[:ROWS]
    model, tokenizer = models.load("tiny", device="cpu")
    wanted = evaluate.answer(PeftModel.from_pretrained(model, data.SAMPLES / "adapters" / "shorthand-tiny").eval(), tokenizer,
                             [data.question(r) for r in rows], max_new_tokens=64)
    with tempfile.TemporaryDirectory() as folder:
        toolkit = Path(folder, "toolkit")
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target", str(toolkit), *PINS], check=True)
        unpacked = pack(Path(folder, "model"))
        lines = [json.dumps({"inputs": data.question(r), "parameters": {"max_new_tokens": 64}}) for r in rows] + ['{"prompt": "HTN"}']
        # the image's own names for the code's place; nothing of the course's lib is on the path inside
        variables = os.environ | {"PYTHONPATH": str(toolkit), "SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_BASE_DIR": folder, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run([sys.executable, __file__, "inside", str(unpacked)], input="\n".join(lines) + "\n", env=variables, cwd=folder,
                              capture_output=True, text=True, timeout=900)
    found = [json.loads(line.removeprefix("answer ")) for line in done.stdout.splitlines() if line.startswith("answer ")]
    if len(found) != len(lines):
        raise RuntimeError(f"{len(found)} of {len(lines)} requests were answered. Its last lines:\n{done.stderr[-1500:]}")
    same = sum(json.dumps({"generated_text": text}, ensure_ascii=False).encode().hex() in f.get("sent", "") for text, f in zip(wanted, found, strict=False))
    record = {"toolkit": PINS[:3], "transformers": importlib.metadata.version("transformers"), "python": str(machine.inspect()).split(" · ")[0],
              "requests": ROWS, "answers_equal": same, "bad_request_refused_with": found[-1].get("refused", "not refused"),
              "shim": "transformers.file_utils.is_tf_available, which transformers 5 no longer has", "model_server_started": False}
    results.write_json(ROOT / "benchmarks" / "results" / "hf_inference_toolkit.json", record)
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    inside(sys.argv[2]) if sys.argv[1:2] == ["inside"] else main()
