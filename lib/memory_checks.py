"""The exercise checks of lesson 05; how they behave is described in lib.checks."""

from lib.checks import WrongAnswer, _expect, exercise


@exercise
def kv_cache_bytes(function):
    """05, exercise 1: `function(layers, kv_heads, head_size, tokens)` is the size of a 16-bit KV cache."""
    got = function(32, 8, 128, 8192)
    if got is ...:
        return ...
    hints = {2**29: "That is half of it: keys and values are two tensors.",
             2**28: "Keys and values are two tensors, and a 16-bit number has two bytes.",
             2**33: "head_size is already in bits of a number? A 16-bit number has two bytes, not sixteen."}
    _expect(got, 2**30, hints.get(got, "For each layer and token: a key and a value of kv_heads × head_size numbers, 2 B each."))
    _expect(function(3, 5, 7, 11), 4620, "The same with small odd numbers: 2 · 3 · 5 · 7 · 11 · 2.")


@exercise
def step_peak(function):
    """05, exercise 2: `function(static, activations, logits, gradients)` is the peak of a step."""
    got = function(40, 12, 3, 13)
    if got is ...:
        return ...
    if got == 68:
        raise WrongAnswer("got 68, the sum of everything. When the gradients are complete, activations and logits are gone.")
    _expect(got, 55, "40 + 12 + 3 while the loss is computed, 40 + 13 when the optimiser begins: the larger one.")
    _expect(function(40, 1, 2, 13), 53, "With checkpointing the activations are small: now the gradients decide.")
    _expect(function(7, 9, 1, 4), 17, "7 + 9 + 1 is more than 7 + 4.")


@exercise
def lora_static_bytes(function):
    """05, exercise 3: `function(numbers, trained)` is what LoRA holds all the time it takes a step."""
    got = function(1000, 10)
    if got is ...:
        return ...
    hints = {16_000 + 16 * 10: "The frozen numbers have neither gradients nor optimiser state.",
             2080: "That has adapters, gradients and both averages in 16 bits; peft keeps adapters in fp32.",
             2120: "One of four is missing. Each trained number has itself, its gradient and two averages, 4 B each."}
    _expect(got, 2160, hints.get(got, "2 B for each frozen number; for each trained one itself, its gradient and two averages, 4 B each."))
    _expect(function(8_030_261_248, 41_943_040), 16_731_611_136, "Llama-3.1-8B with rank 16.")
    _expect(function(0, 3), 48, "Adapters alone.")
