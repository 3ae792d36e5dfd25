"""A model by lot: what comes to its mind is drawn, and it writes the action that fits.

It stands in for a language model, so that all of this runs anywhere. It knows what can be done and
nothing of when it is right, so whatever is gained with it, the critic has brought. By name:
`function:support.proposer:answer`.
"""

import json
import random
import re

from forethought.agent.types import Request
from support.notes import GOALS
from support.thoughts import THOUGHTS, carry_out

_PLAN = re.compile(r"^Your plan: (.+)$", re.MULTILINE)


def answer(request: Request) -> str:
    """A reply that follows the request; equal requests get equal replies."""
    asked = request.messages[-1].content
    rng = random.Random(f"{request.seed} {request.stage} {asked}")
    fields = (request.schema or {}).get("properties", {})
    if "thoughts" in fields:
        count = fields["thoughts"].get("minItems", 1)
        return json.dumps({"thoughts": rng.sample(THOUGHTS, min(count, len(THOUGHTS)))})
    if request.stage == "goals":
        return json.dumps({kind: _goals(kind) for kind in fields})
    thought = rng.choice(THOUGHTS)
    if "thought" not in fields:  # the plan is made: word its action
        plan = _PLAN.search(asked)
        return json.dumps({"action": carry_out(plan[1] if plan else thought, asked)})
    verdict = fields.get("verdict", {}).get("enum")
    reply = {"thought": thought, "action": carry_out(thought, asked)}
    return json.dumps(reply | ({"verdict": rng.choice(verdict)} if verdict else {}))


def _goals(kind: str) -> list[str]:
    return [goal.text for goal in GOALS if goal.kind == kind]
