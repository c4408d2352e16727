"""The relatives of DPO through TRL: one function each, all with the same arguments, so that they can be compared.

    run = simpo(model, tokenizer, pairs, steps=150, learning_rate=3e-4, lora=LoraConfig(...))
    run = orpo(model, tokenizer, pairs, steps=150, learning_rate=3e-4, lora=...)
    run = kto(model, tokenizer, labels, steps=150, learning_rate=3e-4, lora=...)      # labels: read_labels("labels.jsonl")
    judge = reward_model("folder", tokenizer, pairs, steps=60, learning_rate=1e-3)    # a reward model, by TRL
    run = grpo(model, tokenizer, prompts, reward, steps=60, learning_rate=1e-3, lora=...)
    run = rloo(model, tokenizer, prompts, reward, steps=60, learning_rate=1e-3, lora=...)

Pairs are rows {"prompt", "chosen", "rejected"} of messages; a label is {"prompt", "completion", "label": true or false};
`reward(questions, answers)` gives one number an answer. Each returns lib.train.Run. DPO itself is lib.preference_training.
"""

import copy
import tempfile
import time

import datasets
import torch
import transformers
from datasets import Dataset
from transformers import AutoModelForSequenceClassification
from trl import (
    GRPOConfig,
    GRPOTrainer,
    KTOConfig,
    KTOTrainer,
    RewardConfig,
    RewardTrainer,
    RLOOConfig,
    RLOOTrainer,
)
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from lib import data, models, preference_training, train

PAIR = ("prompt", "chosen", "rejected")
LABEL = ("prompt", "completion", "label")


def simpo(model, tokenizer, pairs, *, steps: int, learning_rate: float, batch_size: int = 8, beta: float = 2.0,
          margin: float = 1.0, anchor: float = 0.0, lora=None, seed: int = 0, on_step=None, **settings) -> train.Run:
    """SimPO (Meng et al. 2024, arXiv 2405.14734, eq. 6): mean log-probability a token as the reward, no reference.

    TRL has it as a loss of its CPO trainer, which adds the supervised loss of the chosen answers with weight 1 by default;
    here that weight is `anchor`, and 0 is SimPO as published.
    """
    args = dict(loss_type="simpo", cpo_alpha=anchor, beta=beta, simpo_gamma=margin, max_length=1024, remove_unused_columns=False)
    return _fit(CPOTrainer, CPOConfig, model, tokenizer, _table(as_text(pairs, tokenizer), PAIR), lora, on_step, max_steps=steps,
                learning_rate=learning_rate, per_device_train_batch_size=batch_size, seed=seed, **(args | settings))


def orpo(model, tokenizer, pairs, *, steps: int, learning_rate: float, batch_size: int = 8, beta: float = 0.1, lora=None,
         seed: int = 0, on_step=None, **settings) -> train.Run:
    """ORPO (Hong et al. 2024, arXiv 2403.07691, eq. 6): supervised loss on the chosen answer plus beta times an odds ratio."""
    return _fit(ORPOTrainer, ORPOConfig, model, tokenizer, _table(as_text(pairs, tokenizer), PAIR), lora, on_step, max_steps=steps, beta=beta,
                learning_rate=learning_rate, per_device_train_batch_size=batch_size, seed=seed, **(dict(max_length=1024, remove_unused_columns=False) | settings))


def kto(model, tokenizer, labels, *, steps: int, learning_rate: float, batch_size: int = 16, beta: float = 0.1, lora=None,
        seed: int = 0, on_step=None, **settings) -> train.Run:
    """KTO (Ethayarajh et al. 2024, arXiv 2402.01306, eq. 8): single answers, each good or bad. The reference is the adapter off.

    A step needs at least two rows: the distance to the reference is estimated on answers exchanged within the batch.
    """
    if lora is None:
        raise ValueError("kto here takes its reference from the adapter switched off: give lora=LoraConfig(...).")
    return _fit(KTOTrainer, KTOConfig, model, tokenizer, _table(labels, LABEL), lora, on_step, max_steps=steps, beta=beta,
                learning_rate=learning_rate, per_device_train_batch_size=batch_size, seed=seed, **(dict(max_length=1024) | settings))


def as_text(pairs, tokenizer) -> list[dict]:
    """Pairs of messages → pairs of text whose answers end with the end-of-turn token and nothing after it.

    Needed for TRL's CPO and ORPO trainers (1.16): given messages they keep the newline that most templates write after the
    end of a turn, do not find the end token in the last place, and append a second one: "… <end> newline <end>".
    """
    rows = []
    for pair in pairs:
        prompt = tokenizer.apply_chat_template(pair["prompt"], tokenize=False, add_generation_prompt=True)
        row = {"prompt": prompt}
        for side in ("chosen", "rejected"):
            whole = tokenizer.apply_chat_template([*pair["prompt"], *pair[side]], tokenize=False)
            if not whole.startswith(prompt):
                raise ValueError("this chat template renders the question differently when an answer follows; the answer can't be cut off.")
            row[side] = whole[len(prompt):].rstrip()
        rows.append(row)
    return rows


def reward_model(folder, tokenizer, pairs, *, steps: int, learning_rate: float, batch_size: int = 8, lora=None, seed: int = 0,
                 on_step=None, **settings) -> train.Run:
    """A reward model: the language model of `folder` with a head of one number, trained on pairs (Bradley–Terry)."""
    transformers.set_seed(seed)  # the head starts at random
    return _fit(RewardTrainer, RewardConfig, scorer(folder, tokenizer), tokenizer, _table(pairs, PAIR), lora, on_step, max_steps=steps,
                learning_rate=learning_rate, per_device_train_batch_size=batch_size, seed=seed, **(dict(max_length=1024) | settings))


def scorer(folder, tokenizer):
    """The model of a folder or name with its vocabulary head replaced by one number a text, read at the last token."""
    model = AutoModelForSequenceClassification.from_pretrained(models.local_folder(str(folder)), num_labels=1, use_safetensors=True,
                                                               dtype=models.pick_dtype(models.pick_device()), trust_remote_code=False)
    model.config.pad_token_id = tokenizer.pad_token_id  # the head reads the last token that is no padding
    return model.to(models.pick_device()).eval()


def grpo(model, tokenizer, prompts, reward, *, steps: int, learning_rate: float, questions: int = 8, group: int = 8, portions: int = 1,
         beta: float = 0.05, max_new_tokens: int = 48, lora=None, seed: int = 0, on_step=None, **settings) -> train.Run:
    """GRPO (Shao et al. 2024, arXiv 2402.03300): `group` answers to each of `questions` a step, each compared with its group.

    The answers of a step are learned from in `portions` updates, at a constant learning rate.
    """
    return _sampled(GRPOTrainer, GRPOConfig, model, tokenizer, prompts, reward, steps, questions, group, portions, lora, on_step, beta=beta,
                    learning_rate=learning_rate, max_completion_length=max_new_tokens, seed=seed, **settings)


def rloo(model, tokenizer, prompts, reward, *, steps: int, learning_rate: float, questions: int = 8, group: int = 8, portions: int = 1,
         beta: float = 0.05, max_new_tokens: int = 48, lora=None, seed: int = 0, on_step=None, **settings) -> train.Run:
    """RLOO (Ahmadian et al. 2024, arXiv 2402.14740): REINFORCE; the baseline of an answer is the mean of the others. As grpo."""
    return _sampled(RLOOTrainer, RLOOConfig, model, tokenizer, prompts, reward, steps, questions, group, portions, lora, on_step, beta=beta,
                    learning_rate=learning_rate, max_completion_length=max_new_tokens, seed=seed, **settings)


def _sampled(trainer_class, config_class, model, tokenizer, prompts, reward, steps, questions, group, portions, lora, on_step, **settings):
    if questions * group % portions:
        raise ValueError(f"{questions} questions × {group} answers can't be cut into {portions} equal portions. Change one of the three.")

    def every_portion(step, policy):  # TRL counts updates, the caller counts rounds of answers
        if step % portions == 0:
            on_step(step // portions, policy)

    return _fit(trainer_class, config_class, model, tokenizer, _table([{"prompt": p} for p in prompts], ("prompt",)), lora,
                on_step and every_portion, reward=reward, max_steps=steps * portions, num_generations=group,
                per_device_train_batch_size=questions * group // portions, steps_per_generation=portions,
                **(dict(lr_scheduler_type="constant", warmup_steps=0) | settings))


def first_loss(method: str, model, tokenizer, pairs, **settings) -> float:
    """The loss that TRL computes for one batch of these pairs, for a comparison with one's own.

    `method` is "simpo", "orpo" or "reward" (then `model` is a scorer). `settings` go to TRL's configuration, such as beta.
    """
    classes = {"simpo": (CPOTrainer, CPOConfig), "orpo": (ORPOTrainer, ORPOConfig), "reward": (RewardTrainer, RewardConfig)}
    rows = pairs if method == "reward" else as_text(pairs, tokenizer)
    if method == "simpo":
        settings = {"loss_type": "simpo", "cpo_alpha": 0.0} | settings
    if method != "reward":
        settings = {"remove_unused_columns": False} | settings
    with tempfile.TemporaryDirectory() as folder:
        trainer = _trainer(*classes[method], folder, model, tokenizer, _table(rows, PAIR), None, None, None,
                           dict(max_steps=1, per_device_train_batch_size=len(pairs), seed=0, max_length=1024) | settings)
        batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
        with torch.inference_mode():
            return trainer.compute_loss(model.eval(), batch).item()


def read_labels(path, skip_broken: bool = False) -> list[dict]:
    """Single answers with a thumb: `{"prompt": "…", "completion": "…", "label": true}` a line → rows of messages.

    Raises DataError with file, line and remedy for the first broken row (no label, a label that is not true or false, an
    empty answer); with `skip_broken` such rows are printed and left out.
    """
    rows = []
    for number, row in zip(preference_training.line_numbers(path), data.read_jsonl(path), strict=True):
        wrong = _label_problem(row)
        if wrong:
            problem = data.DataError(path, number, wrong, "Repair or remove the row, or read the file with skip_broken=True.")
            if not skip_broken:
                raise problem
            print("left out:", problem)
            continue
        as_turns = {"prompt": "user", "completion": "assistant"}
        rows.append({name: [{"role": role, "content": row[name]}] if isinstance(row[name], str) else row[name]
                     for name, role in as_turns.items()} | {"label": row["label"]})
    return rows


def _label_problem(row: dict) -> str | None:
    for name in ("prompt", "completion"):
        value = row.get(name)
        text = value if isinstance(value, str) else value[-1].get("content") if isinstance(value, list) and value else None
        if not isinstance(text, str) or not text.strip():
            return f'"{name}" is missing or empty.'
    return None if isinstance(row.get("label"), bool) else f'"label" is {row.get("label")!r}, not true or false.'


def unpair(pairs) -> list[dict]:
    """One pair → two labels: the chosen answer is good, the rejected one bad."""
    return [{"prompt": pair["prompt"], "completion": pair[side], "label": side == "chosen"}
            for pair in pairs for side in ("chosen", "rejected")]


def _table(rows, columns) -> Dataset:
    return Dataset.from_list([{name: row[name] for name in columns} for row in rows])


def _fit(trainer_class, config_class, model, tokenizer, table, lora, on_step, *, reward=None, **settings) -> train.Run:
    with tempfile.TemporaryDirectory() as folder:
        trainer = _trainer(trainer_class, config_class, folder, model, tokenizer, table, lora, on_step, reward, settings)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    trained = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False).eval()
    parameters = list(trained.parameters())
    return train.Run(model=trained, history=[h for h in trainer.state.log_history if "step" in h], seconds=seconds,
                     trainable=sum(p.numel() for p in parameters if p.requires_grad), total=sum(p.numel() for p in parameters))


def _trainer(trainer_class, config_class, folder, model, tokenizer, table, lora, on_step, reward, settings):
    train._quiet()
    datasets.disable_progress_bars()
    transformers.set_seed(settings["seed"])
    cuda, steps = torch.cuda.is_available(), settings["max_steps"]
    # fp32 on a CPU: the losses compare log-probabilities of two passes, and small models gain nothing from bf16
    common = dict(use_cpu=not cuda and not torch.backends.mps.is_available(),
                  bf16=cuda and torch.cuda.is_bf16_supported(including_emulation=False), gradient_checkpointing=False,
                  report_to="none", logging_steps=max(1, min(5, steps // 20)), save_strategy="no", disable_tqdm=True,
                  lr_scheduler_type="linear", warmup_steps=0.05, dataloader_pin_memory=cuda, data_seed=settings["seed"])
    rewards = {} if reward is None else {"reward_funcs": _as_trl_reward(reward)}
    trainer = trainer_class(model=model, args=config_class(output_dir=str(folder), **(common | settings)), train_dataset=table,
                            processing_class=tokenizer, peft_config=copy.deepcopy(lora), callbacks=[train._Watcher(on_step)], **rewards)
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def _as_trl_reward(reward):
    """TRL hands conversations over; ours takes questions and texts."""
    def score(prompts, completions, **_):
        return [float(x) for x in reward(prompts, [completion[-1]["content"] for completion in completions])]
    return score
