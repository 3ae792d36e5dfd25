"""The hashed encoder's features one text at a time, number by number: what ours is held to.

Version 1 of the features, as heads on disk know them: the encoder must give these vectors bit for
bit, or carry another version.
"""

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NUMBER = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)(?!\w)")
WORD = re.compile(r"[^\W\d_]+|[.!?;]")
STOPS = frozenset(".!?;")


def encode(texts: Sequence[str], words: int = 512, numbers: int = 512) -> NDArray[np.float32]:
    out = np.zeros((len(texts), words + numbers), dtype=np.float32)
    for row, text in enumerate(texts):
        parts = NUMBER.split(text)
        bag, names = read_words(parts[::2], words)
        length = sum(count * count for count in bag.values()) ** 0.5 or 1.0
        for column, count in bag.items():
            out[row, column] += np.float32(count / length)
        values = [float(part) for part in parts[1::2]]
        for position, (name, value) in enumerate(zip(names, values, strict=True)):
            for feature, amount in read_number(name, value, values[position + 1 :]):
                column, sign = place(f"number {name} {feature}", numbers)
                out[row, words + column] += np.float32(sign * amount)
    return out


def read_words(parts: Sequence[str], words: int) -> tuple[dict[int, float], list[str]]:
    bag: dict[int, float] = {}
    names: list[str] = []
    before: list[str] = []
    for position, part in enumerate(parts):
        for token in WORD.findall(part.lower()):
            if token in STOPS:
                before = []
                continue
            for feature in (token, f"{before[-1]} {token}") if before else (token,):
                column, sign = place(f"word {feature}", words)
                bag[column] = bag.get(column, 0.0) + sign
            before.append(token)
        if position + 1 < len(parts):
            after = WORD.match(parts[position + 1].lstrip().lower())
            names.append(f"{' '.join(before[-3:])}|{after.group() if after else ''}")
            before.append("#")
    return bag, names


def read_number(name: str, value: float, later: Sequence[float]) -> list[tuple[str, float]]:
    named = [("value", min(max(value / 10, -10.0), 10.0))]
    named.append(("log", float(np.log1p(value)) / 2 if value > 0 else 0.0))
    if 0 <= value <= 40 and value == int(value):
        named.append((f"= {int(value)}", 1.0))
    if name.endswith("|of") and later and later[0] != 0:
        named.append(("ratio", min(max(value / later[0], -2.0), 2.0)))
    return named


def place(feature: str, size: int) -> tuple[int, float]:
    code = zlib.crc32(feature.encode())
    return (code >> 1) % size, 1.0 if code & 1 else -1.0
