"""A model of known skill for `multiplication-v0`, to see whether measurements recover it.

`Solver(sampling=0.7, stopping=0.9, retrying=0.6)` is right in 0.7 of its answers, keeps 0.9 of the
right ones and throws 0.6 of the wrong ones away. It is a function of the request, as
`FunctionModel` takes it, and knows products because it works them out. By name, with these rates:
`function:forethought.envs.multiplication.solver:answer`. Equal requests get equal replies.
"""

import json
import random
import re

from forethought.agent.errors import ConfigError
from forethought.agent.types import Request

_QUESTION = re.compile(r"What is (\d+) \* (\d+)\?")
_ANSWER = re.compile(r"Your answer: (\S+)")


class Solver:
    """Answers and decides at given rates.

    Args:
        sampling: `p_s`, the share of answers that are right, 0 to 1.
        stopping: `p_d|C`, the share of right answers that are kept, 0 to 1.
        retrying: `p_d|W`, the share of wrong answers that are thrown away, 0 to 1.

    Raises:
        ConfigError: If a rate lies outside 0 to 1.
    """

    def __init__(self, *, sampling: float, stopping: float, retrying: float) -> None:
        rates = (sampling, stopping, retrying)
        if not all(0 <= rate <= 1 for rate in rates):
            raise ConfigError(f"a solver's rates must lie in [0, 1], not {rates}")
        self._sampling, self._stopping, self._retrying = rates

    def __call__(self, request: Request) -> str:
        """Reply to a request of the stage `act` or `decide`.

        Raises:
            ConfigError: If the request holds no product to work out.
        """
        said = "\n".join(message.content for message in request.messages)
        question = _QUESTION.search(said)
        if question is None:
            raise ConfigError("the solver answers multiplication-v0 alone")
        left, right = int(question[1]), int(question[2])
        rng = random.Random(f"{request.seed} {request.stage} {said}")
        if request.stage == "decide":
            return self._decide(said, left * right, rng)
        wrong = rng.random() >= self._sampling
        product = _slip(left, right, rng) if wrong else left * right
        return json.dumps({"thought": "I multiply digit by digit.", "action": str(product)})

    def _decide(self, said: str, product: int, rng: random.Random) -> str:
        given = _ANSWER.findall(said)
        right = bool(given) and given[-1] == str(product)
        keep = rng.random() < (self._stopping if right else 1 - self._retrying)
        return json.dumps({"decision": "stop" if keep else "retry"})


def _slip(left: int, right: int, rng: random.Random) -> int:
    """A product with one digit of one row carried wrongly."""
    row = rng.randrange(len(str(right)))
    off: int = 10 ** (row + rng.randrange(1, len(str(left))))
    return left * right + rng.choice((-off, off))


answer = Solver(sampling=0.7, stopping=0.9, retrying=0.6)
