import json
import logging
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, DataError, MissingExtra
from forethought.agent.types import Message, Request

pytest.importorskip("torch", reason="torch is not installed: extra local")
pytest.importorskip("llguidance", reason="llguidance is not installed: extra local")

import numpy as np
import torch
from huggingface_hub import constants
from tiny_llama import TEMPLATE, tiny_model, tiny_tokenizer, write_tiny

from forethought.agent.models import LocalModel, load_model
from forethought.agent.models.weights import Settings, conversion_of, converted, load, resolve
from forethought.agent.models.worker import stop_workers

ASK = Request((Message("user", "hi"),), max_tokens=6, temperature=0.0)


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model at"):
        LocalModel(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="no model at"):
        load_model("local:weights.gguf")
    with pytest.raises(ConfigError, match="no model at"):
        load_model("local:some/where/else")
    with pytest.raises(ConfigError, match=r"no config\.json"):
        LocalModel(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"is an adapter: name its base model and pass adapter="):
        LocalModel(tmp_path)
    with pytest.raises(ConfigError, match="neither a file, a directory nor a hub id"):
        LocalModel("not a:name")
    (tmp_path / "file.gguf").write_bytes(b"GGML")
    with pytest.raises(DataError, match="is not a GGUF file"):
        LocalModel(tmp_path / "file.gguf")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"device": "cuda:99"}, "use auto or cpu"),
        ({"dtype": "int3"}, "no dtype 'int3'; known: auto, float32"),
        ({"adapter": "/nowhere"}, r"has no adapter_config\.json"),
        ({"max_batch": 0}, "max_batch"),
        ({"context": 0}, "context"),
        ({"timeout": 0.0}, "timeout"),
        ({"cache_mb": -1}, "cache_mb"),
        ({"trust_remote_code": True}, "no option 'trust_remote_code'; known: adapter, cache_mb"),
    ],
)
def test_options_that_cannot_work(tiny: Path, option: dict[str, Any], words: str) -> None:
    if option.get("device") == "cuda:99" and torch.cuda.is_available():
        pytest.skip("needs a machine without CUDA")
    with pytest.raises(ConfigError, match=words):
        load_model(f"local:{tiny}", **option)


async def test_a_hub_id_that_is_not_at_hand() -> None:
    model = LocalModel("nobody/nothing-at-all")
    with pytest.raises(ConfigError, match="run: hf download nobody/nothing-at-all") as no:
        await model.complete(ASK)
    assert "\n" not in str(no.value)
    with pytest.raises(ConfigError, match="nothing-at-all"):  # and again, with a new worker
        model.start()


async def test_a_hub_id_from_the_hub_cache(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "models--some--tiny"
    commit = "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(tiny, place / "snapshots" / commit)
    for name in ("main", "tuned"):
        (place / "refs").mkdir(exist_ok=True)
        (place / "refs" / name).write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for options in ({}, {"revision": "tuned"}):
        model = LocalModel("some/tiny", **options)  # type: ignore[arg-type]
        assert model.name == "local:some/tiny"
        assert (await model.complete(ASK)).text == (await LocalModel(tiny).complete(ASK)).text


def test_pickled_weights_in_the_hub_cache(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "models--some--pickled"
    folder = place / "snapshots" / ("1" * 40)
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("1" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"cannot use the model at some/pickled"):
        LocalModel("some/pickled").start()


def test_no_chat_template(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no chat template: .* chat_template\.jinja"):
        LocalModel(write_tiny(tmp_path, template=None)).start()


def test_damaged_and_pickled_weights(tiny: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny, damaged)
    (damaged / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="cannot use the model at") as no:
        LocalModel(damaged).start()
    assert "\n" not in str(no.value)
    pickled = tmp_path / "pickled"
    shutil.copytree(tiny, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(DataError, match="safetensors"):
        LocalModel(pickled).start()


def test_code_that_comes_with_a_model_is_not_run(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "coded"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(DataError):
        LocalModel(folder).start()
    assert not (tmp_path / "ran").exists()


def test_layers_without_keys_are_refused(tmp_path: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    tokenizer = tiny_tokenizer()
    config = MambaConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1)
    MambaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="mamba"):
        LocalModel(tmp_path).start()


async def test_generation_settings_of_a_directory_are_heeded(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tuned"
    shutil.copytree(tiny, folder)
    settings = folder / "generation_config.json"

    async def said(**given: object) -> tuple[str, ...]:
        stop_workers()
        settings.write_text(json.dumps({"do_sample": True} | given))
        model = LocalModel(folder)
        requests = [Request(ASK.messages, max_tokens=25, temperature=t, seed=3) for t in (0.0, 1.0)]
        return tuple([(await model.complete(request)).text for request in requests])

    greedy, free = await said(eos_token_id=1)
    assert greedy != free
    for cut in ({"top_k": 1}, {"top_p": 1e-9}, {"min_p": 1.0}):
        assert await said(eos_token_id=1, **cut) == (greedy, greedy)
    assert (await said(eos_token_id=1, repetition_penalty=5.0))[0] != greedy
    short = (await said(eos_token_id=[1, *range(100, 400)]))[0]
    assert greedy.startswith(short)
    assert len(short) < len(greedy)


def test_the_device_and_precision_asked_for(tiny: Path) -> None:
    loaded = load(Settings(str(tiny), device="cpu", dtype="bfloat16", context=99))
    assert loaded.model.dtype == torch.bfloat16
    assert loaded.device.type == "cpu"
    assert loaded.context == 99
    assert load(Settings(str(tiny), device="cpu", context=10_000)).context == 512
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert load(Settings(str(tiny))).model.dtype == torch.float32


async def test_an_adapter_is_merged(tiny: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed: extra local")
    model = tiny_model(len(tiny_tokenizer()) + 16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by old names
        tuned = peft.get_peft_model(
            model, peft.LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj", "down_proj"])
        )
    generator = torch.Generator().manual_seed(1)
    for name, weight in tuned.named_parameters():
        if "lora" in name:
            weight.data.normal_(0.0, 0.3, generator=generator)
    tuned.save_pretrained(tmp_path / "adapter")
    tuned.merge_and_unload().save_pretrained(tmp_path / "whole")
    tiny_tokenizer().save_pretrained(tmp_path / "whole")
    plain = (await LocalModel(tiny).complete(ASK)).text
    adapted = (await LocalModel(tiny, adapter=tmp_path / "adapter").complete(ASK)).text
    whole = (await LocalModel(tmp_path / "whole").complete(ASK)).text
    assert adapted == whole
    assert adapted != plain


def write_gguf(file: Path) -> torch.Tensor:
    """The tiny model as a GGUF file; the embeddings that are in it."""
    gguf = pytest.importorskip("gguf", reason="gguf is not installed: extra local")
    tokenizer = tiny_tokenizer()
    model = tiny_model(len(tokenizer))
    inner = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(96)
    writer.add_block_count(3)
    writer.add_feed_forward_length(192)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(tokenizer))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(sorted(inner["vocab"], key=inner["vocab"].__getitem__))
    writer.add_token_types([3, 3] + [1] * (len(tokenizer) - 2))
    writer.add_token_merges([" ".join(pair) for pair in inner["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_chat_template(TEMPLATE)
    names = {
        "embed_tokens": "token_embd",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "lm_head": "output",
        "norm": "output_norm",
        **{f"{x}_proj": f"attn_{x}" for x in "qkv"},
        "o_proj": "attn_output",
        **{f"{x}_proj": f"ffn_{x}" for x in ("gate", "up", "down")},
    }
    for name, weight in model.state_dict().items():
        parts = name.split(".")
        block = f"blk.{parts[2]}." if "layers" in parts else ""
        writer.add_tensor(f"{block}{names[parts[-2]]}.weight", weight.numpy().astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    embeddings: torch.Tensor = model.get_input_embeddings().weight.detach()
    return embeddings


async def test_a_gguf_file_is_converted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "tiny.gguf"
    embeddings = write_gguf(file)
    capfd.readouterr()
    with caplog.at_level(logging.INFO, logger="forethought"):
        loaded = load(Settings(resolve(str(file)), device="cpu"))
    assert [record.message.split()[0] for record in caplog.records][:2] == [
        "converting",
        "converted",
    ]
    assert capfd.readouterr() == ("", "")
    torch.testing.assert_close(
        loaded.model.get_input_embeddings().weight.detach(), embeddings, rtol=1e-3, atol=1e-6
    )
    assert loaded.tokenizer.encode("the fox") == tiny_tokenizer().encode("the fox")
    assert loaded.ends == {1}
    folder = converted(file)
    assert folder.parent == tmp_path / "cache" / "gguf"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    before = (folder / "model.safetensors").stat().st_mtime_ns
    copy = shutil.copy(file, tmp_path / "other-name.gguf")
    reply = await LocalModel(copy).complete(ASK)
    assert reply.usage.completion_tokens > 0
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert len(list(folder.parent.iterdir())) == 1


def test_a_damaged_gguf_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\x03" + b"\0" * 60)
    with pytest.raises(DataError, match="cannot use the model at") as no:
        LocalModel(tmp_path / "bad.gguf").start()
    assert "\n" not in str(no.value)
    assert not list((tmp_path / "cache" / "gguf").iterdir())


async def test_real_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp", reason="the engine is not installed: extra gguf")
    from forethought.agent.models.llamacpp import builtin_file

    monkeypatch.delenv("FORETHOUGHT_CACHE")  # only where a user had the weights converted
    try:
        file = builtin_file()
    except MissingExtra as error:
        pytest.skip(str(error))
    if not conversion_of(file).is_dir():
        pytest.skip("the weights of builtin were not converted on this machine: takes 20 s")
    model = LocalModel(file)
    question = (Message("user", "What is the capital of France?"),)
    reply = await model.complete(Request(question, max_tokens=20, temperature=0.0))
    assert "Paris" in reply.text
    assert reply.finish == "stop"
    begun = Request(question, prefix="The capital of France is ", max_tokens=4, temperature=0.0)
    assert (await model.complete(begun)).text.startswith("The capital of France is Paris")
