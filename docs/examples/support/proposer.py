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
from support.thoughts import ANEW, LOOK, POOR, SENSIBLE, STOCK, carry_out

POOR_SHARE = 0.25
"""How likely a poor thought is, beside a sensible one."""
_DONE = {"(look_up_order) order": LOOK, "(check_stock)": STOCK, "(send_anew) a new": ANEW}
"""What is not thought of again, by how the talk says that it was done."""
_PLAN = re.compile(r"^Your plan: (.+)$", re.MULTILINE)


def answer(request: Request) -> str:
    """A reply that follows the request; equal requests get equal replies."""
    asked = request.messages[-1].content
    rng = random.Random(f"{request.seed} {request.stage} {asked}")
    fields = (request.schema or {}).get("properties", {})
    if "thoughts" in fields:
        count = fields["thoughts"].get("minItems", 1)
        return json.dumps({"thoughts": _drawn(asked, rng)[:count]})
    if request.stage == "goals":
        return json.dumps({kind: _goals(kind) for kind in fields})
    thought = _drawn(asked, rng)[0]
    if "thought" not in fields:  # the plan is made: word its action
        plan = _PLAN.search(asked)
        return json.dumps({"action": carry_out(plan[1] if plan else thought, asked)})
    verdict = fields.get("verdict", {}).get("enum")
    reply = {"thought": thought, "action": carry_out(thought, asked)}
    return json.dumps(reply | ({"verdict": rng.choice(verdict)} if verdict else {}))


def _drawn(talk: str, rng: random.Random) -> list[str]:
    """Every thought that may come, the likely ones sooner."""
    done = {thought for sign, thought in _DONE.items() if sign in talk}
    chances = dict.fromkeys(SENSIBLE, 1.0) | dict.fromkeys(POOR, POOR_SHARE)
    places = {each: rng.random() ** (1 / chance) for each, chance in chances.items()}
    return sorted(places.keys() - done, key=lambda each: -places[each])


def _goals(kind: str) -> list[str]:
    return [goal.text for goal in GOALS if goal.kind == kind]
