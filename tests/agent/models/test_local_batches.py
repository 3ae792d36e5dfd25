import asyncio
import gc
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import ModelUnavailable
from forethought.agent.types import Message, Reply, Request

pytest.importorskip("torch", reason="torch is not installed: extra local")
pytest.importorskip("llguidance", reason="llguidance is not installed: extra local")

import torch
from tiny_llama import tiny_model

from forethought.agent.models import LocalModel
from forethought.agent.models.batching import Batch
from forethought.agent.models.kvcache import Layers, PrefixStore
from forethought.agent.models.weights import Settings, resolve
from forethought.agent.models.worker import Worker, running, stop_workers, worker_for

WORDS = ["the", "fox", "and", "dog", "offer", "two", "books", "or", "one", "hat", "to", "them"]


def mixed(count: int, temperature: float) -> list[Request]:
    """Requests of different lengths, prefixes and numbers of tokens."""
    rng = random.Random(3)
    return [
        Request(
            (Message("user", " ".join(rng.choices(WORDS, k=rng.randint(1, 60)))),),
            prefix=rng.choice(["", "I ", "Because"]),
            max_tokens=rng.randint(3, 40),
            temperature=temperature,
            seed=number,
        )
        for number in range(count)
    ]


async def together(model: LocalModel, requests: list[Request]) -> list[Reply]:
    return list(await asyncio.gather(*[model.complete(request) for request in requests]))


def said(replies: list[Reply]) -> list[tuple[str, str, int, int]]:
    return [(r.text, r.finish, r.usage.prompt_tokens, r.usage.completion_tokens) for r in replies]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
async def test_a_batch_says_what_each_would_say_alone(tiny: Path, temperature: float) -> None:
    stop_workers()
    requests = mixed(9, temperature)
    batched = LocalModel(tiny, max_batch=4)
    many = await together(batched, requests)
    assert batched.work.widest == 4
    assert batched.work.steps < batched.work.written
    alone = LocalModel(tiny, max_batch=1, cache_mb=0)
    single = [await alone.complete(request) for request in requests]
    assert alone.work.widest == 1
    assert said(many) == said(single)


async def test_rows_join_while_others_are_written(tiny: Path) -> None:
    model = LocalModel(tiny)
    first, *others = mixed(4, 0.0)
    long = Request(first.messages, max_tokens=120, temperature=0.0)
    wanted = [await model.complete(request) for request in (long, *others)]
    joined = asyncio.Event()
    running = asyncio.ensure_future(model.stream(long, lambda _: joined.set()))
    await joined.wait()
    late = await together(model, others)
    assert said([await running, *late]) == said(wanted)


def test_logits_of_padded_rows_are_those_of_rows_alone() -> None:
    model = tiny_model(200)
    prompts = [list(range(5, 5 + n)) for n in (3, 40, 17)]
    nxt = [11, 12, 13]
    with torch.inference_mode():
        batch = Batch(model, PrefixStore(0), torch.device("cpu"))
        first = torch.stack([batch.join(ids) for ids in prompts])
        second = batch.step(nxt)
        batch.leave(1, [*prompts[1], 12])
        third = batch.step([21, 23])
        for place, ids in enumerate(prompts):
            whole = model(torch.tensor([[*ids, nxt[place]]])).logits[0]
            torch.testing.assert_close(first[place], whole[-2])
            torch.testing.assert_close(second[place], whole[-1])
        for place, (ids, last) in enumerate(((prompts[0], [11, 21]), (prompts[2], [13, 23]))):
            whole = model(torch.tensor([ids + last])).logits[0]
            torch.testing.assert_close(third[place], whole[-1])


def test_sliding_windows_hold_across_padding() -> None:
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(
        vocab_size=60,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=8,
    )
    model: Any = MistralForCausalLM(config)
    model.eval()
    prompts = [list(range(5, 5 + n)) for n in (3, 30)]
    with torch.inference_mode():
        batch = Batch(model, PrefixStore(2**20), torch.device("cpu"))
        for ids in prompts:
            batch.join(ids)
        stepped = batch.step([7, 8])
        again = batch.join([*prompts[1], 9])
        assert batch.work.reused >= 30
        for place, ids in enumerate(([*prompts[0], 7], [*prompts[1], 8])):
            torch.testing.assert_close(stepped[place], model(torch.tensor([ids])).logits[0, -1])
        wanted = model(torch.tensor([[*prompts[1], 9]])).logits[0, -1]
        torch.testing.assert_close(again, wanted)


async def test_prompts_that_begin_alike_are_read_once(tiny: Path) -> None:
    stop_workers()
    common = "You trade with them. " + "the fox offers two books and one hat " * 8
    requests = [
        Request(
            (Message("system", common), Message("user", question)),
            max_tokens=12,
            temperature=temperature,
            seed=1,
        )
        for question in ("What now?", "What may happen?", "What now? Refine it.", "What now?")
        for temperature in (0.0, 0.9)
    ]
    keeping, forgetting = LocalModel(tiny), LocalModel(tiny, cache_mb=0)
    kept = [await keeping.complete(request) for request in requests]
    forgot = [await forgetting.complete(request) for request in requests]
    assert said(kept) == said(forgot)
    assert forgetting.work.reused == 0
    assert keeping.work.read + keeping.work.reused == forgetting.work.read
    assert keeping.work.read < 0.35 * forgetting.work.read


def test_a_talk_that_goes_on_is_not_read_again() -> None:
    model = tiny_model(200)
    with torch.inference_mode():
        batch = Batch(model, PrefixStore(2**20), torch.device("cpu"))
        batch.join([5, 6, 7])
        batch.join([8] * 9)
        for token in (11, 12):
            batch.step([token, token])
        batch.leave(0, [5, 6, 7, 11, 12, 13])
        logits = batch.join([5, 6, 7, 11, 12, 13, 14])
        assert batch.work.reused == 5
        wanted = model(torch.tensor([[5, 6, 7, 11, 12, 13, 14]])).logits[0, -1]
        torch.testing.assert_close(logits, wanted)


def layers(tokens: int) -> Layers:
    keys = torch.arange(tokens, dtype=torch.float32).reshape(1, 1, tokens, 1)
    return [(keys, -keys)]


def test_the_store_finds_the_longest_beginning() -> None:
    store = PrefixStore(10_000)
    assert store.find([1, 2, 3]) == (0, [])
    store.keep([1, 2, 3], layers(3))
    store.keep([1, 2, 9, 9], layers(4))
    length, found = store.find([1, 2, 9, 5, 5])
    assert length == 3
    assert found[0][0].flatten().tolist() == [0, 1, 2]
    assert store.find([1, 2, 3])[0] == 2  # the last token is read anyway
    assert store.find([7, 1, 2])[0] == 0
    assert store.find([4])[0] == 0


def test_the_store_holds_no_part_twice_and_keeps_to_its_limit() -> None:
    store = PrefixStore(8 * 20)  # twenty tokens, keys and values of four bytes
    store.keep([1, 2, 3], layers(3))
    store.keep([1, 2, 3, 4, 5], layers(5))
    assert (len(store), store.bytes) == (1, 40)
    store.keep([1, 2, 3, 4], layers(4))
    assert len(store) == 1
    store.keep([7] * 8, layers(8))
    store.find([1, 2, 3, 4, 5, 6])  # of use again
    store.keep([8] * 10, layers(10))
    assert store.bytes <= 160
    assert store.find([7] * 9)[0] == 0
    assert store.find([1, 2, 3, 4, 5, 6])[0] == 5
    store.keep([9] * 21, layers(21))
    assert store.find([9] * 22)[0] == 0
    nothing = PrefixStore(0)
    nothing.keep([1], layers(1))
    assert len(nothing) == 0


async def test_a_cancelled_request_leaves_at_the_next_token(tiny: Path) -> None:
    model = LocalModel(tiny)
    await model.complete(Request((Message("user", "hi"),), max_tokens=1))
    began = asyncio.Event()
    long = Request((Message("user", "hi"),), max_tokens=480, temperature=0.0)
    task = asyncio.ensure_future(model.stream(long, lambda _: began.set()))
    await began.wait()
    written = model.work.written
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await model.complete(Request((Message("user", "hi"),), max_tokens=3, temperature=0.0))
    assert model.work.written - written < 100


async def test_what_waits_can_be_cancelled_too(tiny: Path) -> None:
    model = LocalModel(tiny, max_batch=1)
    talk = (Message("user", "hi"),)
    first = asyncio.ensure_future(model.complete(Request(talk, max_tokens=60, temperature=0.0)))
    second = asyncio.ensure_future(model.complete(Request(talk, max_tokens=480)))
    await asyncio.sleep(0)
    second.cancel()
    assert (await first).text
    reply = await model.complete(Request(talk, max_tokens=2, temperature=0.0))
    assert reply.usage.completion_tokens <= 2
    assert second.cancelled()


def test_one_worker_for_equal_settings_across_loops_and_threads(tiny: Path) -> None:
    request = Request((Message("user", "hi"),), max_tokens=5, temperature=0.0)
    one, two = LocalModel(tiny), LocalModel(str(tiny), timeout=5)
    texts = [asyncio.run(model.complete(request)).text for model in (one, two)]
    workers = [thread for thread in threading.enumerate() if thread.name == "forethought-local"]
    threads = [
        threading.Thread(target=lambda: texts.append(asyncio.run(one.complete(request)).text))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 5
    assert len(set(texts)) == 1
    after = [thread for thread in threading.enumerate() if thread.name == "forethought-local"]
    assert after == workers


def test_a_loop_that_closes_does_not_stop_the_others(tiny: Path) -> None:
    model = LocalModel(tiny)
    settings = Settings(resolve(str(tiny)), device="cpu")
    model.start()

    async def leave() -> None:
        worker = running(settings)
        assert worker is not None
        loop = asyncio.get_running_loop()

        def tell(piece: str) -> None:
            loop.call_soon_threadsafe(print, piece)

        worker.submit(
            Request((Message("user", "hi"),), max_tokens=400),
            tell,
        )

    asyncio.run(leave())
    reply = asyncio.run(model.complete(Request((Message("user", "hi"),), max_tokens=3)))
    assert reply.usage.calls == 1


async def test_a_stopped_worker_answers_nobody_and_another_takes_over(tiny: Path) -> None:
    settings = Settings(resolve(str(tiny)), device="cpu", max_batch=3)
    worker = worker_for(settings)
    worker.ready.result()
    request = Request((Message("user", "hi"),), max_tokens=480, temperature=0.0)
    futures = [worker.submit(request) for _ in range(5)]
    time.sleep(0.05)
    stop_workers()
    for future in futures:
        with pytest.raises(ModelUnavailable, match="stopped"):
            future.result(timeout=5)
    with pytest.raises(ModelUnavailable, match="stopped"):
        worker.submit(request).result(timeout=5)
    assert running(settings) is None
    reply = await LocalModel(tiny, max_batch=3).complete(
        Request((Message("user", "hi"),), max_tokens=2)
    )
    assert reply.usage.calls == 1


def test_what_breaks_a_step_fails_its_rows_and_no_more(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(Settings(resolve(str(tiny)), device="cpu"))
    worker.ready.result()
    request = Request((Message("user", "hi"),), max_tokens=5, temperature=0.0)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise torch.OutOfMemoryError("no memory\nleft")

        patch.setattr(Batch, "step", fail)
        with pytest.raises(ModelUnavailable, match=r"OutOfMemoryError: no memory left\); lower"):
            worker.submit(request).result(timeout=10)
        patch.setattr(Batch, "join", fail)
        with pytest.raises(ModelUnavailable, match="generation failed"):
            worker.submit(request).result(timeout=10)
    assert worker.submit(request).result(timeout=10).usage.completion_tokens >= 1
    worker.stop()
    gc.collect()


def test_the_interpreter_ends_while_replies_are_written(tiny: Path) -> None:
    code = f"""
        import asyncio, sys
        import torch
        torch.set_num_threads(1)
        from forethought.agent.models import LocalModel
        from forethought.agent.types import Message, Request

        model = LocalModel({str(tiny)!r})
        model.start()
        from forethought.agent.models.worker import worker_for
        for _ in range(3):
            worker_for(model._settings).submit(
                Request((Message("user", "hi"),), max_tokens=480, temperature=0.0))
        print("left")
    """
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
    )
    assert (child.returncode, child.stdout, child.stderr) == (0, "left\n", "")
