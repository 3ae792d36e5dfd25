"""The stages that planners share: think and act. A stage is a function and a prompt.

Prompts are short, ask for one thing and show the form of the answer, so that a small model held to
a schema and a large one that is not can both follow. Every stage has an answer when the model gives
none that can be read. Scores nothing: that is the critics' part.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from forethought.agent.actions import as_action, written
from forethought.agent.matching import match_action
from forethought.agent.parsing import read_action, read_fields
from forethought.agent.planners.desk import Answer, Desk
from forethought.agent.planners.moves import SHOWN, Moves
from forethought.agent.protocols import Turn
from forethought.agent.types import Candidate, Observation, PrefixMode

PROPOSE_PROMPT = """\
{situation}

{moves}Decide what to do now. Say in one sentence what you mean to do and why; begin with "I".
Reply with a JSON object with the field "thought"."""

ACT_PROMPT = """\
{situation}

Your plan: {thought}

{moves}Carry out the plan now. {form}"""

ACT_TOKENS = 1024
"""Longest action a model may word, tokens."""
SENTENCE = 200
"""Longest sentence a schema lets a model write, characters."""


def sentence(longest: int = SENTENCE) -> dict[str, Any]:
    """Schema of one sentence of at most so many characters."""
    return {"type": "string", "maxLength": longest}


def one_of(texts: Sequence[str]) -> dict[str, Any]:
    """Schema of one of these texts."""
    return {"type": "string", "enum": list(texts)}


def schema_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Schema of an object with exactly these properties; their definitions move to its root."""
    definitions: dict[str, Any] = {}
    inner = {}
    for name, each in properties.items():
        definitions |= each.get("$defs", {})
        inner[name] = {key: value for key, value in each.items() if key != "$defs"}
    whole: dict[str, Any] = {
        "type": "object",
        "properties": inner,
        "required": list(inner),
        "additionalProperties": False,
    }
    return whole | ({"$defs": definitions} if definitions else {})


def situation(turn: Turn) -> str:
    """The state and what is seen now, without saying the same twice."""
    seen, state = turn.observation.text.strip(), turn.state.strip()
    if not state or state in seen:
        return seen
    return state if seen in state else f"{state}\n\nNow: {seen}"


def listed(moves: Moves) -> str:
    """The moves as a paragraph of a prompt; empty when there are none."""
    return f"You can do one of these:\n{moves.text}\n\n" if moves else ""


def fallback_action(observation: Observation, candidate: Candidate) -> str:
    """An action for a thought when the model words none.

    Its own, else the legal one whose words are nearest, else the thought itself.
    """
    if candidate.action is not None:
        return candidate.action
    moves = Moves(observation)
    if moves:
        return str(moves.nearest(candidate.thought).action)
    return candidate.thought


def fallback_candidate(observation: Observation, text: str = "") -> Candidate:
    """The plain thought when none can be read: the first candidate, else the text as it stands."""
    if observation.candidates:
        return observation.candidates[0]
    return Candidate(text.strip())


def _read_thought(text: str) -> tuple[str | None, str]:
    """The thought field; prose without any field is the thought itself."""
    reading = read_fields(text, ["thought"])
    if not reading.problem:
        return reading.fields["thought"], ""
    plain = text.strip()
    if plain and "{" not in plain and "missing" in reading.problem:
        return plain, ""
    return None, reading.problem


async def propose(desk: Desk, moves: Moves, prompt: str, prefix: str = "") -> Answer[Candidate]:
    """One thought; where the world binds thoughts to actions, one of those.

    Args:
        desk: Asks.
        moves: Thoughts bound to actions; false where there are none.
        prompt: Template with `{situation}` and `{moves}`.
        prefix: Behaviour of a thought that the world did not offer.
    """
    seen = desk.turn.observation
    ideas = {c.thought: c for c in reversed(seen.candidates) if c.action is None}

    def read(text: str) -> tuple[Candidate | None, str]:
        thought, problem = _read_thought(text)
        if thought is None:
            return None, problem
        if not moves:
            return ideas.get(thought, Candidate(thought, prefix)), ""
        move = moves.find(thought)
        return move, "" if move else "the thought is none of those listed"

    choice = one_of(moves.labels) if moves else sentence()
    shown = listed(moves) or shortlist_text(seen) or listed(Moves(seen))
    return await desk.ask(
        "propose",
        prompt.format(situation=situation(desk.turn), moves=shown),
        read,
        schema=schema_of({"thought": choice}),
    )


async def act(
    desk: Desk, candidate: Candidate, prompt: str, max_tokens: int = ACT_TOKENS
) -> tuple[str, PrefixMode]:
    """The action of a thought: its own, else worded by the model under the thought's prefix.

    Among listed moves the model picks by schema, and tools are called by schema or in the server's
    own way, unless a prefix fixes how the reply begins: then the reply has to name the move, or
    write the call.
    """
    if candidate.action is not None:
        return candidate.action, "none"
    turn = desk.turn
    moves = Moves(turn.observation, near=candidate.thought)
    tools = () if moves or candidate.prefix else desk.native_tools
    schema = None if candidate.prefix or tools else _action_schema(moves, turn.observation)

    def read(text: str) -> tuple[str | None, str]:
        action = read_action(text)
        if not action:
            return None, "it is empty"
        if not moves:
            return (as_action(action, [t.name for t in tools]) if tools else action), ""
        legal = match_action(action, turn.observation.legal_actions)
        move = None if legal is not None else moves.find(action)
        chosen = legal if legal is not None else move.action if move else None
        return chosen, "it names none of the possible actions, or more than one"

    answer = await desk.ask(
        "act",
        prompt.format(
            situation=situation(turn),
            thought=candidate.thought,
            moves=listed(moves),
            form=_form(schema is not None, bool(tools), candidate.prefix),
        ),
        read,
        schema=schema,
        prefix=candidate.prefix,
        tools=tools,
        max_tokens=max_tokens,
    )
    if answer.calls:
        return written(answer.calls), answer.prefix_mode
    if answer.value is not None:
        return answer.value, answer.prefix_mode
    return fallback_action(turn.observation, candidate), answer.prefix_mode


def _action_schema(moves: Moves, observation: Observation) -> dict[str, Any] | None:
    """Schema of a reply that holds the action; `None` where any text will do."""
    action = one_of(moves.labels) if moves else observation.action_schema
    return schema_of({"action": action}) if action else None


def _form(held: bool, tools: bool, prefix: str) -> str:
    if tools:
        return "Call the tools you need for it, or write the answer itself and nothing else."
    if held:
        return 'Reply with a JSON object with the field "action".'
    begin = f' Begin with "{prefix}".' if prefix else ""
    return f"Write only what you say or do.{begin}"


def shortlist_text(observation: Observation, shown: int = SHOWN) -> str:
    """Candidates without an action, as ideas in a prompt; empty where there are none."""
    ideas = [c.thought for c in observation.candidates if c.action is None][:shown]
    lines = "\n".join(f"- {idea}" for idea in ideas)
    return f"Some ways to go on:\n{lines}\n\n" if ideas else ""
