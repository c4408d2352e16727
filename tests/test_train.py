"""Oracle tests of the training path: same labels, same loss and same weights as the library's."""

import copy
import hashlib

import pytest
import torch
from peft import LoraConfig
from trl import SFTTrainer

from lib import data, models, train


def lora(rank=4):
    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")


@pytest.fixture(scope="module")
def tokenizer():
    return models.load("tiny")[1]


def rows(n=32):
    return data.sample("shorthand", "train")[:n]


def test_labels_cover_the_answer_and_its_end_only(tokenizer):
    table = train.label_table([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b c"}], tokenizer)
    learned = "".join(text for text, labelled in table if labelled)
    assert learned == "b c" + tokenizer.eos_token
    assert [text for text, _ in table].count(tokenizer.bos_token) == 1


def test_every_assistant_turn_is_learned_and_nothing_else(tokenizer):
    turns = [("system", "s"), ("user", "one"), ("assistant", "1"), ("user", "two"), ("assistant", "2")]
    messages = [{"role": r, "content": c} for r, c in turns]
    table = train.label_table(messages, tokenizer)
    assert "".join(t for t, labelled in table if labelled) == f"1{tokenizer.eos_token}2{tokenizer.eos_token}"


def test_labels_equal_the_templates_own_assistant_mask(tokenizer):
    """Oracle: the `{% generation %}` markers of tiny's template, read by transformers."""
    messages = rows(1)[0]["messages"]
    ids, labels = train.tokenize_chat(messages, tokenizer)
    oracle = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    assert ids == oracle["input_ids"]
    assert [label != -100 for label in labels] == [bool(m) for m in oracle["assistant_masks"]]


def test_too_long_and_double_bos_and_missing_end_are_refused(tokenizer):
    with pytest.raises(ValueError, match="max_length=8"):
        train.tokenize(rows(1), tokenizer, max_length=8)
    doubled, endless = copy.deepcopy(tokenizer), copy.deepcopy(tokenizer)
    doubled.chat_template = "{{ bos_token }}" + tokenizer.chat_template
    with pytest.raises(ValueError, match="BOS appears twice"):
        train.tokenize(rows(1), doubled)
    endless.chat_template = "{% for m in messages %}{{ m.content }} {% endfor %}"
    with pytest.raises(ValueError, match="never learns to stop"):
        train.tokenize(rows(1), endless)
    with pytest.raises(data.DataError, match="line 2.*last turn"):
        train.tokenize([*rows(1), {"messages": rows(1)[0]["messages"][:1]}], tokenizer)


@pytest.mark.parametrize("bf16, exact", [(False, 1e-4), (True, 2e-2)])  # bf16 keeps 8 bits: half a percent a product
@pytest.mark.parametrize("peft_config", [None, lora()])
def test_same_losses_and_weights_as_trl(tokenizer, peft_config, bf16, exact, tmp_path):
    """Scoring only the labelled positions is an arithmetic shortcut, not another loss."""
    from datasets import Dataset

    outcome = {}
    for trainer_class in (SFTTrainer, train.LabelledTokensTrainer):
        torch.manual_seed(0)
        model, _ = models.load("tiny")
        settings = train.config(tmp_path / trainer_class.__name__, max_steps=4, per_device_train_batch_size=4,
                                learning_rate=1e-3, logging_steps=1, seed=0, bf16=bf16)
        trainer = trainer_class(model=model, args=settings, processing_class=tokenizer, peft_config=peft_config,
                                train_dataset=Dataset.from_list(train.tokenize(rows(16), tokenizer)))
        trainer.train()
        losses = [h["loss"] for h in trainer.state.log_history if "loss" in h]
        outcome[trainer_class] = losses, [p.detach().clone() for p in trainer.model.parameters() if p.requires_grad]
    (theirs, their_weights), (ours, our_weights) = outcome.values()
    assert ours == pytest.approx(theirs, rel=exact)
    for a, b in zip(our_weights, their_weights, strict=True):
        assert a.dtype == b.dtype == torch.float32
        if not bf16:  # Adam turns the rounding of a gradient near zero into a whole step
            assert torch.allclose(a, b, rtol=1e-3, atol=2e-4)


def test_a_trained_model_computes_in_the_precision_of_its_weights(tokenizer):
    """The trainer's autocast must not outlive the training: scores and merges would be rounded to bf16."""
    run = train.sft(models.load("tiny")[0], tokenizer, rows(), steps=3, learning_rate=1e-2, lora=lora())
    ids = torch.arange(5, 45).view(1, -1)  # (1, 40)
    with torch.inference_mode():
        before = run.model(ids).logits
        after = run.model.merge_and_unload()(ids).logits
    assert torch.allclose(before, after, rtol=1e-4, atol=1e-4)


def test_lora_leaves_every_base_weight_bit_for_bit(tokenizer):
    def digest(model):
        named = {n.replace("base_model.model.", "").replace(".base_layer", ""): p for n, p in model.named_parameters()}
        return {n: hashlib.sha256(p.detach().numpy().tobytes()).hexdigest() for n, p in named.items() if "lora_" not in n}

    before = digest(models.load("tiny")[0])
    run = train.sft(models.load("tiny")[0], tokenizer, rows(), steps=5, learning_rate=1e-2, lora=lora())
    assert digest(run.model) == before
    assert any(p.abs().max() > 0 for n, p in run.model.named_parameters() if "lora_B" in n), "the adapter did move"


def test_a_config_handed_in_is_left_as_it_was(tokenizer):
    """peft writes the model's name into it: shared with a second model, the first adapter names the wrong base."""
    config = lora()
    train.sft(models.load("tiny")[0], tokenizer, rows(), steps=1, learning_rate=1e-3, lora=config)
    assert config.base_model_name_or_path is None


def test_same_seed_same_weights_other_seed_other_weights(tokenizer):
    def weights(seed):
        run = train.sft(models.load("tiny")[0], tokenizer, rows(), steps=3, learning_rate=1e-3, lora=lora(), seed=seed)
        return torch.cat([p.flatten() for p in run.model.parameters() if p.requires_grad])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_an_interrupted_run_resumes_to_the_same_weights(tokenizer, tmp_path):
    settings = dict(tokenizer=tokenizer, rows=rows(), steps=9, learning_rate=1e-3, batch_size=4, save_every=3)

    def cut(step, _):
        if step == 7:
            raise KeyboardInterrupt

    whole = train.sft(models.load("tiny")[0], **settings, lora=lora())
    with pytest.raises(KeyboardInterrupt):
        train.sft(models.load("tiny")[0], **settings, lora=lora(), output_dir=tmp_path, on_step=cut)
    # a checkpoint that was being written when the power went must not be taken for a whole one
    (tmp_path / "checkpoint-8").mkdir()
    assert train.newest_checkpoint(tmp_path).endswith("checkpoint-6")
    resumed = train.sft(models.load("tiny")[0], **settings, lora=lora(), output_dir=tmp_path, resume=True)
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_checkpoints_are_safetensors_only(tokenizer, tmp_path):
    train.sft(models.load("tiny")[0], tokenizer, rows(), steps=2, learning_rate=1e-3, lora=lora(), output_dir=tmp_path,
              save_every=2)
    weights = [f.name for f in tmp_path.rglob("adapter_model*")]
    assert weights == ["adapter_model.safetensors"]
