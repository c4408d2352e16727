"""How much GPU memory a run needs, before you rent the GPU: counted from the shapes in a model's configuration.

    need = estimate("Llama-3.1-8B", "qlora", batch=1, length=2048)
    need.peak / GIB, need.binding      → (12.68, "loss backward")
    print(need.explain())              every component, with the reason for its size
    fits("Llama-3.1-8B", "RTX 4090", "qlora", length=2048)   → the largest batch

Memory does not add up over a step: what the forward pass keeps is gone when the optimiser runs, and the
gradients are not there yet when the logits are. So the bytes are counted moment by moment, and the peak is the
largest count. No constant is fitted: each coefficient is a count of tensors that the code of transformers,
peft and PyTorch (versions in requirements.txt) keeps alive, and tests/test_memory.py compares every moment
with PyTorch's own count (lib.memory_tracker). Dense Llama-like models (Llama, Mistral, Qwen2) are counted
by formula; where there is none (other architectures, eager attention) the tracker runs the model's own code
instead of a guess, and the result says so. What no tracker has confirmed is listed as such in `assumptions`.
"""

from dataclasses import dataclass, replace

from lib.cards import CARDS
from lib.memory_shapes import (
    BYTES,
    LINEARS,
    MODES,
    TRACKED_METHODS,
    TRACKED_OPTIMIZERS,
    LayerBytes,
    MemorySettingError,
    NoFormula,
    Shape,
    adapter_numbers,
    config_of,
    kv_cache,
    layer_bytes,
    parameter_count,
    shape_name,
    shape_of,
)

GIB = 2**30
UNVERIFIED = "not verified by the tracker"
METHODS = ("full", "pretrain", "lora", "qlora", "dpo", "simpo", "orpo", "rm", "ppo", "grpo", "inference")
PAIRS = ("dpo", "simpo", "orpo", "rm")  # every example is two sequences: chosen and rejected

# state in bytes for each trained number of t bytes, the temporary copy that a step makes, and a remark
OPTIMIZERS = {
    "adamw_fused": (lambda t: 2 * t, 0, "two averages in the dtype of the weights; the fused step needs no copy"),
    "adamw_foreach": (lambda t: 2 * t, 1, "two averages; the step over all tensors at once makes one copy of them"),
    "adamw_fp32": (lambda t: 8, 0, "two averages in fp32 (bitsandbytes 32-bit)"),
    "adamw_master": (lambda t: 12, 0, "two averages and a master copy of the weights, all in fp32"),
    "adamw_8bit": (lambda t: 2 + 8 / 256, 0, "two averages of one byte and an fp32 constant for every 256 numbers"),
    "paged_adamw_8bit": (lambda t: 0, 0, "in memory that the driver may move to the CPU: counted as 0 here"),
    "lion": (lambda t: 4, 0, "one average in fp32"),
    "sgd": (lambda t: 0, 0, "no state"),
    "adafactor": (lambda t: 0, 0, "a row and a column in fp32 for each matrix"),
}


@dataclass(frozen=True)
class Part:
    """One component at one moment: bytes, and why they are there."""

    name: str
    bytes: int
    why: str


@dataclass(frozen=True)
class Phase:
    """A moment of the step and everything that is alive then."""

    name: str
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class Estimate:
    """All phases of a step, in bytes. `peak` is the largest phase, `binding` its name. `source`: "formula" or "tracker"."""

    title: str
    phases: tuple[Phase, ...]
    assumptions: tuple[str, ...]
    source: str = "formula"

    @property
    def verified(self) -> bool:
        """Whether every part of the count was compared with the tracker, or comes from it."""
        return not any(UNVERIFIED in line for line in self.assumptions)

    @property
    def highest(self) -> Phase:
        return max(self.phases, key=lambda phase: phase.bytes)

    @property
    def peak(self) -> int:
        return self.highest.bytes

    @property
    def binding(self) -> str:
        return self.highest.name

    @property
    def components(self) -> dict[str, int]:
        """What the peak consists of; the values add up to it."""
        return {part.name: part.bytes for part in self.highest.parts}

    def explain(self) -> str:
        """Line by line: the peak, its components with their reasons, the other moments, the assumptions."""
        unit, name = (GIB, "GiB") if self.peak >= GIB else (2**20, "MiB")
        lines = [f"{self.title}: {self.peak / unit:.2f} {name}, reached at: {self.binding}"]
        lines += [f"  {part.bytes / unit:8.2f} {name}  {part.name:<16} {part.why}" for part in self.highest.parts]
        lines += ["Every moment of the step:"]
        lines += [f"  {phase.bytes / unit:8.2f} {name}  {phase.name}" for phase in self.phases]
        return "\n".join([*lines, "Assumed:", *(f"  - {line}" for line in self.assumptions)])


# ------------------------------------------------------------------------------------------ the whole step
def estimate(model, method: str = "full", *, batch: int = 1, length: int = 1024, dtype: str = "", amp: bool | None = None,
             optimizer: str = "adamw_fused", checkpointing: bool = True, attention: str = "sdpa", loss: str = "logits",
             keep_logits: bool = False, rank: int = 16, targets=LINEARS, adapter_dtype: str = "fp32", quant: str = "",
             prepare_kbit: bool = True, lora: bool = False, reference: bool | None = None, new_tokens: int = 256, shards: int = 1) -> Estimate:
    """`estimate("Llama-3.1-8B", "lora", batch=1, length=2048).peak / GIB` → 18.89

    `model`: see config_of. `method`: one of METHODS. `batch` sequences (pairs for dpo, simpo, orpo, rm) of `length`
    tokens. `dtype` of the weights: bf16, or fp32 with `amp` (autocast to bf16). `loss`: "logits" as transformers
    computes it, or "fused" (in chunks, never all logits). `quant`: nf4, nf4-dq (double quantisation), int8.
    `lora`: adapters in dpo … grpo.
    `reference`: keep a frozen copy of the model (dpo, ppo, grpo). `shards`: FSDP over that many GPUs, per GPU.
    Sizes are bytes that tensors ask for; what the allocator reserves on top is a matter of fits().
    Without a formula (another architecture, eager attention) the tracker runs the step, which takes seconds.
    Raises MemorySettingError for a name, number or combination that can't be counted.
    """
    config = config_of(model)
    title = f"{model if isinstance(model, str) else shape_name(config)} · {method} · {batch} × {length} tokens"
    run = _Run(method, batch, length, dtype, amp, optimizer, checkpointing, attention, loss, keep_logits, rank,
               tuple(targets), adapter_dtype, quant, prepare_kbit, lora, reference, new_tokens, shards).checked()
    if method == "inference":
        return _inference(config, run, title)
    try:
        return _training(shape_of(config), config, run, title)
    except NoFormula as reason:
        return _tracked(config, run, title, str(reason))


@dataclass(frozen=True)
class _Run:
    """The arguments of estimate, checked once and with the defaults of the method filled in."""

    method: str
    batch: int
    length: int
    dtype: str
    amp: bool | None
    optimizer: str
    checkpointing: bool
    attention: str
    loss: str
    keep_logits: bool
    rank: int
    targets: tuple[str, ...]
    adapter_dtype: str
    quant: str
    prepare_kbit: bool
    lora: bool
    reference: bool | None
    new_tokens: int
    shards: int

    def checked(self):
        for name, value, known in (("method", self.method, METHODS), ("optimizer", self.optimizer, OPTIMIZERS),
                                   ("attention", self.attention, ("sdpa", "eager")), ("loss", self.loss, ("logits", "fused")),
                                   ("dtype", self.dtype or "bf16", BYTES), ("adapter_dtype", self.adapter_dtype, BYTES),
                                   ("quant", self.quant or "nf4", QUANT)):
            if value not in known:
                raise MemorySettingError(f"{name}={value!r} is unknown; known: {', '.join(known)}")
        for name in ("batch", "length", "rank", "shards", "new_tokens"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise MemorySettingError(f"{name}={value!r}: write a whole number of at least 1")
        unknown = set(self.targets) - set(LINEARS)
        if unknown or not self.targets:
            raise MemorySettingError(f"targets={sorted(self.targets)}: choose from {', '.join(LINEARS)}")
        if (self.quant or self.lora) and self.method in ("full", "pretrain"):
            raise MemorySettingError(f"{self.method} trains every weight: write method 'lora', or 'qlora' for a packed base")
        if self.reference and self.method not in ("dpo", "ppo", "grpo"):
            raise MemorySettingError(f"{self.method} has no reference model; leave out reference=True")
        if self.keep_logits and self.method in (*PAIRS, "inference"):
            raise MemorySettingError(f"{self.method} keeps no logits; leave out keep_logits=True")
        return replace(self, dtype=self.dtype or ("fp32" if self.method == "pretrain" else "bf16"),
                        quant=self.quant or ("nf4-dq" if self.method == "qlora" else ""),
                        amp=self.method == "pretrain" or self.method == "qlora" or bool(self.quant) if self.amp is None else self.amp)

    @property
    def adapters(self) -> bool:
        return bool(self.quant) or self.lora or self.method == "lora"

    @property
    def with_reference(self) -> bool:
        return self.method in ("dpo", "ppo") if self.reference is None else self.reference

    @property
    def mode(self) -> str:
        """The row of MODES. Raises NoFormula where there is none, MemorySettingError where the tracker can't help either."""
        if self.attention == "eager":
            raise NoFormula("eager attention, which stores its matrix, has no formula")
        if self.adapters and not set(self.targets) & set(LINEARS[:3]):
            raise NoFormula("adapters that leave out queries, keys and values have no formula")  # below the first one nothing is kept
        if self.quant:
            if not self.amp or self.dtype != "bf16" or self.adapter_dtype != "fp32":
                raise MemorySettingError("a quantised base: write dtype='bf16', amp=True and adapter_dtype='fp32', the only setting that was verified")
            return "qlora" if self.prepare_kbit else "qlora, not prepared"
        if not self.adapters:
            return "full bf16" if self.dtype == "bf16" else "full fp32 amp" if self.amp else "full fp32"
        if self.dtype == "fp32":
            if self.amp or self.adapter_dtype != "fp32":
                raise NoFormula("LoRA on fp32 weights has a formula for amp=False and adapter_dtype='fp32' only")
            return "lora fp32"
        if self.adapter_dtype == "bf16":
            return "lora bf16, bf16 adapters"
        return "lora bf16 amp" if self.amp else "lora bf16"


QUANT = {  # bytes of a packed number, constants included, and the constants' explanation
    "nf4": (0.5, 4 / 64, "one fp32 constant for every 64 numbers"),
    "nf4-dq": (0.5, 1 / 64 + 4 / (64 * 256), "one byte for every 64 numbers, and an fp32 constant for every 256 of those"),
    "int8": (1.0, 0.0, "one fp32 scale for each row"),
}


def _billions(n: float) -> str:
    return f"{n / 1e9:.2f} billion" if n >= 1e9 else f"{n / 1e6:.2f} million" if n >= 1e5 else f"{n:,.0f}"


def _weights(s: Shape, run: _Run) -> list[Part]:
    """The model itself, per GPU."""
    packed = s.layers * s.layer_matrices if run.quant else 0
    wide = BYTES["fp32" if run.quant and run.prepare_kbit and run.method != "inference" else run.dtype]
    rest = s.numbers - packed
    parts = [Part("weights", rest * wide // run.shards, f"{_billions(rest)} numbers × {wide} B{' (not packed)' if packed else ''}")]
    if packed:
        each, constants, why = QUANT[run.quant]
        rows = s.layers * sum(out for _, out in s.linears.values())
        parts += [Part("packed weights", int(packed * each) // run.shards, f"{_billions(packed)} numbers × {each:g} B"),
                  Part("constants", (rows * 4 if run.quant == "int8" else int(packed * constants)) // run.shards, why)]
    return parts


def _trained(s: Shape, run: _Run) -> tuple[int, int]:
    """(numbers that are trained, bytes of each)."""
    if run.adapters:
        return s.layers * adapter_numbers(s, run.rank, run.targets), BYTES[run.adapter_dtype]
    return s.numbers, BYTES[run.dtype]


def _optimizer_bytes(s: Shape, run: _Run, numbers: int, t: int) -> int:
    state = OPTIMIZERS[run.optimizer][0](t) * numbers
    if run.optimizer == "adafactor":
        matrices = [(run.rank, a + b) for name, (a, b) in s.linears.items() if name in run.targets] if run.adapters else []
        rows = sum(2 * r + both for r, both in matrices) if matrices else sum(a + b for a, b in s.linears.values()) + 2 * s.h
        state = 4 * (s.layers * rows + (0 if run.adapters else (1 if s.tied else 2) * (s.vocab + s.h)))
    if run.optimizer == "adamw_8bit" and not run.adapters:
        state += (8 - (2 + 8 / 256)) * s.embedding  # the Trainer keeps the embedding's state in 32 bits
    return int(state) // run.shards


def _other_models(s: Shape, run: _Run) -> list[Part]:
    """Frozen and trained copies that a method needs beside the model it trains."""
    copy = sum(part.bytes for part in _weights(s, run))
    parts = []
    if run.with_reference:
        parts.append(Part("reference model", 0, "none: the adapter is switched off for it") if run.adapters
                     else Part("reference model", copy, "a frozen copy of the model"))
    if run.method == "ppo":
        numbers, t = _trained(s, run)
        numbers //= run.shards
        parts += [Part("reward model", copy, "a frozen model as large as this one"),
                  Part("value model", copy + _optimizer_bytes(s, run, numbers * run.shards, t) + 2 * t * numbers * run.adapters
                       + t * numbers * (not run.adapters), "a second trained model with gradients and optimiser state")]
    return [part for part in parts if part.bytes]


def _static(s: Shape, run: _Run, numbers: int, t: int) -> list[Part]:
    """What is alive at every moment: weights, adapters, optimiser state, other models."""
    parts = _weights(s, run)
    if run.adapters:
        parts.append(Part("adapters", numbers * t // run.shards, f"{_billions(numbers)} numbers × {t} B"))
    parts.append(Part("optimiser state", _optimizer_bytes(s, run, numbers, t), OPTIMIZERS[run.optimizer][2]))
    parts += _other_models(s, run)
    if run.shards > 1:
        whole = (2 * s.layer + s.embedding * (1 if s.tied else 2)) * BYTES[run.dtype]
        parts.append(Part("gathered by FSDP", whole, "two whole layers, embedding and head on every GPU"))
    return [part for part in parts if part.bytes]


def _training(s: Shape, config, run: _Run, title: str) -> Estimate:
    """The moments of a training step; the formulas for each are in notebooks/05_memory_math.ipynb."""
    mode, b = run.mode, MODES[run.mode]
    tokens = run.batch * run.length * (2 if run.method in PAIRS else 1)  # T
    layer = layer_bytes(s, mode, run.rank if run.adapters else 0, run.targets)
    numbers, t = _trained(s, run)
    gradients = numbers * t // run.shards
    head_gradient = 0 if run.adapters else s.embedding * t // run.shards
    layer_gradient = (adapter_numbers(s, run.rank, run.targets) if run.adapters else s.layer) * t // run.shards
    c, both = b.compute, 2 if run.method == "ppo" else 1  # ppo keeps the activations of policy and value model
    static = _static(s, run, numbers, t)
    first_free = 4 * s.h * tokens if run.adapters and not run.checkpointing else 0  # below the first adapter no gradient flows
    rope = (8 if b.stream == 4 else 4) * s.d * run.length + 16 * tokens
    per_layer = layer.checkpoint * tokens if run.checkpointing else layer.kept * tokens + layer.casts
    tail = (4 * s.h + 4) * tokens if run.adapters else ({2: 8, 4: 12 if c == 4 else 10}[b.stream] * s.h + 4) * tokens
    head_cast = 2 * s.embedding if b.stream == 4 and c == 2 else 0  # autocast's 16-bit copy of an fp32 head
    last_hidden = (b.stream if run.adapters or head_cast else 0) * s.h * tokens
    kept = both * (s.layers * per_layer - first_free + rope)
    kept_why = (f"{s.layers} checkpoints of {layer.checkpoint:,} B for each of {tokens:,} tokens" if run.checkpointing
                else f"{s.layers} layers keep {layer.kept:,} B for each of {tokens:,} tokens")
    all_casts = layer.casts * s.layers if run.checkpointing else 0
    vt = s.vocab * (min(tokens, LOSS_CHUNK) if run.loss == "fused" else tokens) * (run.method != "rm")  # rm has a scalar head
    fused = 2 * s.h * tokens + (4 * s.embedding if not run.adapters else 0) if run.loss == "fused" else 0
    referenced = c * vt if run.keep_logits else 0
    activations = Part("activations", kept + both * tail, kept_why)
    matrices, extra = _temporary_matrices(s, run, layer, tokens)
    upcast = 8 if c == 4 or run.method in PAIRS else 10  # for pairs the 16-bit logits are gone when the loss begins
    one_layer = layer.kept * tokens * run.checkpointing + extra
    last_layer = both * ((layer.checkpoint * run.checkpointing + layer.kept) * tokens + extra)

    def phase(name, *parts):
        return Phase(name, tuple([*static, *(part for part in parts if part.bytes)]))

    still = Part("logits and loss", referenced, "the logits, which somebody still refers to")

    begin = phase("layers backward", Part("activations", kept + both * one_layer, f"{kept_why}; one layer at work"),
                  Part("gradients", head_gradient + (layer_gradient if run.adapters else 0), "of the head, so far"),
                  Part("temporaries", matrices, "weight-sized results of the layer at work"), still)
    end = phase("layers backward", Part("activations", last_layer + rope, "the first layer at work, the last one in backward order"),
                Part("gradients", head_gradient + layer_gradient * (s.layers - (not run.adapters)), "of the head and of all layers but one"),
                Part("temporaries", matrices, "weight-sized results of the layer at work"), still)
    phases = [
        phase("end of forward", activations),
        phase("loss forward", activations, Part("logits and loss", upcast * vt + fused, _loss_why(upcast, run)),
              Part("temporaries", all_casts + head_cast + last_hidden, "the last hidden states, and autocast's 16-bit copies")),
        max(phase("loss backward", activations, Part("logits and loss", 12 * vt + referenced + fused, "three fp32 copies of the logits (12 B)"),
                  Part("temporaries", head_cast, "autocast's 16-bit copies")),
            phase("loss backward", activations, Part("logits and loss", c * vt + referenced + c * s.h * tokens + fused, "their gradient, and that of their input"),
                  Part("gradients", head_gradient, "of the head"),
                  Part("temporaries", head_cast, "autocast's 16-bit copies")), key=lambda p: p.bytes),
        max(begin, end, key=lambda p: p.bytes),
    ]
    if run.method == "dpo" and run.with_reference:
        phases.insert(2, phase("reference forward", activations, Part("logits and loss", 12 * vt + fused, "log-probabilities of the model (4 B); logits of the reference, twice in fp32 (8 B)"),
                               Part("temporaries", all_casts + head_cast, "autocast's 16-bit copies")))
    if not run.adapters:
        phases.append(phase("embedding backward", Part("activations", rope + b.stream * s.h * tokens, "the gradient of the embedded tokens"), Part("gradients", gradients, "of everything"),
                            Part("temporaries", 2 * t * s.embedding if s.tied else 0, "the shared embedding gets two gradients, and their sum"), still))
    copies = OPTIMIZERS[run.optimizer][1]
    phases.append(phase("optimiser step", Part("gradients", gradients, f"{_billions(numbers)} numbers × {t} B"),
                        Part("temporaries", copies * gradients, OPTIMIZERS[run.optimizer][2]), still))
    if run.method in ("ppo", "grpo"):
        cache = kv_cache(config, run.batch, run.length, BYTES[run.dtype])
        phases.insert(0, phase("generation", Part("kv cache", cache, f"{run.batch} answers of up to {run.length} tokens")))
    need = Estimate(title, tuple(phases), tuple(_assumptions(s.kind, s.numbers, run, getattr(config, "sliding_window", None))))
    # which tensors of one layer overlap while it runs backwards is only known roughly: where that decides, the tracker counts
    if not _untracked(run) and (16 * s.vocab < layer.kept + layer.extra or (run.adapters and need.binding == "layers backward")):
        raise NoFormula(f"a vocabulary of {s.vocab:,} is so small that one layer, not the logits, decides; that moment has no exact formula")
    return need


LOSS_CHUNK = 1024  # tokens that a fused loss handles at a time


def _temporary_matrices(s: Shape, run: _Run, layer: LayerBytes, tokens: int) -> tuple[int, int]:
    """(weight-sized tensors, token-sized tensors) of the backward pass through one layer, beside what was kept."""
    b, casts = MODES[run.mode], layer.casts if run.checkpointing else 0
    if run.quant:  # either the widest activations, or one unpacked weight with a little less of them
        return max((casts, layer.extra * tokens), (casts + 2 * s.h * s.m, (2 * s.m + 2 * b.stream * s.h) * tokens), key=sum)
    return casts + (0 if run.adapters else b.compute * s.h * s.m), layer.extra * tokens


def _loss_why(upcast: int, run: _Run) -> str:
    if run.loss == "fused":
        return f"logits of {LOSS_CHUNK} tokens at a time, and the gradient of their input"
    return "logits twice in fp32 (8 B)" if upcast == 8 else "logits in 16 bits and twice in fp32 (10 B)"


def _assumptions(kind: str, count: int, run: _Run, window: int | None) -> list[str]:
    """What was taken for granted, in words: nothing is assumed silently."""
    lines = [f"{count:,} parameters, counted from the configuration ({kind})",
             f"weights {run.dtype}{', computed under autocast to bf16' if run.amp else ''}; {run.optimizer}; attention {run.attention}, no padding mask; "
             f"gradient checkpointing {'of every layer' if run.checkpointing else 'off'}",
             "gradients are freed after each step (set_to_none), and the optimiser has taken a step before"]
    if run.adapters:
        where = "every linear layer of the blocks" if set(run.targets) == set(LINEARS) else ", ".join(run.targets)
        lines.append(f"LoRA of rank {run.rank} on {where}, adapters in {run.adapter_dtype}, no dropout")
    if run.method in PAIRS:
        lines.append(f"a pair is two sequences: {2 * run.batch * run.length:,} tokens go through the model at once; the log-probabilities are taken from full logits")
    if run.method == "dpo" and run.with_reference:
        lines.append("the reference runs in the same step, after the model; its log-probabilities are not precomputed (reference=False for that)")
    if run.method in ("orpo", "rm"):
        lines.append(f"{run.method}: counted like simpo{', without logits' if run.method == 'rm' else ''}; {UNVERIFIED}")
    if run.method in ("ppo", "grpo"):
        lines.append(f"generation and training take turns on the same GPU; the other models are as large as this one; {UNVERIFIED}")
    if run.loss == "fused":
        lines.append(f"the fused loss holds the logits of {LOSS_CHUNK} tokens; {UNVERIFIED}")
    if run.quant == "int8":
        lines.append(f"activations around 8-bit layers counted as around 4-bit ones; {UNVERIFIED}")
    if run.optimizer == "paged_adamw_8bit":
        lines.append(f"the optimiser state is paged: on the GPU while there is room, else in RAM; {UNVERIFIED}")
    elif run.optimizer not in TRACKED_OPTIMIZERS:
        lines.append(f"{run.optimizer}: state counted from its definition, without temporaries; {UNVERIFIED}")
    if window and run.length >= window:
        lines.append(f"the sliding window of {window} tokens is shorter than the sequence: its mask and repeated keys depend on the attention kernel; {UNVERIFIED}")
    if run.shards > 1:
        lines.append(f"FSDP over {run.shards} GPUs shards weights, gradients and optimiser state; {UNVERIFIED}")
    return lines


def _inference(config, run: _Run, title: str) -> Estimate:
    """Weights and KV cache after the prompt and the answer, for any architecture (an unknown one is counted on meta)."""
    try:
        shape = shape_of(config)
        static, vocab = _weights(shape, run), shape.vocab
        count = shape.numbers
    except MemorySettingError as reason:
        if run.quant:
            raise MemorySettingError(f"{reason}; its quantised size is not known: leave out quant") from None
        count, vocab = parameter_count(config), config.get_text_config().vocab_size
        static = [Part("weights", count * BYTES[run.dtype], f"{_billions(count)} numbers × {BYTES[run.dtype]} B")]
    cache = kv_cache(config, run.batch, run.length + run.new_tokens, BYTES[run.dtype])
    parts = (*static, Part("kv cache", cache, f"keys and values of {run.batch} × {run.length + run.new_tokens:,} tokens"),
             Part("logits", (BYTES[run.dtype] + 4) * run.batch * vocab, "of the last token, also in fp32"))
    return Estimate(title, (Phase("last new token", parts),),
                    (f"{count:,} parameters", "the prompt's own activations are freed before; a prefill in one piece may peak higher"))


def _untracked(run: _Run) -> list[str]:
    """The settings that the tracker can't run."""
    known = {"method": (*TRACKED_METHODS, "pretrain"), "optimizer": TRACKED_OPTIMIZERS, "loss": ("logits",), "shards": (1,), "quant": ("", "nf4", "nf4-dq")}
    return [f"{name}={getattr(run, name)!r}" for name, good in known.items() if getattr(run, name) not in good]


def _tracked(config, run: _Run, title: str, reason: str) -> Estimate:
    """No formula: run the real model code on fake tensors instead of guessing."""
    from lib import memory_tracker

    text, method = config.get_text_config(), {"pretrain": "full"}.get(run.method, run.method)
    if text.model_type == "gpt2" and run.length > text.max_position_embeddings:  # fake tensors would not notice
        raise MemorySettingError(f"length={run.length}: this model has {text.max_position_embeddings} positions; write at most that")
    refused = _untracked(run)
    if refused:
        raise MemorySettingError(f"{reason}. The tracker (memory_tracker.trace) runs the model's own code instead, but not with {', '.join(refused)}: it answers for "
                                 f"{', '.join(TRACKED_METHODS)} with {' or '.join(TRACKED_OPTIMIZERS)} on one GPU. Change the setting or the model")
    try:
        seen = memory_tracker.trace(config, method, batch=run.batch, length=run.length, dtype=run.dtype, amp=run.amp, optimizer=run.optimizer,
                                    checkpointing=run.checkpointing, attention=run.attention, rank=run.rank, targets=() if set(run.targets) == set(LINEARS) else run.targets,
                                    adapter_dtype=run.adapter_dtype, quant=run.quant, prepare_kbit=run.prepare_kbit, lora=run.lora, reference=run.reference,
                                    keep_logits=run.keep_logits)
    except ValueError as error:  # peft knows no such layer, transformers no such model
        raise MemorySettingError(f"{reason}, and the tracker can't run it: {str(error)[:300]}") from error
    phases = tuple(Phase(name, (Part("static", seen.static, "weights and optimiser state"),
                                Part("of this step", size - seen.static, "activations, gradients, temporaries")))
                   for name, size in seen.phases.items())
    known = _assumptions(text.model_type, parameter_count(config), run, getattr(text, "sliding_window", None))
    return Estimate(title, phases, (f"{reason}: counted by running the model's own code on tensors without contents", *known), "tracker")


# -------------------------------------------------------------------------------------------------- fits?
CONTEXT_GIB = 0.6  # CUDA context and libraries, outside PyTorch's count; roughly, by card and driver
RESERVE = 0.08  # the allocator reserves 2 to 13 % more than the tensors ask for; 8 % is the middle


def usable(card) -> int:
    """`usable("RTX 4090") / GIB` → 21.7: the bytes tensors may ask for. `card`: a name of CARDS, or a size in GiB.

    From the card's memory go CONTEXT_GIB, and RESERVE of the rest for the allocator.
    """
    if isinstance(card, str) and card not in CARDS:
        raise MemorySettingError(f"card {card!r} is unknown; known: {', '.join(CARDS)}, or write its size in GiB as a number")
    gib = CARDS[card].gib if isinstance(card, str) else card
    if gib <= CONTEXT_GIB:
        raise MemorySettingError(f"a card of {gib} GiB has no room beside the CUDA context")
    return int((gib - CONTEXT_GIB) / (1 + RESERVE) * GIB)


def fits(model, card, method: str = "full", vary: str = "batch", most: int = 1 << 20, **settings) -> int:
    """`fits("Llama-3.1-8B", "RTX 4090", "qlora", length=2048)` → the largest batch; 0 if not even 1 fits.

    vary="length" searches the longest sequence instead. `settings` go to estimate. Raises MemorySettingError.
    """
    if vary not in ("batch", "length") or vary in settings:
        raise MemorySettingError(f"vary={vary!r}: write 'batch' or 'length', and do not set it as well")
    room, config = usable(card), config_of(model)

    def good(n):
        return estimate(config, method, **settings, **{vary: n}).peak <= room

    low, high = 0, 1
    while high <= most and good(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle <= most and good(middle) else (low, middle)
    return low
