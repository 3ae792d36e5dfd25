"""What draws rollouts: transformers, or vLLM through TRL's own integration, as rows of a table.

TRL starts one vLLM engine beside each process (`colocate`), gives it the weights of each update,
and weighs the loss by what the engine's chances and the policy's differ by. Here it is asked for
turns: prompts, forced prefixes and what was given go in as tokens, and the drawn tokens and their
log-probabilities come back as the engine has them. Its draws do not repeat with the run's seed.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Literal

from forethought.agent.errors import DataError, MissingExtra
from forethought.valuefn.rl.writing import Ask, Sampler, Written, write_turn

Engine = Literal["transformers", "vllm"]
INSTALL_VLLM = "pip install 'forethought[rl]' 'trl[vllm]'"
ENGINES: Mapping[str, Engine] = MappingProxyType({"transformers": "transformers", "vllm": "vllm"})
"""Engines by name, as typed."""
ARGUMENTS: Mapping[Engine, Mapping[str, Any]] = MappingProxyType(
    {"transformers": {}, "vllm": {"use_vllm": True, "vllm_mode": "colocate"}}
)
"""What TRL is told, by engine."""


def check_engine(engine: Engine) -> None:
    """See whether an engine is installed.

    Raises:
        MissingExtra: If it is not.
    """
    if engine == "vllm" and find_spec("vllm") is None:
        raise MissingExtra("drawing rollouts with vLLM", INSTALL_VLLM)


class VllmSampler:
    """Draws turns with the vLLM engine of TRL.

    Args:
        generation: TRL's `VLLMGeneration`; its weights are those of the last update.
    """

    def __init__(self, generation: Any) -> None:
        self._generation = generation

    def __call__(
        self, model: Any, asks: Sequence[Ask], *, temperature: float, pad: int
    ) -> list[Written]:
        """As `Sampler`; neither `model` nor the rows' generators are used.

        Raises:
            DataError: If the engine gave no token, or one without a log-probability.
        """
        found: dict[int, Written] = {}
        for stop, ends in dict.fromkeys((ask.stop, ask.ends) for ask in asks):
            rows = [at for at, ask in enumerate(asks) if (ask.stop, ask.ends) == (stop, ends)]
            settings = {
                "max_tokens": max(asks[at].room for at in rows),
                "temperature": temperature,
                "stop": list(stop),
                "include_stop_str_in_output": True,
                "stop_token_ids": sorted(ends),
            }
            drawn = self._draw([asks[at] for at in rows], settings)
            found.update(zip(rows, drawn, strict=True))
        return [found[at] for at in range(len(asks))]

    def _draw(self, asks: Sequence[Ask], settings: Mapping[str, Any]) -> list[Written]:
        self._generation.generation_kwargs = dict(settings)
        prompts, drawn, logprobs, of = self._generation.generate(
            prompts=[list(ask.context) for ask in asks], images=None, num_generations=1
        )
        return [_written(*row) for row in zip(asks, prompts, drawn, logprobs, of, strict=True)]


def _written(
    ask: Ask,
    prompt: Sequence[int],
    drawn: Sequence[int],
    logprobs: Sequence[Sequence[float | None]],
    of: Sequence[Sequence[int]],
) -> Written:
    """A turn up to where it ends; an engine may go on to the most that any row wanted."""
    ids = drawn[: _length(ask, drawn)]
    if not ids:
        raise DataError("vLLM drew no token for a turn: is its context (max_model_len) too short?")
    found = []
    for token, known, tokens in zip(ids, logprobs, of, strict=False):
        value = known[tokens.index(token)] if token in tokens else None
        if value is None:
            raise DataError(f"vLLM gave no log-probability for the token {token} that it drew")
        found.append(value)
    return Written(tuple(ids), tuple(found), (*prompt, *ids[:-1]))


def _length(ask: Ask, drawn: Sequence[int]) -> int:
    """Tokens up to the end of the turn."""
    most = min(ask.room, len(drawn))
    return next((n for n in range(1, most + 1) if ask.stopped(drawn[:n])), most)


def sampler_of(trainer: Any) -> Sampler:
    """What draws for a trainer of TRL's: the engine that it was told of."""
    return VllmSampler(trainer.vllm_generation) if trainer.use_vllm else write_turn
