"""Four-bit weights: the taught format equals the library's, and nothing rewrites them behind the reader's back."""

from pathlib import Path

import bitsandbytes
import nbformat
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from lib import data, models, quantize, train

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "07_qlora.ipynb"


def taught(*cell_ids, **given) -> dict:
    """The code that the lesson teaches, read out of the notebook."""
    cells = {c["id"]: c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells}
    namespace = {"torch": torch, "bnb": bitsandbytes, "layers": {"one": torch.randn(8, 64)}, "quantize": quantize,
                 "models": models, **given}
    for cell_id in cell_ids:
        exec(compile(cells[cell_id], cell_id, "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> str:
    """A random Llama without biases, as the large models are."""
    folder = tmp_path_factory.mktemp("small")
    torch.manual_seed(1)
    shape = LlamaConfig(hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
                        num_key_value_heads=2, vocab_size=1024)
    LlamaForCausalLM(shape).save_pretrained(folder)
    models.load("tiny")[1].save_pretrained(folder)
    return str(folder)


def written_out():
    return taught("written-out")["written_out"]


def lora(**settings):
    return LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **settings)


@pytest.mark.parametrize("shape, spread", [((256, 192), 0.02), ((64, 64), 3.0), ((8, 1024), 1e-6)])
def test_the_taught_nf4_equals_bitsandbytes(shape, spread):
    lesson = taught("nf4", "quantize", "restore")
    weight = spread * torch.randn(*shape, generator=torch.Generator().manual_seed(2))
    packed, absmax = lesson["to_four_bits"](weight, lesson["nf4"])
    theirs, state = bitsandbytes.functional.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=False)
    assert (packed == theirs.flatten()).float().mean() > 0.9999  # a value exactly between two levels may go either way
    assert torch.equal(absmax, state.absmax)
    ours = lesson["from_four_bits"](packed, absmax, lesson["nf4"], weight.shape)
    assert torch.allclose(ours, bitsandbytes.functional.dequantize_4bit(theirs, state), rtol=1e-5, atol=1e-6 * spread)


def gradients(name: str, guarded: bool, ask_first: bool) -> torch.Tensor:
    model, _ = quantize.load_4bit(name)
    if not guarded:
        for layer in quantize.four_bit_layers(model).values():
            layer.support_avx512bf16_for_cpu = train.cpu_multiplies_bf16()
    torch.manual_seed(0)
    model = get_peft_model(model, lora(init_lora_weights=False))
    ids = torch.arange(5, 45).view(1, -1)  # (1, 40)
    if ask_first:
        with torch.no_grad():
            model.eval()(ids)
    model.train()(ids, labels=ids).loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad])


def test_gradients_after_an_evaluation_equal_those_before(small):
    assert torch.equal(gradients(small, True, True), gradients(small, True, False))
    assert torch.equal(gradients("tiny", True, True), gradients("tiny", True, False))


@pytest.mark.skipif(not train.cpu_multiplies_bf16(), reason="only CPUs with bf16 instructions repack the weights")
def test_without_the_guard_an_evaluation_spoils_the_gradients(small):
    """If this fails, bitsandbytes has been repaired: take `keep_weights` and the lesson's section 7 out."""
    right = gradients(small, True, False)
    assert (gradients(small, False, True) - right).norm() > 0.1 * right.norm()


def test_gradients_equal_those_beside_the_written_out_weights(small):
    """Oracle: a plain float model with the dequantised weights has the same gradients on the adapter."""
    four, _ = quantize.load_4bit(small)
    plain = written_out()(four, small)
    ids = torch.arange(5, 45).view(1, -1)  # (1, 40)
    found = []
    for model in (four, plain):
        torch.manual_seed(0)
        wrapped = get_peft_model(model, lora(init_lora_weights=False)).train()
        wrapped(ids, labels=ids).loss.backward()
        found.append(torch.cat([p.grad.flatten() for p in wrapped.parameters() if p.requires_grad]))
    assert torch.allclose(found[0], found[1], rtol=1e-3, atol=1e-5)


def test_an_adapter_learned_in_four_bits_merges_without_loss_into_the_written_out_weights(small, tmp_path):
    model, tokenizer = quantize.load_4bit(small)
    rows = data.sample("shorthand", "train", "en")[:16]
    run = train.sft(model, tokenizer, rows, lora=lora(), steps=4, batch_size=4, learning_rate=1e-2)
    run.model.save_pretrained(tmp_path)
    ids = torch.arange(5, 45).view(1, -1)  # (1, 40)
    plain = written_out()(quantize.load_4bit(small)[0], small)
    with torch.inference_mode():
        unmerged = run.model(ids).logits
        base = plain(ids).logits
        merged = PeftModel.from_pretrained(plain, tmp_path).merge_and_unload()(ids).logits
    assert torch.allclose(merged, unmerged, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(base, unmerged, atol=1e-2), "the adapter does something"


def test_a_float_adapter_stays_float_and_begins_like_the_other_one(small):
    """TRL casts the adapter of a four-bit model to bfloat16; `float_adapter` keeps it from that, from the same start."""
    rows = data.sample("shorthand", "train", "en")[:8]
    kinds, starts = {}, {}
    for way in ("cast", "float"):
        model, tokenizer = quantize.load_4bit(small)
        config = lora()
        if way == "float":
            model, config = quantize.float_adapter(model, config, seed=3), None
        run = train.sft(model, tokenizer, rows, lora=config, steps=1, batch_size=2, learning_rate=1e-9, seed=3)
        adapter = {n: p for n, p in run.model.named_parameters() if p.requires_grad}
        kinds[way] = {p.dtype for p in adapter.values()}
        starts[way] = {n: p.detach().float() for n, p in adapter.items() if "lora_A" in n}
        assert len(quantize.four_bit_layers(run.model)) == 14
    assert kinds == {"cast": {torch.bfloat16}, "float": {torch.float32}}
    assert all(torch.allclose(starts["cast"][n], starts["float"][n], rtol=1e-2, atol=1e-6) for n in starts["float"])


def round_trip_error(columns: int) -> float:
    """What the library restores of a (64, columns) weight, against its own codes restored by the lesson's function."""
    lesson = taught("nf4", "quantize", "restore")
    weight = torch.randn(64, columns, generator=torch.Generator().manual_seed(3))
    packed, state = bitsandbytes.functional.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=False)
    stored = lesson["from_four_bits"](packed.flatten(), state.absmax, lesson["nf4"], weight.shape)
    return ((bitsandbytes.functional.dequantize_4bit(packed, state) - stored).norm() / stored.norm()).item()


def test_whole_blocks_in_a_row_are_restored_as_they_were_stored():
    assert round_trip_error(64) < 1e-6 and round_trip_error(192) < 1e-6


@pytest.mark.skipif(not torch.cpu.get_capabilities().get("avx512_f"), reason="the AVX-512 routine")
def test_a_block_across_two_rows_is_restored_wrongly():
    """If this fails, bitsandbytes has been repaired: take the refusal out of load_4bit and the remark out of section 5."""
    assert round_trip_error(96) > 0.02


def test_a_model_with_such_rows_is_refused_on_a_cpu(tmp_path):
    shape = LlamaConfig(hidden_size=96, intermediate_size=128, num_hidden_layers=1, num_attention_heads=2, vocab_size=1024)
    LlamaForCausalLM(shape).save_pretrained(tmp_path)
    models.load("tiny")[1].save_pretrained(tmp_path)
    with pytest.raises(models.ModelUnavailable, match="rows of 96 weights.*Use a GPU"):
        quantize.load_4bit(str(tmp_path), device="cpu")


def test_bytes_are_counted_with_their_constants():
    four, _ = quantize.load_4bit("tiny")
    inside = sum(layer.weight.quant_state.shape.numel() for layer in quantize.four_bit_layers(four).values())
    outside = models.parameter_count(four)[1] - inside
    exact = inside * (4 + 8 / 64 + 32 / (64 * 256)) / 8 + 4 * outside
    assert quantize.weight_bytes(four) == pytest.approx(exact, rel=0.02)  # the code tables and last, short blocks
    single, _ = quantize.load_4bit("tiny", double_quant=False)
    assert quantize.weight_bytes(single) == pytest.approx(inside * 4.5 / 8 + 4 * outside, rel=0.001)
    assert quantize.weight_bytes(models.load("tiny")[0]) == 4 * (inside + outside)


def test_everything_is_frozen_and_wrong_names_are_answered():
    four, _ = quantize.load_4bit("tiny")
    assert not any(p.requires_grad for p in four.parameters())
    with pytest.raises(ValueError, match="nf4.*fp4"):
        quantize.load_4bit("tiny", quant_type="int4")
    with pytest.raises(models.ModelUnavailable, match="no config.json"):
        quantize.load_4bit("./nowhere")
