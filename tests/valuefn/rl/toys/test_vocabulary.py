from pathlib import Path

import pytest
from transformers import AutoTokenizer

from forethought.agent.errors import ConfigError
from forethought.valuefn.rl.toys.vocabulary import (
    END,
    encode_known,
    prompt_text,
    symbol_tokenizer,
)

SYMBOLS = (*"0123456789+=;?", "<direct>", "<stop>", "<stopped>")
TALK = [{"role": "user", "content": "1+2"}]


@pytest.mark.parametrize("text", ["12+3=15<stop>", "<stopped><stop>1;?", "", "<direct>00<end>7"])
def test_what_is_encoded_is_decoded_to_the_same_text(text: str) -> None:
    tokenizer = symbol_tokenizer(SYMBOLS)
    assert tokenizer.decode(encode_known(tokenizer, text)) == text


def test_the_longest_symbol_wins() -> None:
    tokenizer = symbol_tokenizer(SYMBOLS)
    assert len(encode_known(tokenizer, "<stopped>")) == 1
    assert len(encode_known(tokenizer, "<stop>1<stop>")) == 3


def test_it_saves_and_loads(tmp_path: Path) -> None:
    tokenizer = symbol_tokenizer(SYMBOLS, context=77)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    text = "12+3=<direct>15<stop>"
    assert again.encode(text) == tokenizer.encode(text)
    assert again.decode(again.encode(text)) == text
    assert (again.pad_token, again.eos_token, again.padding_side) == ("<pad>", END, "left")
    assert again.model_max_length == 77
    assert again.chat_template == tokenizer.chat_template


def test_the_chat_template_writes_the_prompt_and_keeps_a_prefix() -> None:
    tokenizer = symbol_tokenizer(SYMBOLS)
    said = tokenizer.apply_chat_template(TALK, tokenize=False, add_generation_prompt=True)
    assert said == prompt_text("1+2") == "<user>1+2<end><assistant>"
    begun = [*TALK, {"role": "assistant", "content": "<direct>"}]
    kept = tokenizer.apply_chat_template(begun, tokenize=False, continue_final_message=True)
    assert kept == said + "<direct>"


def test_a_batch_is_padded_on_the_left() -> None:
    tokenizer = symbol_tokenizer(SYMBOLS)
    batch = tokenizer(["1", "1+2"], padding=True)
    assert batch["input_ids"][0][:2] == [tokenizer.pad_token_id] * 2
    assert batch["attention_mask"][0] == [0, 0, 1]


def test_unknown_text_is_told() -> None:
    tokenizer = symbol_tokenizer(SYMBOLS)
    with pytest.raises(ConfigError, match="no symbols for all of '1 2'"):
        encode_known(tokenizer, "1 2")


@pytest.mark.parametrize("symbols", [("1", "1"), ("1", ""), ("1", "<pad>"), ("<user>",)])
def test_symbols_that_cannot_be(symbols: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="differ from one another"):
        symbol_tokenizer(symbols)
