"""`react`: a thought and an action in one call. The plain agent that guidance has to beat.

Calls a decision: 1, and 1 repair. Where nothing can be read it takes the first candidate, else a
legal action, else the reply as it stands, and says so. Asks no critic.

A model that calls tools in its server's own way is sent them, and no schema: its calls are the
action, what it says beside them is the thought, and a reply without a call is the answer.
"""

from dataclasses import replace

from forethought.agent.actions import as_action, written
from forethought.agent.parsing import read_fields
from forethought.agent.planners.desk import REPAIR, Answer, Desk, check_template
from forethought.agent.planners.moves import SHOWN, Moves
from forethought.agent.planners.stages import (
    ACT_TOKENS,
    fallback_action,
    fallback_candidate,
    listed,
    one_of,
    schema_of,
    sentence,
    shortlist_text,
    situation,
)
from forethought.agent.protocols import Turn
from forethought.agent.types import Candidate, Decision, Event

REACT_PROMPT = """\
{situation}

{moves}Decide what to do now. Say in one sentence what you mean to do and why, then do it.
Reply with a JSON object with the fields "thought" (your one sentence) and "action" (what you do \
or say, word for word)."""


TOOLS_PROMPT = """\
{situation}

Decide what to do now. If you need a tool, say in one sentence what you mean to do and why, and \
call it; you may call several at once. If you know enough, write the answer itself and nothing \
else."""


class React:
    """Thought and action in one call.

    Args:
        prompt: Template with `{situation}` and `{moves}`.
        tools_prompt: Template with `{situation}`, for models that call tools in their server's own
            way.
        repair: Template of what is said about a reply that cannot be read, with `{problem}`.
        shown: Most moves listed in the prompt.
        max_tokens: Longest reply, tokens.
        name: The arm's name.

    Raises:
        ConfigError: If the template has unknown fields.
    """

    def __init__(
        self,
        prompt: str = REACT_PROMPT,
        *,
        tools_prompt: str = TOOLS_PROMPT,
        repair: str = REPAIR,
        shown: int = SHOWN,
        max_tokens: int = ACT_TOKENS,
        name: str = "react",
    ) -> None:
        self.name = name
        self._prompt = check_template("react", prompt, ("situation", "moves"))
        self._tools_prompt = check_template("tools", tools_prompt, ("situation",))
        self._repair = check_template("repair", repair, ("problem",))
        self._shown = shown
        self._max_tokens = max_tokens

    async def decide(self, turn: Turn) -> Decision:
        """Think and act."""
        desk = Desk(turn, self.name, self._repair)
        moves = Moves(turn.observation, shown=self._shown)
        if not moves and desk.native_tools:
            answer = await self._call(desk)
        else:
            answer = await self._ask(desk, moves)
        candidate = answer.value
        fallback = ""
        if candidate is None:
            fallback = "no thought with an action could be read"
            candidate = fallback_candidate(turn.observation, answer.text)
            turn.emit(Event("fallback", fallback))
        if candidate.thought:
            turn.emit(Event("thought", candidate.thought))
        return Decision(
            candidate,
            fallback_action(turn.observation, candidate),
            self.name,
            fallback=fallback,
            repairs=desk.repairs,
        )

    async def _ask(self, desk: Desk, moves: Moves) -> Answer[Candidate]:
        """Thought and action as one object."""
        turn = desk.turn

        def read(text: str) -> tuple[Candidate | None, str]:
            reading = read_fields(text, ["thought", "action"])
            if reading.problem:
                return None, reading.problem
            thought, action = reading.fields["thought"], reading.fields["action"]
            if not moves:
                return Candidate(thought, action=action), ""
            move = moves.find(action)
            if move is None:
                return None, "the action is none of those listed, or more than one"
            return Candidate(thought, move.prefix, move.action), ""

        action = turn.observation.action_schema or {"type": "string"}
        return await desk.ask(
            "act",
            self._prompt.format(
                situation=situation(turn),
                moves=listed(moves) or shortlist_text(turn.observation, self._shown),
            ),
            read,
            schema=schema_of(
                {"thought": sentence(), "action": one_of(moves.labels) if moves else action}
            ),
            max_tokens=self._max_tokens,
        )

    async def _call(self, desk: Desk) -> Answer[Candidate]:
        """Calls in the server's own way, or the answer in prose."""
        tools = desk.native_tools
        names = [each.name for each in tools]

        def read(text: str) -> tuple[Candidate | None, str]:
            said = text.strip()
            return (Candidate("", action=as_action(said, names)) if said else None), "it is empty"

        answer = await desk.ask(
            "act",
            self._tools_prompt.format(situation=situation(desk.turn)),
            read,
            tools=tools,
            max_tokens=self._max_tokens,
        )
        if not answer.calls:
            return answer
        candidate = Candidate(answer.text.strip(), action=written(answer.calls))
        return replace(answer, value=candidate)
