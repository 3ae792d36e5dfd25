"""A request on its way to a reply: its prompt, the tokens so far, and when it is done.

Joins the chat template, the schema, the sampler and the text of one reply. Runs no model and knows
of no other request.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from forethought.agent.errors import ModelRefused, needs
from forethought.agent.models.constrain import Constraint, Schemas
from forethought.agent.models.dialect import SCHEMA_INSTRUCTION
from forethought.agent.models.generation import Sampler, Writer
from forethought.agent.models.prefix import append_instruction
from forethought.agent.models.prompting import begin_with_space, prompt_for
from forethought.agent.models.weights import INSTALL, Loaded
from forethought.agent.types import PrefixMode, Reply, Request, Usage

with needs("a local model", INSTALL):
    import torch
    from torch import Tensor

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Guide:
    """What holds a reply to its form."""

    constraint: Constraint | None
    """Where it stands in the request's schema; `None` for free text."""
    first: Tensor | None
    """Which tokens may come first, shape `(vocabulary,)`; `None` for all."""


class Row:
    """One reply while it is written.

    Args:
        request: What it answers.
        ids: The prompt's tokens.
        room: Tokens that the reply may have.
        loaded: The model.
        guide: What holds it to its form.
        tell: Told each piece of text; `None` where nobody listens.
    """

    def __init__(
        self,
        request: Request,
        ids: list[int],
        room: int,
        loaded: Loaded,
        guide: Guide,
        tell: Tell | None,
    ) -> None:
        self.ids = ids
        """All tokens: the prompt's, then the reply's."""
        self._request = request
        self._prompt = len(ids)
        self._room = room
        self._ends = loaded.ends
        self._guide = guide
        self._tell = tell
        self._sampler = Sampler(request, loaded.model.generation_config)
        self._writer = Writer(loaded.tokenizer, ids, request.stop)
        prefix = request.prefix
        self._head = prefix.removesuffix(" ") if guide.first is not None else prefix
        self._told = 0
        self._finish = ""

    @property
    def done(self) -> bool:
        """Whether the reply is complete."""
        return self._finish != ""

    def take(self, logits: Tensor) -> None:
        """Choose the next token.

        Args:
            logits: Shape `(vocabulary,)`, float32, on the CPU.
        """
        constraint = self._guide.constraint
        fresh = len(self.ids) == self._prompt
        allowed = constraint.allowed() if constraint else self._guide.first if fresh else None
        token = self._sampler.choose(logits, self.ids, allowed)
        self.ids.append(token)
        if token in self._ends:
            self._finish = "stop"
        else:
            self._writer.add(token)
            if constraint is not None:
                constraint.take(token)
            if self._writer.stopped or (constraint is not None and constraint.done):
                self._finish = "stop"
            elif len(self.ids) - self._prompt >= self._room:
                self._finish = "length"
        if self.done:
            self._writer.end()
        self._speak()

    def reply(self, seconds: float) -> Reply:
        """What was written.

        Args:
            seconds: Time it took.
        """
        usage = Usage(1, self._prompt, len(self.ids) - self._prompt, seconds)
        mode: PrefixMode = "native" if self._request.prefix else "none"
        return Reply(self._text(self._writer.text), usage, mode, self._finish)

    def _text(self, written: str) -> str:
        """The whole text; a last space of the prefix that the model was to write is there."""
        text = self._head + written
        return text if text.startswith(self._request.prefix) else self._request.prefix

    def _speak(self) -> None:
        if self._tell is None:
            return
        sure = self._text(self._writer.sure(last=self.done))
        if len(sure) > self._told:
            self._tell(sure[self._told :])
            self._told = len(sure)


class Rows:
    """Makes rows of requests, for one model.

    Args:
        loaded: The model.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._vocabulary: int = loaded.model.get_output_embeddings().weight.shape[0]
        self._schemas = Schemas(loaded.tokenizer, self._vocabulary, loaded.ends)
        self._spaces: Tensor | None = None

    def make(self, request: Request, tell: Tell | None = None) -> Row:
        """Begin a reply.

        Raises:
            ModelRefused: If the prompt does not fit, or the template does not take it.
        """
        messages, schema = request.messages, request.schema
        constraint = None
        if schema is not None and self._schemas.knows(schema):
            constraint = self._schemas.begin(schema, request.prefix)
        elif schema is not None:
            words = SCHEMA_INSTRUCTION.format(schema=json.dumps(schema))
            messages = append_instruction(messages, words)
        prompt = prompt_for(
            self._loaded.tokenizer, messages, request.prefix, exact=constraint is not None
        )
        context = self._loaded.context
        if len(prompt.ids) >= context:
            raise ModelRefused(
                f"the prompt has {len(prompt.ids)} tokens and the context {context}, with room for"
                " no reply: shorten the messages or give the model a larger context="
            )
        room = min(request.max_tokens, context - len(prompt.ids))
        guide = Guide(constraint, self._space() if prompt.space else None)
        return Row(request, prompt.ids, room, self._loaded, guide, tell)

    def _space(self) -> Tensor:
        """Which tokens begin with a space, shape `(vocabulary,)`, bool."""
        if self._spaces is None:
            self._spaces = torch.zeros(self._vocabulary, dtype=torch.bool)
            self._spaces[begin_with_space(self._loaded.tokenizer, self._vocabulary)] = True
        return self._spaces
