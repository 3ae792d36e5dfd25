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


@dataclass(frozen=True, slots=True)
class Played:
    """One reply."""

    problem: Problem
    turns: tuple[str, ...]
    """What the policy said, a forced beginning included."""
    cut: bool
    """Whether it ended for want of tokens or turns."""


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
        found: list[str] = []
        for start in range(0, len(texts), self._rows):
            part = texts[start : start + self._rows]
            found += self._write(part, stop, most, generator)
        return found

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
        read = [prompt_text(prompt) for prompt in asked]
        turns: list[list[str]] = [[] for _ in problems]
        cut = [False] * len(problems)
        alive = list(range(len(problems)))
        for number in range(toy.turns):
            whole = [at for at in alive if not begun[at].endswith(toy.stop or ("\0",))]
            texts = [read[at] + begun[at] for at in whole]
            said = self.write(texts, stop=toy.stop, most=most, generator=generator)
            written = dict(zip(whole, said, strict=True))
            ongoing = []
            for at in alive:
                turn, begun[at] = begun[at] + written.get(at, ""), ""
                turns[at].append(turn)
                given = toy.hear(problems[at], turn)
                if given is None:
                    continue
                read[at] += turn + given
                cut[at] = number == toy.turns - 1
                ongoing.append(at)
            alive = ongoing
            if not alive:
                break
        return [
            Played(problem, tuple(said), over)
            for problem, said, over in zip(problems, turns, cut, strict=True)
        ]

    @torch.no_grad()
    def _write(
        self, texts: Sequence[str], stop: Sequence[str], most: int, generator: Generator | None
    ) -> list[str]:
        rows = [encode_known(self._tokenizer, text) for text in texts]
        starts = [len(row) for row in rows]
        ends = {self._tokenizer.eos_token_id}
        ends |= {self._tokenizer.convert_tokens_to_ids(symbol) for symbol in stop}
        alive = list(range(len(rows)))
        with one_torch_thread():
            for _ in range(most):
                if not alive:
                    break
                logits = self._last([rows[at] for at in alive])
                for at, token in zip(alive, _drawn(logits, generator), strict=True):
                    rows[at].append(token)
                alive = [at for at in alive if rows[at][-1] not in ends]
        said = [
            [token for token in row[start:] if token != self._tokenizer.eos_token_id]
            for row, start in zip(rows, starts, strict=True)
        ]
        return [self._tokenizer.decode(tokens) for tokens in said]

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
