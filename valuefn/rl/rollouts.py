"""Whole rollouts: many episodes played with a model at once, turn by turn.

Text goes to the episode and comes back from it; the tokens of the policy's turns are kept as they
were drawn. What an episode gives is turned into tokens once, on its own, and put behind them. The
end token ends a turn, and the rollout with it unless the episode asks anew: then the new prompt is
put behind as given tokens, and the model reads from there. Prompts are made by the same code as
those of `local:` models.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from forethought.agent.errors import ConfigError, ModelRefused
from forethought.agent.models.prompting import prompt_for
from forethought.agent.types import Message
from forethought.valuefn.rl.episodes import Episode, Mark
from forethought.valuefn.rl.recipe import Sampling
from forethought.valuefn.rl.tokens import Kind, Rollout, Span
from forethought.valuefn.rl.writing import Ask, Sampler, Written, forced_logprobs, write_turn

_SLACK = 8
"""Tokens decoded beyond the longest stop string's characters when it is looked for."""


@dataclass(frozen=True, slots=True)
class Start:
    """A rollout to be made."""

    task: str
    episode: Episode
    seed: str
    """Equal seeds give equal rollouts of an equal model."""
    prefix: str = ""
    """Text that the reply must begin with; empty for a free rollout."""
    group: int = 0
    member: int = 0
    stage: int = 0


def generate(
    model: Any,
    tokenizer: Any,
    starts: Sequence[Start],
    sampling: Sampling,
    *,
    sampler: Sampler = write_turn,
) -> list[Rollout]:
    """Play episodes to their ends.

    Args:
        model: A causal language model of transformers, in evaluation mode.
        tokenizer: Its tokenizer, with chat template and pad token.
        starts: One for each rollout wanted.
        sampling: Lengths and temperature.
        sampler: Draws the turns; transformers by default.

    Returns:
        Rollouts in the order of `starts`, without rewards.

    Raises:
        ConfigError: If the template drops a prefix, or a prompt leaves no room in the context.
        ModelRefused: If the template does not take the prompt.
    """
    prompts: dict[tuple[tuple[Message, ...], str], tuple[list[int], list[int]]] = {}
    rows = []
    for start in starts:  # the rollouts of a group have one prompt
        asked = (tuple(start.episode.begin()), start.prefix)
        if asked not in prompts:
            prompts[asked] = prompt_and_prefix(tokenizer, *asked)
        rows.append(_Row(start, prompts[asked], model, tokenizer, sampling))
    for batch in _batches(rows, sampling.rows):
        forced = [row for row in batch if row.forced]
        if forced:
            found = forced_logprobs(
                model,
                [row.prompt for row in forced],
                [row.forced for row in forced],
                temperature=sampling.temperature,
                pad=tokenizer.pad_token_id,
            )
            for row, logprobs in zip(forced, found, strict=True):
                row.force(logprobs)
        while waiting := [row for row in batch if not row.finish]:
            written = sampler(
                model,
                [row.ask() for row in waiting],
                temperature=sampling.temperature,
                pad=tokenizer.pad_token_id,
            )
            for row, turn in zip(waiting, written, strict=True):
                row.take(turn)
    return [row.rollout() for row in rows]


def prompt_and_prefix(
    tokenizer: Any, messages: tuple[Message, ...], prefix: str = ""
) -> tuple[list[int], list[int]]:
    """Tokens of a prompt, and those of the prefix after it.

    Raises:
        ConfigError: If the chat template drops or changes the prefix.
        ModelRefused: If the template does not take the messages.
    """
    prompt = prompt_for(tokenizer, messages, "").ids
    if not prefix:
        return prompt, []
    if prefix.endswith(" "):
        raise ConfigError(
            f"prefix {prefix!r} ends with a space, which belongs to the token after it: drop it"
        )
    dropped = ConfigError(
        f"the chat template drops the prefix {prefix!r} or changes what stands before it: use a "
        "template whose last assistant message can be continued"
    )
    try:
        whole = prompt_for(tokenizer, messages, prefix).ids
    except ModelRefused as error:  # it took the messages without the prefix
        raise dropped from error
    forced = whole[len(prompt) :]
    kept = whole[: len(prompt)] == prompt and forced
    if not kept or tokenizer.decode(forced).strip() != prefix.strip():
        raise dropped
    return prompt, forced


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a reply, by the generation settings and by the tokenizer."""
    given = getattr(model.generation_config, "eos_token_id", None)
    ends = given if isinstance(given, list) else [given]
    return frozenset(token for token in (*ends, tokenizer.eos_token_id) if token is not None)


def context_of(model: Any) -> int:
    """Tokens that prompt and reply may have together."""
    config = model.config.get_text_config()
    return getattr(config, "max_position_embeddings", None) or 4096


def _batches(rows: "Sequence[_Row]", size: int) -> "Iterator[Sequence[_Row]]":
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


class _Row:
    """One rollout on its way."""

    def __init__(
        self,
        start: Start,
        prompt: tuple[list[int], list[int]],
        model: Any,
        tokenizer: Any,
        sampling: Sampling,
    ) -> None:
        self._start = start
        self._tokenizer = tokenizer
        self._sampling = sampling
        self._context = context_of(model)
        self._ends_reply = end_tokens(model, tokenizer)
        self._rng = random.Random(start.seed)
        self._window = max((len(text) for text in start.episode.stop), default=0) + _SLACK
        self.prompt, self.forced = prompt
        self.finish = ""
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._kinds: list[Kind] = []
        self._spans: list[Span] = []
        self._turns: list[str] = []
        self._given: list[str] = []
        self._ends: list[int] = []
        self._begun = 0
        self._fresh: list[int] = []
        self._seen: tuple[int, ...] = ()
        self._read: tuple[int, ...] = ()
        if self._room(len(self.forced)) < 1:
            raise ConfigError(
                f"task {start.task!r}: a prompt of {len(self.prompt)} tokens and a prefix of "
                f"{len(self.forced)} leave no room in a context of {self._context} and "
                f"{sampling.completion_tokens} completion tokens: show fewer or shorter "
                "demonstrations, or raise sampling.completion_tokens"
            )

    def force(self, logprobs: Sequence[float]) -> None:
        """Begin with the prefix."""
        self._append(self.forced, logprobs, Kind.FORCED, Span.SAMPLE)

    def ask(self) -> Ask:
        """What the model is to go on with."""
        room = min(self._sampling.turn_tokens, self._room(0))
        return Ask(
            self._context_ids(),
            room,
            self._rng,
            self._stopped,
            self._start.episode.stop,
            self._ends_reply,
        )

    def take(self, written: Written) -> None:
        """Take a turn, let the episode hear it, and put what it gives behind it."""
        self._seen = self._read + written.fed
        self._append(written.ids, written.logprobs, Kind.SAMPLED, Span.SAMPLE)
        self._ends.append(len(self._ids))
        turn = self._ids[self._begun :]
        spoken = turn[:-1] if turn[-1] in self._ends_reply else turn
        text = self._decode(spoken)
        self._turns.append(text)
        heard = self._start.episode.hear(text)
        self._mark(turn, heard.marks)
        if not heard.asked and turn[-1] in self._ends_reply:
            self.finish = "eos"
        elif not heard.asked and heard.given is None:
            whole = self._stopped(written.ids) or self._start.episode.outcome is not None
            self.finish = "stop" if whole else "length"
        elif len(self._turns) >= self._sampling.turns:
            self.finish = "turns"
        elif heard.asked:
            self._renew(heard.asked)
        else:
            self._give(heard.given or "")
        self._begun = len(self._ids)

    def rollout(self) -> Rollout:
        """The record."""
        return Rollout(
            task=self._start.task,
            prompt_ids=tuple(self.prompt),
            completion_ids=tuple(self._ids),
            logprobs=tuple(self._logprobs),
            kinds=tuple(self._kinds),
            spans=tuple(self._spans),
            turns=tuple(self._turns),
            given=tuple(self._given),
            ends=tuple(self._ends),
            fresh=tuple(self._fresh),
            finish=self.finish,
            outcome=self._start.episode.outcome,
            prefix=self._start.prefix,
            group=self._start.group,
            member=self._start.member,
            stage=self._start.stage,
            seen=self._seen,
        )

    def _context_ids(self) -> list[int]:
        """What the model reads next: the last prompt, and what was said and given after it."""
        return self._ids[self._fresh[-1] :] if self._fresh else self.prompt + self._ids

    def _room(self, more: int) -> int:
        left = self._sampling.completion_tokens - len(self._ids)
        return min(left, self._context - len(self._context_ids())) - more

    def _append(
        self, ids: Sequence[int], logprobs: Sequence[float], kind: Kind, span: Span
    ) -> None:
        self._ids.extend(ids)
        self._logprobs.extend(logprobs)
        self._kinds.extend([kind] * len(ids))
        self._spans.extend([span] * len(ids))

    def _stopped(self, drawn: Sequence[int]) -> bool:
        if drawn[-1] in self._ends_reply:
            return True
        if not self._start.episode.stop:
            return False
        tail = self._decode(drawn[-self._window :])
        return any(text in tail for text in self._start.episode.stop)

    def _give(self, text: str) -> None:
        ids: list[int] = []
        if text:
            ids = self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)[
                : self._sampling.given_tokens
            ]
        if self._room(len(ids)) < 1:
            self.finish = "length"
            return
        self._given.append(text)
        self._append(ids, [0.0] * len(ids), Kind.GIVEN, Span.TOOL)

    def _renew(self, messages: Sequence[Message]) -> None:
        """Begin anew with a prompt of its own."""
        ids = prompt_for(self._tokenizer, tuple(messages), "").ids
        whole = min(self._sampling.completion_tokens - len(self._ids), self._context)
        if len(ids) >= whole:
            self.finish = "length"
            return
        self._given.append("\n\n".join(one.content for one in messages))
        self._fresh.append(len(self._ids))
        self._read = self._seen
        self._append(ids, [0.0] * len(ids), Kind.GIVEN, Span.SAMPLE)

    def _mark(self, turn: Sequence[int], marks: Sequence[Mark]) -> None:
        """Name the spans of a turn's tokens; a token is in a part that it shares a letter with."""
        if not marks:
            return
        before = 0
        for place in range(len(turn)):
            at = self._begun + place
            if turn[place] in self._ends_reply:
                self._spans[at] = self._spans[at - 1] if place else Span.SAMPLE
                continue
            after = len(self._decode(turn[: place + 1]))
            found = (one.span for one in marks if one.start < after and before < one.stop)
            self._spans[at] = next(found, Span.SAMPLE)
            before = after

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text
