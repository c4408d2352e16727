"""code/inference.py of a model.tar.gz: the four functions that SageMaker's Hugging Face toolkit looks for.

    model_fn(folder) → model          input_fn(body, type) → request
    predict_fn(requests, model) → answers          output_fn(answer, accept) → body

and a fifth that the course's own server looks for: stream_fn(request, model, give) calls give(text) piece by piece.

It stands alone: inside the archive there is no lib. A request is `{"inputs": "a question"}` or a list of chat turns,
with `"parameters": {"max_new_tokens": 32}`, `"adapter": "name"` and `"stream": true` if wanted; the answer is
`{"generated_text": "…"}`. Greedy, in batches.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TextStreamer

MOST_TOKENS = 512  # a request may not keep the machine for longer than this
ADAPTERS: list[str] = []  # the names that a request may ask for; filled by model_fn, because input_fn never sees the model


class BadRequest(ValueError):
    """The client's fault: answered with status 400 and this message."""


def model_fn(model_dir, context=None):
    """The archive's folder → (model, tokenizer): base/, with adapter/ merged into it or adapters/<name>/ beside it."""
    folder = Path(model_dir)
    base = folder / "base" if (folder / "base").is_dir() else folder
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32 if device == "cpu" else "auto", use_safetensors=True, trust_remote_code=False)
    if (folder / "adapter").is_dir():
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, folder / "adapter").merge_and_unload()  # no second product at every layer
    ADAPTERS[:] = sorted(f.name for f in folder.glob("adapters/*") if f.is_dir())
    if ADAPTERS:  # the base is held once; each adapter adds its own small matrices
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, folder / "adapters" / ADAPTERS[0], adapter_name=ADAPTERS[0])
        for name in ADAPTERS[1:]:
            model.load_adapter(folder / "adapters" / name, adapter_name=name)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device).eval(), tokenizer


def input_fn(body, content_type="application/json", context=None):
    """Bytes → {"chat": [...], "max_new_tokens": n, "adapter": name or "", "stream": bool}. Raises BadRequest with what to change."""
    if content_type.split(";")[0].strip() != "application/json":
        raise BadRequest(f"content type {content_type!r} is not supported: send application/json")
    try:
        request = json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body is no JSON ({error})") from None
    if not isinstance(request, dict) or "inputs" not in request:
        raise BadRequest('the body must be an object with the field "inputs"')
    given, parameters = request["inputs"], request.get("parameters", {})
    chat = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(chat, list) or not chat or not all(isinstance(t, dict) and isinstance(t.get("content"), str) and "role" in t for t in chat):
        raise BadRequest('"inputs" must be a text or a list of turns with "role" and "content"')
    wanted = parameters.get("max_new_tokens", 64) if isinstance(parameters, dict) else None
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= MOST_TOKENS:
        raise BadRequest(f'"max_new_tokens" must be a whole number from 1 to {MOST_TOKENS}')
    adapter, stream = request.get("adapter", ""), request.get("stream", False)
    if adapter and adapter not in ADAPTERS:
        raise BadRequest(f'there is no adapter {adapter!r} here; "adapter" may be {", ".join(ADAPTERS) or "left out only"}')
    if not isinstance(stream, bool):
        raise BadRequest('"stream" must be true or false')
    return {"chat": chat, "max_new_tokens": wanted, "adapter": adapter, "stream": stream}


@torch.inference_mode()
def predict_fn(requests, model_and_tokenizer, context=None):
    """One request or a list of them → as many answers. A list is computed in one batch, padded on the left."""
    model, tokenizer = model_and_tokenizer
    if isinstance(requests, dict):
        return predict_fn([requests], model_and_tokenizer)[0]
    new = _generate(requests, model, tokenizer)  # (B, T_new)
    kept = [ids[: r["max_new_tokens"]] for ids, r in zip(new, requests, strict=True)]
    return [{"generated_text": tokenizer.decode(ids, skip_special_tokens=True).strip()} for ids in kept]


@torch.inference_mode()
def stream_fn(request, model_and_tokenizer, give):
    """Calls `give(text)` with each finished word; together they are predict_fn's answer. What `give` raises ends the work."""
    model, tokenizer = model_and_tokenizer

    class Words(TextStreamer):
        def on_finalized_text(self, text, stream_end=False):
            if text:
                give(text)

    _generate([request], model, tokenizer, streamer=Words(tokenizer, skip_prompt=True, skip_special_tokens=True))


def _generate(requests, model, tokenizer, **more):
    """The new token ids (B, T_new) of one batch, in which each row may ask for another adapter."""
    prompts = [tokenizer.apply_chat_template(r["chat"], tokenize=False, add_generation_prompt=True) for r in requests]
    batch = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False).to(model.device)  # (B, T)
    ends = model.generation_config.eos_token_id
    ends = sorted({tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None})
    if ADAPTERS and hasattr(model, "peft_config"):
        more["adapter_names"] = [r.get("adapter") or "__base__" for r in requests]  # PEFT computes each row with its own
    output = model.generate(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], do_sample=False, eos_token_id=ends,
                            max_new_tokens=max(r["max_new_tokens"] for r in requests), pad_token_id=tokenizer.pad_token_id, **more)
    return output[:, batch["input_ids"].shape[1]:]


def output_fn(prediction, accept="application/json", context=None):
    """The body alone: the toolkit sends whatever comes back here, so a pair of body and type would arrive as a list."""
    return json.dumps(prediction, ensure_ascii=False)
