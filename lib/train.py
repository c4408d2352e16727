"""Chat rows to labelled token ids, and one supervised training run through TRL.

Three choices make this path as fast as a hand-written loop (benchmarks/README.md has the figures):
rows are tokenised once, before the trainer; on a CPU the loss is computed at the labelled positions
only, where TRL 1.16 scores every position against the whole vocabulary; and a CPU that multiplies
bfloat16 in hardware does so (weights and optimiser stay in float32).
"""

import contextlib
import copy
import logging
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from datasets import Dataset
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from lib.data import DataError, chat_problem


@dataclass
class Run:
    """What came out of a training: the model, its curves and its cost."""

    model: torch.nn.Module
    history: list[dict] = field(default_factory=list)  # {"step", "loss", "learning_rate", "eval_loss"?…}
    seconds: float = 0.0
    trained_tokens: int = 0  # tokens the model read, padding left out
    trainable: int = 0
    total: int = 0

    def curve(self, name: str) -> tuple[list[int], list[float]]:
        """`run.curve("loss")` → (steps, values)."""
        points = [(h["step"], h[name]) for h in self.history if name in h]
        return [s for s, _ in points], [v for _, v in points]


def tokenize(rows, tokenizer, max_length: int = 1024) -> list[dict]:
    """Chat rows → `{"input_ids": [...], "labels": [...]}`; labels are −100 except on the answers.

    Every assistant turn is labelled, up to and including the token that ends it: a model that is not
    taught its EOS never stops. Raises ValueError when a row does not fit into `max_length`, when its
    EOS would not be labelled, or when BOS comes twice.
    """
    examples = []
    for number, row in enumerate(rows, start=1):
        problem = chat_problem(row)
        if problem:
            raise DataError("rows given to tokenize", number, *problem)
        ids, labels = tokenize_chat(row["messages"], tokenizer)
        if len(ids) > max_length:
            raise ValueError(f"row {number} has {len(ids)} tokens, more than max_length={max_length}. "
                             "Raise max_length, or shorten or drop the row; cutting it would cut the answer's end.")
        examples.append({"input_ids": ids, "labels": labels})
    return examples


def tokenize_chat(messages: list[dict], tokenizer) -> tuple[list[int], list[int]]:
    """One conversation → (ids, labels). Works with any template that renders turns one after another."""
    def render(turns, prompt=False):
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt)
        return tokenizer(text, add_special_tokens=False)["input_ids"]  # the template writes BOS itself

    ids = render(messages)
    labels = [-100] * len(ids)
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start = len(render(messages[:i], prompt=True))
        until_here = ids if i == len(messages) - 1 else render(messages[: i + 1])
        end = len(until_here)
        if ids[:end] != until_here:
            raise ValueError("this chat template renders earlier turns differently when more turns follow, so "
                             "answers can't be located by prefix. Train on one answer per row instead.")
        while end > start and ids[end - 1] not in _turn_ends(tokenizer):
            end -= 1  # a newline after the end-of-turn token is not the model's to say
        if end == start:
            raise ValueError(f"turn {i} has no end-of-turn token ({tokenizer.eos_token!r}) after the answer: a model "
                             "trained on this never learns to stop. Check the tokenizer's eos_token and template.")
        labels[start:end] = ids[start:end]
    if tokenizer.bos_token_id is not None and ids[:2] == [tokenizer.bos_token_id] * 2:
        raise ValueError("BOS appears twice at the start. Render with add_special_tokens=False.")
    return ids, labels


def _turn_ends(tokenizer) -> set[int]:
    # Gemma ends turns with <end_of_turn> while its eos_token is <eos>; Llama 3 with <|eot_id|>
    names = ["<|im_end|>", "<end_of_turn>", "<turn|>", "<|eot_id|>"]
    unknown = {None, tokenizer.unk_token_id}
    return {i for i in tokenizer.convert_tokens_to_ids(names) if i not in unknown} | {tokenizer.eos_token_id}


def label_table(messages: list[dict], tokenizer) -> list[tuple[str, bool]]:
    """(text of a token, is it labelled?) for one conversation: what a loss mask really covers."""
    ids, labels = tokenize_chat(messages, tokenizer)
    return [(tokenizer.decode([i]), label != -100) for i, label in zip(ids, labels, strict=True)]


class LabelledTokensTrainer(SFTTrainer):
    """TRL's SFTTrainer; on a CPU it scores the vocabulary at the labelled positions only.

    The loss is the same number (tests/test_train.py). It is TRL's own advice to override `compute_loss`.
    """

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        plain = inputs["input_ids"].device.type == "cpu" and not return_outputs and not self._prompt_learning()
        if not plain:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        labels = inputs["labels"][:, 1:]  # (B, T-1)
        kept = labels != -100
        with self.accelerator.autocast():  # the trainer wraps `model.forward`, which is not called here
            hidden = causal.base_model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"],
                                       use_cache=False).last_hidden_state[:, :-1]  # (B, T-1, H)
            logits = causal.get_output_embeddings()(hidden[kept])  # (labelled, V)
        count = kept.sum() if num_items_in_batch is None else num_items_in_batch
        loss = torch.nn.functional.cross_entropy(logits.float(), labels[kept], reduction="sum") / count
        self._total_train_tokens += int(inputs["attention_mask"].sum()) if self.model.training else 0
        return loss

    def _prompt_learning(self) -> bool:
        config = getattr(self.model, "active_peft_config", None)
        return bool(config is not None and config.is_prompt_learning)


def config(output_dir, **settings) -> SFTConfig:
    """TRL's SFTConfig with what this machine needs: precision, device, no reports, no surprise defaults.

    `config("out", max_steps=100, learning_rate=1e-3)`. bf16 autocast is on where the device multiplies
    bfloat16 in hardware; TRL would also switch it on where it is emulated. Gradient
    checkpointing is off unless asked for: it saves memory and costs a second forward pass.
    """
    cuda = torch.cuda.is_available()
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False) if cuda else cpu_multiplies_bf16()
    chosen = dict(output_dir=str(output_dir), use_cpu=not cuda and not torch.backends.mps.is_available(),
                  bf16=bf16, fp16=cuda and not bf16, gradient_checkpointing=False, report_to="none",
                  logging_steps=5, save_strategy="no", disable_tqdm=True, lr_scheduler_type="linear",
                  warmup_steps=0.05, train_sampling_strategy="group_by_length", dataloader_pin_memory=cuda,
                  max_length=None, logging_nan_inf_filter=False)
    chosen.update(settings)
    return SFTConfig(**chosen)


@contextlib.contextmanager
def attention_for(model, longest: int):
    """Written-out attention while training short rows on a CPU: PyTorch's fused one is slower there.

    Its memory grows with the square of the length, so rows above 256 tokens keep what the model came with.
    """
    found = model.config._attn_implementation
    plain = model.device.type == "cpu" and longest <= 256
    if plain:
        model.set_attn_implementation("eager")
    yield
    if plain:
        model.set_attn_implementation(found)


def cpu_multiplies_bf16() -> bool:
    """Has this CPU instructions for bfloat16 products (AVX512-BF16 or AMX)? Elsewhere autocast stays off."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def sft(model, tokenizer, rows, *, steps: int, learning_rate: float, batch_size: int = 16, lora=None,
        seed: int = 0, eval_rows=None, eval_every: int = 0, output_dir=None, save_every: int = 0,
        resume: bool = False, on_step=None, gradient_checkpointing: bool = False) -> Run:
    """Supervised fine-tuning on chat rows: `run = sft(model, tokenizer, rows, steps=100, learning_rate=1e-3, lora=c)`.

    With `lora` (a peft config) only the adapter is trained and `run.model` is a PeftModel; without it
    all of `model` is. `eval_rows` with `eval_every` records `eval_loss`. `on_step(step, model)` is
    called after every step. With `output_dir`, `save_every` and `resume=True` an interrupted run goes
    on from its newest checkpoint; `resume=True` without a checkpoint starts from the beginning.
    """
    transformers.set_seed(seed)
    _quiet()
    tokenized = tokenize(rows, tokenizer)
    examples = Dataset.from_list(tokenized)
    held_out = Dataset.from_list(tokenize(eval_rows, tokenizer)) if eval_rows else None
    with contextlib.ExitStack() as stack:
        stack.enter_context(attention_for(model, max(len(e["input_ids"]) for e in tokenized)))
        output_dir = output_dir or stack.enter_context(tempfile.TemporaryDirectory())
        settings = config(
            output_dir, max_steps=steps, learning_rate=learning_rate, per_device_train_batch_size=batch_size,
            per_device_eval_batch_size=32, seed=seed, data_seed=seed, gradient_checkpointing=gradient_checkpointing,
            eval_strategy="steps" if held_out and eval_every else "no", eval_steps=eval_every or None,
            save_strategy="steps" if save_every else "no", save_steps=save_every or 500, save_total_limit=1,
            logging_steps=max(1, min(5, steps // 20)))
        watcher = _Watcher(on_step)
        trainer = LabelledTokensTrainer(model=model, args=settings, train_dataset=examples, eval_dataset=held_out,
                                        processing_class=tokenizer, callbacks=[watcher],
                                        # peft writes the model's name into it: a caller may use one config for two models
                                        peft_config=copy.deepcopy(lora))
        trainer.remove_callback(transformers.PrinterCallback)
        started = time.perf_counter()
        trainer.train(resume_from_checkpoint=newest_checkpoint(output_dir) if resume else None)
    # the trainer wrapped `forward` in autocast; left on, the lessons would score and merge in bf16 unawares
    trained = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False).eval()
    parameters = list(trained.parameters())
    return Run(model=trained, history=[h for h in trainer.state.log_history if "step" in h],
               seconds=time.perf_counter() - started, trained_tokens=int(trainer._total_train_tokens),
               trainable=sum(p.numel() for p in parameters if p.requires_grad),
               total=sum(p.numel() for p in parameters))


class _Watcher(TrainerCallback):
    def __init__(self, on_step):
        self.on_step = on_step

    def on_step_end(self, args, state, control, model=None, **_):
        if self.on_step:
            self.on_step(state.global_step, model)


def newest_checkpoint(output_dir) -> str | None:
    """Folder of the last complete checkpoint, or None: one killed while being written has no state file."""
    folders = [f for f in Path(output_dir).glob("checkpoint-*") if (f / "trainer_state.json").is_file()]
    return str(max(folders, key=lambda f: int(f.name.split("-")[-1]))) if folders else None


def _quiet() -> None:
    """One line of progress belongs to the lesson; the trainers' routine notes do not."""
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    logging.getLogger("transformers.trainer").setLevel(logging.ERROR)
    transformers.logging.set_verbosity_error()
