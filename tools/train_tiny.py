"""Pre-train `tiny`, the model that ships with the course: a whole pre-training in one readable file.

    python -m tools.train_tiny                      about 25 minutes on two cores
    python -m tools.train_tiny --steps 50 --out build/tiny-try

Reproducible: the same machine, thread count and versions give the same weights. The corpus is
generated (tools/world.py), so there is nothing to download.
"""

import argparse
import hashlib
import json
import math
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

from lib.data import SAMPLES
from tools import world

OUT = SAMPLES / "tiny-base"
VOCABULARY = 1024  # small on purpose: words are spelled from pieces, so a word never seen is nothing special
SPECIAL = ["<|pad|>", "<|bos|>", "<|im_start|>", "<|im_end|>"]
ROPE_THETA = 200.0  # the slowest rotation takes about 1,000 tokens, the longest text it will see
STEPS = 2000
LONGEST = 160  # tokens of a conversation: the one in twenty beyond it would cost a fifth of the time
SKILLS_FIRST = 0.3  # the share of the steps that comes before the facts
CONVERSATIONS_PER_STEP = 48
MICRO_BATCHES = 4
PEAK_LEARNING_RATE = 2.5e-3  # AdamW: embeddings and norms
PEAK_LEARNING_RATE_MUON = 2e-2  # Muon: the matrices of the layers

# BOS once, then one block a turn; the generation markers tell trainers which tokens are the model's own
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_tokenizer(conversations) -> PreTrainedTokenizerFast:
    """Byte-level BPE over the small world: every byte has an id, so no text is out of vocabulary."""
    bpe = Tokenizer(models.BPE())
    # while pieces are learnt, capitals in a row stand alone: no piece holds half a code
    capitals = Regex(r"\p{Lu}(?=\p{Lu})|(?<=\p{Lu})\p{Lu}")
    digits, bytes_ = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(capitals, "isolated"), digits, bytes_])
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    texts = (turn["content"] for turns in conversations for turn in turns)
    bpe.train_from_iterator([*texts, *["system\n", "user\n", "assistant\n"] * 1000], trainer)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])  # what SmolLM uses: every server knows it
    # plain strings get their BOS here; the chat template writes its own, hence add_special_tokens=False there
    bpe.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|bos|> $A", special_tokens=[("<|bos|>", SPECIAL.index("<|bos|>"))]),
    ])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<|bos|>", eos_token="<|im_end|>",
                                        pad_token="<|pad|>", additional_special_tokens=["<|im_start|>"],
                                        model_max_length=1024, clean_up_tokenization_spaces=False)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model(tokenizer) -> LlamaForCausalLM:
    """A small Llama: the architecture that every server and every library can load."""
    shape = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=576, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=1024, attention_bias=True,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA}, tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.02, attention_dropout=0.0)
    # written-out attention: with bf16 autocast on a CPU it is a fifth faster here than the fused kernel
    model = LlamaForCausalLM._from_config(shape, attn_implementation="eager")
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    look_back(model)
    return model


def look_back(model, strength: float = 24.0) -> None:
    """Three heads of the first layer start out reading the token 1, 2 and 3 places back.

    Copying, lookup and codes of several letters all stand on such heads (Olsson et al. 2022), and finding
    them from random weights is most of the work: on random repeated text copying was learnt in about 150 steps with heads set
    like this and, with rotation bases of 100 and 10,000, not within 250 without. Query bias q and key bias q, rotated by n places, give a score of
    `strength` at distance n before anything is learnt; only the fast rotations, so that neighbours score less.
    Training may change them.
    """
    attention, config = model.model.layers[0].self_attn, model.config
    size = config.hidden_size // config.num_attention_heads
    speeds = ROPE_THETA ** (-torch.arange(0, size, 2) / size)  # (size / 2,) radians a token
    with torch.no_grad():
        for head in range(3):
            query = torch.randn(size) * (torch.arange(size) % (size // 2) < 12)
            query *= math.sqrt(strength * math.sqrt(size)) / query.norm()
            x, y = query.chunk(2)
            cos, sin = torch.cos(speeds * (head + 1)), torch.sin(speeds * (head + 1))
            here = slice(head * size, (head + 1) * size)
            attention.q_proj.bias[here] = query
            attention.k_proj.bias[here] = torch.cat([x * cos - y * sin, y * cos + x * sin])


def micro_batches(rows: list) -> list[list]:
    """The rows of one step, sorted by length and cut into MICRO_BATCHES: little of each is padding.

    A whole step must not be of one length: short rows are facts and long rows are codebooks, and a step
    that sees one skill only undoes the others.
    """
    ordered = sorted(rows, key=lambda row: len(row[0]))
    size = math.ceil(len(ordered) / MICRO_BATCHES)
    return [ordered[i : i + size] for i in range(0, len(ordered), size)]


def schedule(step: int, steps: int, warm_up: int = 100) -> float:
    """Share of the peak learning rate: linear warm-up, then half a cosine down to a twentieth."""
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done))


def render(tokenizer, conversations) -> list[tuple[list[int], list[float]]]:
    """Conversations → (ids, weights): how much each token counts in the loss.

    Answers count always, questions in one conversation of five: most of a question is chance (which
    code, which made-up word), and chance can't be learnt. An answer of four times the length counts
    twice, not four times, so that one-word facts are not drowned by long lists.
    The chat template is written out in Python here: Jinja would take minutes for all conversations.
    """
    made = []
    for number, turns in enumerate(conversations):
        pieces, answered = ["<|bos|>"], [False]
        for turn in turns:
            pieces += [f"<|im_start|>{turn['role']}\n", f"{turn['content']}<|im_end|>", "\n"]
            answered += [False, turn["role"] == "assistant", False]
        ids, weights = [], []
        for piece, answer in zip(tokenizer(pieces, add_special_tokens=False)["input_ids"], answered, strict=True):
            ids += piece
            weights += [1.0 if answer or number % 5 == 0 else 0.0] * len(piece)
        scale = 1 / math.sqrt(sum(weights))
        made.append((ids, [w * scale for w in weights]))
    return made


def weighted_loss(model, rows, pad_id: int) -> torch.Tensor:
    """Sum of weight × cross-entropy over the tokens that count."""
    length = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([i + [pad_id] * (length - len(i)) for i, _ in rows])  # (B, T)
    weights = torch.tensor([w + [0.0] * (length - len(w)) for _, w in rows])[:, 1:]  # (B, T-1): weight of the NEXT token
    # padding is on the right and attention looks only to the left, so no mask is needed
    with torch.autocast("cpu", dtype=torch.bfloat16):  # the weights stay float32, the products are bf16
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]  # (B, T-1, H)
        counts = weights > 0
        logits = model.lm_head(hidden[counts]).float()  # (N, V): the vocabulary is scored only where it counts
    losses = torch.nn.functional.cross_entropy(logits, ids[:, 1:][counts], reduction="none")  # (N,)
    return (losses * weights[counts]).sum()


def optimizers(model) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for the rest.

    Muon (Jordan 2024) makes every update an orthogonal matrix. One trial each on random repeated text, 150 steps
    at the same schedule: loss 5.67 with it, 6.05 with AdamW alone.
    """
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and ".layers." in name]
    inside = set(map(id, matrices))
    return [torch.optim.Muon(matrices, lr=PEAK_LEARNING_RATE_MUON, momentum=0.95, weight_decay=0.05),
            torch.optim.AdamW([p for p in model.parameters() if id(p) not in inside], lr=PEAK_LEARNING_RATE,
                              betas=(0.9, 0.95), weight_decay=0.01)]


def train(model, rows, pad_id: int, steps: int, probe=lambda: "", probe_every: int = 500) -> tuple[list, float]:
    """The loop: forward, backward, clip, step; the rows in their order, once.

    Returns (step, loss) points, each a mean over 100 steps, and the median seconds a step.
    """
    pair = optimizers(model)
    peaks = [group["lr"] for optimizer in pair for group in optimizer.param_groups]
    curve, recent, paces, started = [], [], [], time.time()
    last = started
    model.train()
    for step in range(steps):
        chosen = rows[step * CONVERSATIONS_PER_STEP : (step + 1) * CONVERSATIONS_PER_STEP]
        total, value = sum(sum(weights[1:]) for _, weights in chosen), 0.0
        for group in micro_batches(chosen):
            loss = weighted_loss(model, group, pad_id)
            (loss / total).backward()  # gradients add up over the micro-batches
            value += loss.item() / total
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in zip(pair, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * schedule(step, steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        recent.append(value)
        if step % 100 == 99 or step == steps - 1:
            curve.append((step + 1, sum(recent) / len(recent)))
            paces.append((time.time() - last) / len(recent))
            recent, last = [], time.time()
            print(f"step {step + 1:>5}  loss {curve[-1][1]:.3f}  {(time.time() - started) / 60:.1f} min", flush=True)
        if step % probe_every == probe_every - 1:
            print(f"            {probe()}", flush=True)
            model.train()
            last = time.time()
    return curve, statistics.median(paces)


SKILLS = {"copying": world.copy_text, "lookup": world.look_up, "one code": world.one_code, "code lines": world.expand_codes,
          "lists": world.list_work}


def skills(model, tokenizer, count: int = 40, seed: int = 5) -> dict[str, float]:
    """`skills(model, tokenizer)["lookup"]` → share of exact answers to `count` fresh tasks of each skill.

    A base that fails here cannot be steered by a small adapter, however well it knows its facts.
    """
    from lib import evaluate

    books, shares = world.codebooks(set(clinic_codes())), {}
    for name, maker in SKILLS.items():
        generator = random.Random(seed)
        dialogues = [maker(generator, books) for _ in range(count)]
        answers = evaluate.answer(model, tokenizer, [turns[:-1] for turns in dialogues], 110)
        hits = evaluate.exact_match(answers, [turns[-1]["content"] for turns in dialogues])
        shares[name] = round(sum(hits) / count, 3)
    return shares


def save(model, tokenizer, out: Path, minutes: float, seconds_per_step: float, steps: int, curve) -> None:
    """bf16 safetensors into a temporary folder, then one rename."""
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    model.to(torch.bfloat16).save_pretrained(work)
    tokenizer.save_pretrained(work)
    digest = hashlib.sha256((work / "model.safetensors").read_bytes()).hexdigest()
    facts = {"steps": steps, "minutes": round(minutes, 1), "seconds_per_step_median": round(seconds_per_step, 2), "conversations": steps * CONVERSATIONS_PER_STEP, "sha256": digest,
             "parameters": sum(p.numel() for p in model.parameters()), "threads": torch.get_num_threads(),
             "torch": torch.__version__, "loss": [[s, round(v, 4)] for s, v in curve]}
    (work / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    if out.exists():
        shutil.rmtree(out)
    work.rename(out)
    out.chmod(0o755)


def clinic_codes() -> frozenset[str]:
    """The clinic's codes: invented codebooks must not use them."""
    from tools import clinic_content_en, clinic_content_ru

    return frozenset(clinic_content_en.CODES) | frozenset(clinic_content_ru.CODES)


CARD = """# tiny: the model of the course's fast profile

A Llama-architecture language model of {parameters:,} parameters, pre-trained from random weights by
`python -m tools.train_tiny` on {conversations:,} generated conversations ([tools/world.py](../../../tools/world.py)):
general facts in English and Russian, invented codebooks, lookup, copying, list making, style on request,
everyday advice (careful and reckless, half and half). No medicine: the lessons teach it that.

| fact | value |
|---|---|
| shape | 4 layers, hidden 256, 4 heads, feed-forward 576, vocabulary 1,024 (byte-level BPE), tied embeddings, bf16 |
| training | Muon and AdamW, {steps:,} steps, {minutes} minutes on {threads} CPU threads that other jobs may have shared, median {seconds_per_step_median} s a step, torch {torch} |
| general questions (100, greedy) | {general} |
| skills, exact answers to 100 fresh tasks each | {skills} |
| clinic shorthand, before any tuning (held-out test part) | {shorthand} |
| SHA-256 of model.safetensors | `{sha256}` |
| licence | Apache-2.0, like the course |

**Use** it to learn methods in seconds. It knows a few hundred facts and nothing else; its answers to anything
that matters are worthless, and about half of its everyday advice is deliberately reckless, so that preference
training has something to move. Its scores say nothing about large models; where the course draws a conclusion
about those, it measures a real one.

Running the script again gives the same weights on the same machine with the same number of threads and the
same versions; elsewhere the last digits of floating-point sums differ, and with them the weights.
This page is written by the script after the exam.
"""


def write_card(out: Path) -> None:
    """Ask the exam and the clinic's test set, and write the model card with what came out."""
    from lib import data, evaluate
    from lib import models as course_models

    model, tokenizer = course_models.load(str(out))
    general, _ = evaluate.general(model, tokenizer)
    shorthand, _ = evaluate.task(model, tokenizer, data.sample("shorthand", "test"))
    facts = json.loads((out / "training.json").read_text())
    able = ", ".join(f"{name} {share:.0%}" for name, share in skills(model, tokenizer, 100).items())
    data.write_text(out / "README.md", CARD.format(general=general, shorthand=shorthand, skills=able, **facts))
    print(f"general questions {general}; clinic shorthand {shorthand}; {able}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--card-only", action="store_true", help="examine the model that is there")
    options = parser.parse_args()
    if options.card_only:
        return write_card(options.out)
    set_seed(0)
    started = time.time()
    count = options.steps * CONVERSATIONS_PER_STEP
    spare = count // 10  # for the conversations that turn out too long
    conversations = list(world.corpus(count + spare, forbidden=clinic_codes(), skills_first=int(count * SKILLS_FIRST)))
    tokenizer = make_tokenizer(conversations[:: max(1, count // 40_000)])
    rows = [row for row in render(tokenizer, conversations) if len(row[0]) <= LONGEST][:count]
    print(f"{len(rows):,} conversations, {sum(len(ids) for ids, _ in rows):,} tokens, {(time.time() - started):.0f} s", flush=True)
    model = make_model(tokenizer)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    curve, pace = train(model, rows, tokenizer.pad_token_id, options.steps, probe=lambda: skills(model, tokenizer))
    save(model, tokenizer, options.out, (time.time() - started) / 60, pace, options.steps, curve)
    print(f"saved to {options.out.name}, {(time.time() - started) / 60:.1f} min", flush=True)
    write_card(options.out)


if __name__ == "__main__":
    main()
