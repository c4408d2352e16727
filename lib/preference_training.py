"""Preference training with TRL, and the numbers to look at: log-probabilities of answers, accuracy on pairs.

    pairs = read_pairs("my_pairs.jsonl")
    run = dpo(model, tokenizer, pairs, steps=100, learning_rate=5e-4, lora=LoraConfig(...))
    pair_accuracy(run.model, tokenizer, held_out)      → Score: how often the chosen answer is the likelier one
"""

import copy
import tempfile
import time

import datasets
import torch
import transformers
from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from lib import data, evaluate, formats, train


def read_pairs(path, skip_broken: bool = False) -> list[dict]:
    """Pairs of a JSONL file in any preference format of lesson 02, each {"prompt", "chosen", "rejected", "group"}.

    Raises DataError with file, line and remedy for the first row that makes no pair (equal texts, a missing rank, an
    empty answer); with `skip_broken` such rows are printed and left out.
    """
    pairs = []
    for number, row in zip(line_numbers(path), data.read_jsonl(path), strict=True):
        try:
            found = formats.to_pairs(row)
            if not found:
                raise ValueError("its answers are equal, or of equal rank: nobody said which is better")
            if any(pair["chosen"][-1]["content"].strip() == pair["rejected"][-1]["content"].strip() for pair in found):
                raise ValueError("its two answers are equal: nobody said which is better")
            if any(not turns[-1]["content"].strip() for pair in found for turns in (pair["chosen"], pair["rejected"])):
                raise ValueError("an answer is empty")
        except (ValueError, KeyError) as error:
            why = f"the field {error} is missing" if isinstance(error, KeyError) else str(error).removesuffix(".")
            problem = data.DataError(path, number, f"{why}.", "Repair or remove the row, or read the file with skip_broken=True.")
            if not skip_broken:
                raise problem from error
            print("left out:", problem)
            continue
        pairs += found
    return pairs


def line_numbers(path) -> list[int]:
    """The numbers of the lines of a file that are not blank: where the rows of data.read_jsonl stand."""
    with open(path, "rb") as file:
        return [number for number, raw in enumerate(file, start=1) if raw.strip(b" \t\r\n\xef\xbb\xbf")]


@torch.inference_mode()
def answer_log_probs(model, tokenizer, pairs, side: str, batch_size: int = 32) -> torch.Tensor:
    """`answer_log_probs(model, tokenizer, pairs, "chosen")` → (N,): the log-probability of each whole answer, in nats."""
    examples = train.tokenize([{"messages": [*pair["prompt"], *pair[side]]} for pair in pairs], tokenizer)
    found = []
    for start in range(0, len(examples), batch_size):
        ids, mask, labels = evaluate.pad(examples[start : start + batch_size], tokenizer.pad_token_id, model.device)  # (B, T)
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()  # (B, T-1, V)
        wanted = labels[:, 1:]
        each = torch.gather(logits.log_softmax(-1), 2, wanted.clamp(min=0).unsqueeze(2)).squeeze(2)  # (B, T-1)
        found.append((each * (wanted != -100)).sum(1))
    return torch.cat(found)


def pair_accuracy(model, tokenizer, pairs) -> evaluate.Score:
    """Share of pairs in which the chosen answer is likelier than the rejected one, with its interval."""
    better = answer_log_probs(model, tokenizer, pairs, "chosen") > answer_log_probs(model, tokenizer, pairs, "rejected")
    return evaluate.interval(better.tolist())


def config(output_dir, **settings) -> DPOConfig:
    """TRL's DPOConfig with what this machine needs; see lib.train.config."""
    cuda = torch.cuda.is_available()
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False) if cuda else train.cpu_multiplies_bf16()
    chosen = dict(output_dir=str(output_dir), use_cpu=not cuda and not torch.backends.mps.is_available(), bf16=bf16,
                  fp16=cuda and not bf16, gradient_checkpointing=False, report_to="none", logging_steps=5, save_strategy="no",
                  disable_tqdm=True, lr_scheduler_type="linear", warmup_steps=0.05, dataloader_pin_memory=cuda, max_length=1024)
    return DPOConfig(**(chosen | settings))


def trl_loss(model, reference, tokenizer, pairs, beta: float) -> float:
    """The loss that TRL's trainer computes for one batch of these pairs, for a comparison with one's own."""
    train._quiet()
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        args = config(folder, max_steps=1, per_device_train_batch_size=len(pairs), beta=beta, bf16=False)
        table = Dataset.from_list([{name: pair[name] for name in ("prompt", "chosen", "rejected")} for pair in pairs])
        trainer = DPOTrainer(model=model, ref_model=reference, args=args, train_dataset=table, processing_class=tokenizer)
        batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
        with torch.inference_mode():
            return trainer.compute_loss(model.eval(), batch).item()


def dpo(model, tokenizer, pairs, *, steps: int, learning_rate: float, batch_size: int = 8, beta: float = 0.1, anchor: float = 0.0,
        lora=None, reference=None, seed: int = 0, eval_pairs=None, eval_every: int = 0, precompute: bool = False, on_step=None,
        **settings) -> train.Run:
    """DPO on pairs (Rafailov et al. 2023, arXiv 2305.18290, eq. 7): `dpo(model, tokenizer, pairs, steps=100, learning_rate=5e-4, lora=c)`.

    With `lora` the reference is the model with its adapter off, and costs no second copy. Without it a frozen copy is
    made, because TRL would else load the reference anew from where `model` first came from: the model before your SFT.
    `anchor` times the supervised loss of the chosen answers (nats a token) is added (Pang et al. 2024, arXiv 2404.19733, eq. 1):
    it keeps them likely while the rejected ones are pushed away. The first loss is then no longer log 2.
    """
    transformers.set_seed(seed)
    train._quiet()
    datasets.disable_progress_bars()
    columns = ("prompt", "chosen", "rejected")
    table = Dataset.from_list([{name: pair[name] for name in columns} for pair in pairs])
    held_out = Dataset.from_list([{name: pair[name] for name in columns} for pair in eval_pairs]) if eval_pairs else None
    if lora is None and reference is None:
        reference = copy.deepcopy(model).requires_grad_(False)
    if anchor:
        settings = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, anchor]} | settings
    with tempfile.TemporaryDirectory() as folder:
        args = config(folder, max_steps=steps, learning_rate=learning_rate, per_device_train_batch_size=batch_size, beta=beta,
                      per_device_eval_batch_size=32, eval_strategy="steps" if held_out and eval_every else "no", seed=seed,
                      eval_steps=eval_every or None, data_seed=seed, precompute_ref_log_probs=precompute,
                      logging_steps=max(1, min(5, steps // 20)), **settings)
        trainer = DPOTrainer(model=model, ref_model=reference, args=args, train_dataset=table, eval_dataset=held_out,
                             processing_class=tokenizer, peft_config=copy.deepcopy(lora), callbacks=[train._Watcher(on_step)])
        trainer.remove_callback(transformers.PrinterCallback)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    trained = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False).eval()
    parameters = list(trained.parameters())
    return train.Run(model=trained, history=[h for h in trainer.state.log_history if "step" in h], seconds=seconds,
                     trainable=sum(p.numel() for p in parameters if p.requires_grad), total=sum(p.numel() for p in parameters))
