"""Replies of a small model, many at once, and the exact chance of a given reply.

Plain: no cache of keys, right padding, float32. For measuring models of toys, not for training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from forethought.agent.errors import needs
from forethought.valuefn.rl.toys.documents import Problem, Toy
from forethought.valuefn.rl.toys.pretraining import one_torch_thread
from forethought.valuefn.rl.toys.vocabulary import encode_known, prompt_text

with needs("models from scratch", "pip install 'forethought[local]'"):
    import torch
    from torch import Generator, Tensor
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

_NEVER = "\0"
"""Ends no text."""


@dataclass(frozen=True, slots=True)
class Played:
    """One reply."""

    problem: Problem
    turns: tuple[str, ...]
    """What the policy said, a forced beginning included."""
    cut: bool
    """Whether it ended for want of turns."""


class Writer:
    """A model that is asked.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        rows: Replies written at once.
    """

    def __init__(
        self, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, *, rows: int = 256
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._rows = rows

    def chances(self, prompts: Sequence[str], replies: Sequence[str]) -> list[float]:
        """The chance that a reply begins so, exactly.

        Args:
            prompts: Users' messages.
            replies: The beginning of each reply.
        """
        found: list[float] = []
        for start in range(0, len(prompts), self._rows):
            part = slice(start, start + self._rows)
            found += self._chances(prompts[part], replies[part])
        return found

    def write(
        self,
        texts: Sequence[str],
        *,
        stop: Sequence[str] = (),
        most: int = 32,
        generator: Generator | None = None,
    ) -> list[str]:
        """What follows each text, its stop included, the end token not.

        Args:
            texts: All that the model has read, as the chat template writes it.
            stop: Symbols that end it, beside the end token.
            most: Tokens.
            generator: Draws; without it the likeliest token is taken.
        """
        rows = [encode_known(self._tokenizer, text) for text in texts]
        return [self._text(ids) for ids in self._go_on(rows, stop, most, generator)]

    def play(
        self,
        toy: Toy,
        problems: Sequence[Problem],
        *,
        prompts: Sequence[str] | None = None,
        begins: Sequence[str] | None = None,
        most: int = 32,
        generator: Generator | None = None,
    ) -> list[Played]:
        """Let the model solve problems, turn by turn.

        Args:
            toy: The task.
            problems: To be solved.
            prompts: In place of the problems' own.
            begins: The forced beginning of each reply.
            most: Tokens of a turn.
            generator: As in `write`.
        """
        asked = prompts or [problem.prompt for problem in problems]
        begun = list(begins or [""] * len(problems))
        read = [
            encode_known(self._tokenizer, prompt_text(prompt) + begin)
            for prompt, begin in zip(asked, begun, strict=True)
        ]
        turns: list[list[str]] = [[] for _ in problems]
        alive = list(range(len(problems)))
        for _ in range(toy.turns):
            # a forced beginning that ends a turn is a turn of its own
            open_ = [at for at in alive if not begun[at].endswith(toy.stop or (_NEVER,))]
            said = self._go_on([read[at] for at in open_], toy.stop, most, generator)
            for at, ids in zip(open_, said, strict=True):
                read[at] += ids
                begun[at] += self._text(ids)
            ongoing = []
            for at in alive:
                turns[at].append(begun[at])
                given = toy.hear(problems[at], begun[at])
                begun[at] = ""
                if given is not None:
                    read[at] += encode_known(self._tokenizer, given)
                    ongoing.append(at)
            alive = ongoing
        return [
            Played(problem, tuple(said), at in alive)
            for at, (problem, said) in enumerate(zip(problems, turns, strict=True))
        ]

    def _go_on(
        self,
        rows: Sequence[Sequence[int]],
        stop: Sequence[str],
        most: int,
        generator: Generator | None,
    ) -> list[list[int]]:
        """The tokens that follow each row, the end token included."""
        ends = {self._tokenizer.eos_token_id}
        ends |= {self._tokenizer.convert_tokens_to_ids(symbol) for symbol in stop}
        found: list[list[int]] = []
        for start in range(0, len(rows), self._rows):
            part = [list(row) for row in rows[start : start + self._rows]]
            lengths = [len(row) for row in part]
            self._grow(part, ends, most, generator)
            found += [row[length:] for row, length in zip(part, lengths, strict=True)]
        return found

    def _text(self, ids: Sequence[int]) -> str:
        end = self._tokenizer.eos_token_id
        return str(self._tokenizer.decode([token for token in ids if token != end]))

    @torch.no_grad()
    def _grow(
        self, rows: list[list[int]], ends: set[int], most: int, generator: Generator | None
    ) -> None:
        """Write on all rows at once, in place."""
        alive = list(range(len(rows)))
        with one_torch_thread():
            for _ in range(most):
                if not alive:
                    break
                logits = self._last([rows[at] for at in alive])
                for at, token in zip(alive, _drawn(logits, generator), strict=True):
                    rows[at].append(token)
                alive = [at for at in alive if rows[at][-1] not in ends]

    @torch.no_grad()
    def _chances(self, prompts: Sequence[str], replies: Sequence[str]) -> list[float]:
        before = [encode_known(self._tokenizer, prompt_text(prompt)) for prompt in prompts]
        after = [encode_known(self._tokenizer, reply) for reply in replies]
        ids = self._padded([one + two for one, two in zip(before, after, strict=True)])
        with one_torch_thread():
            told = self._model(input_ids=ids).logits.log_softmax(-1)  # (B, T, V)
        found = []
        for row, (one, two) in enumerate(zip(before, after, strict=True)):
            places = torch.arange(len(one) - 1, len(one) + len(two) - 1)
            found.append(float(told[row, places, torch.tensor(two)].double().sum().exp()))
        return found

    def _last(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Logits after each row's last token, shape `(B, V)`."""
        logits = self._model(input_ids=self._padded(rows)).logits
        places = torch.tensor([len(row) - 1 for row in rows])
        return torch.as_tensor(logits[torch.arange(len(rows)), places])

    def _padded(self, rows: Sequence[Sequence[int]]) -> Tensor:
        longest = max(len(row) for row in rows)
        pad = self._tokenizer.pad_token_id
        return torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])


def _drawn(logits: Tensor, generator: Generator | None) -> list[int]:
    if generator is None:
        likeliest: list[int] = logits.argmax(-1).tolist()
        return likeliest
    drawn: list[int] = (
        torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(-1).tolist()
    )
    return drawn
