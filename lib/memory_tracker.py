"""PyTorch's own count of a training step's memory, on tensors without contents: no weights, no GPU.

    trace(config, "lora", batch=1, length=512).peak      → bytes of the largest moment
    trace(config, "full", checkpointing=False).phases    → {"forward": 31.2e6, "loss forward": …}
    trace(config, "dpo", lora=True).binding              → "reference forward"

Fake tensors (`torch._subclasses.FakeTensorMode`) have a shape, a dtype and a storage of the right size, but
no numbers in it. The real model code and the real autograd engine run on them; a dispatch mode sees every
operation and adds up the storages that are alive. This is how lib.memory's formulas are checked, and what
answers for architectures that the formulas do not cover. Two optimiser steps are run and the second is
counted, because the first one begins without optimiser state.
"""

import contextlib
import weakref
from dataclasses import dataclass
from unittest import mock

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, masking_utils
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging as transformers_logging

from lib.memory_shapes import TRACKED_METHODS, TRACKED_OPTIMIZERS

transformers_logging.set_verbosity_error()  # a model without weights has no reason to remark on its configuration
PHASES = ("forward", "loss forward", "reference forward", "loss backward", "layers backward", "embedding backward", "optimiser step")
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True)
class Trace:
    """Bytes: the peak of every phase, the `static` part (weights and optimiser state), what a forward keeps, and
    the `timeline`: (phase, bytes alive) after every operation of the step."""

    phases: dict[str, int]
    static: int
    saved: int
    timeline: tuple[tuple[str, int], ...]

    @property
    def peak(self) -> int:
        return max(self.phases.values())

    @property
    def binding(self) -> str:
        return max(self.phases, key=self.phases.get)


class Counter(TorchDispatchMode):
    """Counts the bytes of all storages alive, and the highest count of the current phase.

    Each storage counts once however many tensors look into it; it is taken off when its last tensor dies.
    """

    def __init__(self):
        super().__init__()
        self.sizes, self.live, self.phase, self.peaks, self.timeline = {}, 0, "forward", {}, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.add(tensor)
        self.timeline.append((self.phase, self.live))
        return result

    def add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self.sizes:
            self.sizes[storage._cdata] = storage.nbytes()
            self.live += storage.nbytes()
            weakref.finalize(storage, self.remove, storage._cdata)
            self.peaks[self.phase] = max(self.peaks.get(self.phase, 0), self.live)

    def remove(self, key: int) -> None:
        self.live -= self.sizes.pop(key)

    def enter(self, phase: str) -> None:
        self.phase = phase
        self.peaks[phase] = max(self.peaks.get(phase, 0), self.live)


def trace(config, method: str = "full", *, batch: int = 1, length: int = 512, dtype: str = "bf16", amp: bool = False,
          optimizer: str = "adamw_fused", checkpointing: bool = True, attention: str = "sdpa", rank: int = 16, targets=(),
          adapter_dtype: str = "fp32", quant: str = "", prepare_kbit: bool = True, lora: bool = False, reference: bool | None = None,
          keep_logits: bool = False, keep_gradients: bool = False, contents: bool = False) -> Trace:
    """`trace(LlamaConfig(…), "lora", length=512).binding` → "loss backward". The arguments mean what they mean
    in lib.memory.estimate. `targets`: names of the layers that get an adapter, () for all. `keep_gradients`: they are set
    to zero after a step, not freed. `contents=True` runs on real tensors (small models only), which must count the same.
    Takes about a second for a two-layer model and ten for one of 8B; RAM stays under 1 GiB.

    dpo and simpo: chosen and rejected go through the model together, then both through the reference, as in TRL: the
    frozen copy, or with `lora` or `quant` the model with its adapter off. Their losses are counted on full logits.

    Raises ValueError for a method or optimiser that has no tracked counterpart.
    """
    if method not in TRACKED_METHODS or optimizer not in TRACKED_OPTIMIZERS:
        raise ValueError(f"the tracker runs {', '.join(TRACKED_METHODS)} with {' or '.join(TRACKED_OPTIMIZERS)}, not {method} with {optimizer}")
    quant = quant or ("nf4-dq" if method == "qlora" else "")
    adapters, amp = bool(quant) or lora or method == "lora", amp or bool(quant)  # a packed base computes in 16 bits
    reference = method == "dpo" and reference is not False
    with _as_on_a_gpu():
        model = _on_meta(config, dtype, attention, checkpointing, (rank, targets, adapter_dtype) if adapters else None, quant, prepare_kbit)
        frozen = _on_meta(config, dtype, attention, False, None, "", False).requires_grad_(False).eval() if reference and not adapters else None
        with contextlib.nullcontext() if contents else FakeTensorMode(allow_non_fake_inputs=True), Counter() as counter:
            for each in (model, frozen) if frozen else (model,):
                _materialise(each)
                for tensor in [*each.parameters(), *each.buffers()]:
                    counter.add(tensor)
            trained = [p for p in model.parameters() if p.requires_grad]
            stepper = torch.optim.AdamW(trained, fused=optimizer == "adamw_fused", foreach=optimizer == "adamw_foreach")
            ids = torch.zeros(batch * (2 if method in ("dpo", "simpo") else 1), length, dtype=torch.long)
            _mark_phases(model, counter)

            def loss_of(model):
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
                    if method in ("dpo", "simpo"):
                        return _preference_loss(model, frozen, reference, ids, counter)
                    output = model(input_ids=ids, labels=ids, use_cache=False)
                return output.loss, output.logits if keep_logits else None

            _step(model, stepper, loss_of, counter, keep_gradients)
            static, counter.peaks, counter.timeline = counter.live, {}, []
            saved = _step(model, stepper, loss_of, counter, keep_gradients)
    return Trace({name: counter.peaks[name] for name in PHASES if name in counter.peaks}, static, saved,
                 tuple(counter.timeline))


def _step(model, stepper, loss_of, counter, keep_gradients) -> int:
    """One training step; returns the bytes that the forward pass left for the backward pass."""
    counter.enter("forward")
    before = counter.live
    loss, logits = loss_of(model)  # noqa: F841  the logits stay alive to the end of the step where somebody keeps them
    saved = counter.live - before
    counter.enter("loss backward")
    loss.backward()
    del loss
    counter.enter("optimiser step")
    stepper.step()
    stepper.zero_grad(set_to_none=not keep_gradients)
    return saved


def _preference_loss(model, frozen, reference: bool, ids, counter):
    """−log sigmoid of the difference between chosen and rejected, in log-probabilities over those of the reference."""

    def log_probabilities(model):
        logits = model(input_ids=ids, use_cache=False).logits.float()
        labels = nn.functional.pad(ids, (0, 1), value=-100)[:, 1:]
        each = nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), labels.reshape(-1), reduction="none")
        return -each.view(len(ids), -1).sum(-1)

    ratio = log_probabilities(model)
    if reference:
        counter.enter("reference forward")
        with torch.no_grad(), model.disable_adapter() if frozen is None else contextlib.nullcontext():
            of_reference = log_probabilities(frozen or model)
        ratio = ratio - of_reference
    chosen, rejected = ratio.chunk(2)
    return -nn.functional.logsigmoid(0.1 * (chosen - rejected)).mean(), None


def _mark_phases(model, counter) -> None:
    """Tell the counter when the loss begins, and when the gradient leaves the head and reaches the embedding."""
    head, layers = model.get_output_embeddings(), _layers(model)

    def head_begins(_, inputs):
        if not torch.is_grad_enabled():  # the reference has a phase of its own
            return
        counter.enter("loss forward")
        inputs[0].register_hook(lambda gradient: counter.enter("layers backward"))

    def layers_begin(_, inputs):
        if inputs and inputs[0].requires_grad and inputs[0].grad_fn is not None and torch.is_grad_enabled():
            inputs[0].register_hook(lambda gradient: counter.enter("embedding backward"))

    head.register_forward_pre_hook(head_begins)
    layers[0].register_forward_pre_hook(layers_begin)


def _layers(model) -> nn.ModuleList:
    return next(m for m in model.modules() if isinstance(m, nn.ModuleList))


def _on_meta(config, dtype, attention, checkpointing, adapter, quant, prepare_kbit):
    """The model as the trainer would have it, with shapes only. `adapter`: (rank, targets, dtype) or None."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=DTYPES[dtype], attn_implementation=attention)
        if quant:
            _quantise(model, quant == "nf4-dq", prepare_kbit)
        if adapter:
            from peft import LoraConfig, get_peft_model

            rank, targets, kind = adapter
            model.requires_grad_(False)
            model = get_peft_model(model, LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets) or "all-linear", task_type="CAUSAL_LM",
                                                     fan_in_fan_out=any(isinstance(m, Conv1D) for m in model.modules())),
                                   autocast_adapter_dtype=kind == "fp32")
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.data = parameter.data.to(DTYPES[kind])
        if quant:
            from peft.tuners.lora import bnb, layer

            for module in model.modules():
                if type(module) is layer.Linear:
                    module.__class__ = bnb.Linear4bit  # what peft puts around a 4-bit layer: other casts than its Linear
    if checkpointing:
        model.enable_input_require_grads() if adapter else None
        model.activation_checkpointing_enable({"use_reentrant": False})
    return model.train()


class _Dequantised(torch.autograd.Function):
    """What bitsandbytes' MatMul4Bit does to memory: the weight is unpacked in both directions and never kept."""

    @staticmethod
    def forward(context, x, packed, shape):
        context.save_for_backward(packed)
        context.shape, context.dtype = shape, x.dtype
        return nn.functional.linear(x, torch.empty(shape, dtype=x.dtype))

    @staticmethod
    def backward(context, gradient):
        weight = torch.empty(context.shape, dtype=torch.bfloat16).to(gradient.dtype)
        return gradient @ weight, None, None


class _Linear4bit(nn.Linear):
    """Packed weights, two to a byte, and their constants: one a block of 64, themselves quantised or fp32."""

    def __init__(self, old: nn.Linear | Conv1D, double_quant: bool):
        super().__init__(1, 1, bias=False)
        self.out_features, self.in_features = reversed(old.weight.shape) if isinstance(old, Conv1D) else old.weight.shape
        self.bias = old.bias
        numbers, blocks = old.weight.numel(), -(-old.weight.numel() // 64)
        self.weight = nn.Parameter(torch.empty(numbers // 2, 1, dtype=torch.uint8), requires_grad=False)
        self.register_buffer("absmax", torch.empty(blocks, dtype=torch.uint8 if double_quant else torch.float32))
        if double_quant:
            self.register_buffer("absmax2", torch.empty(-(-blocks // 256), dtype=torch.float32))

    def forward(self, x):
        packed_times_x = _Dequantised.apply(x.to(torch.bfloat16), self.weight, (self.out_features, self.in_features))
        return packed_times_x.to(x.dtype)


def _quantise(model, double_quant, prepare_kbit) -> None:
    head = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, (nn.Linear, Conv1D)) and child is not head:
                setattr(parent, name, _Linear4bit(child, double_quant))
    if prepare_kbit:  # peft.prepare_model_for_kbit_training makes every weight that is not packed fp32
        for parameter in model.parameters():
            if parameter.dtype == torch.bfloat16:
                parameter.data = parameter.data.float()


def _materialise(model) -> None:
    """meta → fake CPU, in place; a weight that two modules share stays shared."""
    made = {}
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:
                if id(parameter) not in made:
                    made[id(parameter)] = (nn.Parameter(torch.empty(parameter.shape, dtype=parameter.dtype),
                                                        requires_grad=parameter.requires_grad), parameter)
                module._parameters[name] = made[id(parameter)][0]
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype)


@contextlib.contextmanager
def _as_on_a_gpu():
    """transformers takes fake tensors for an export and then builds masks and repeats keys, and peft asks for the
    GPU's autocast: answer both as a GPU would. A batch without padding needs a mask only beyond a sliding window."""
    enabled = torch.is_autocast_enabled

    def no_mask_needed(padding, queries, keys, query_offset, key_offset, window=None):
        return window is None or keys < window

    with (mock.patch.object(torch, "is_autocast_enabled", lambda device="cpu": enabled("cpu")),
          mock.patch.object(masking_utils, "find_packed_sequence_indices", lambda *_: None),
          mock.patch.object(masking_utils, "_ignore_causal_mask_sdpa", no_mask_needed)):
        yield
