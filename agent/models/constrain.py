"""JSON schemas as masks over the vocabulary, by the library llguidance.

A schema is compiled once; each reply walks a copy. Knows nothing of how tokens are chosen.
"""

import json
from collections.abc import Mapping
from typing import Any

from forethought.agent.errors import needs
from forethought.agent.models.weights import INSTALL

with needs("a local model", INSTALL):
    import llguidance
    import numpy as np
    import torch
    from torch import Tensor

_LAYOUT = {"whitespace_pattern": r"( |\n[ \t]{0,20})?"}
"""Room for any usual layout, and none for a small model to write blanks without end."""


class Constraint:
    """Where one reply stands in its schema.

    Args:
        matcher: A matcher of its own.
        vocabulary: Length of the masks, tokens.
    """

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary

    def allowed(self) -> Tensor:
        """Which tokens may follow, shape `(vocabulary,)`, bool."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        mask = np.unpackbits(bits, bitorder="little")[: self._vocabulary].astype(bool)
        allowed = torch.zeros(self._vocabulary, dtype=torch.bool)
        allowed[: len(mask)] = torch.from_numpy(mask)
        return allowed

    def take(self, token: int) -> None:
        """Go on by one token."""
        self._matcher.consume_token(token)

    @property
    def done(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())


class Schemas:
    """The schemas that one model was asked for.

    Args:
        tokenizer: The model's.
        vocabulary: Tokens that the model has logits for.
        ends: Tokens that end a reply.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, ends: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._ends = sorted(ends)
        self._words: Any = None
        self._compiled: dict[str, Any] = {}

    def begin(self, schema: Mapping[str, Any], prefix: str) -> Constraint | None:
        """A constraint for a reply that begins with `prefix`.

        Returns:
            `None` if the prefix cannot begin the schema's JSON, which it then wins over.
        """
        matcher = self._matcher(schema)
        if matcher is None:
            return None
        begun = matcher.deep_copy()
        if prefix and not begun.consume_tokens(self._words.tokenize_str(prefix)):
            return None
        return Constraint(begun, self._vocabulary)

    def knows(self, schema: Mapping[str, Any]) -> bool:
        """Whether the schema can be turned into masks; one that cannot must be asked for."""
        return self._matcher(schema) is not None

    def _matcher(self, schema: Mapping[str, Any]) -> Any:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._compiled:
            self._compiled[key] = self._compile(key)
        return self._compiled[key]

    def _compile(self, schema: str) -> Any:
        """A matcher at its beginning; `None` for what the library does not know."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        if self._words is None:
            self._words = llguidance.LLTokenizer(
                backend.to_str(), n_vocab=self._vocabulary, eos_token=self._ends
            )
        grammar = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=_LAYOUT)  # type: ignore[arg-type]
        matcher = llguidance.LLMatcher(self._words, grammar, log_level=0)
        return None if matcher.is_error() else matcher
