"""`react`: a thought and an action in one call. The plain agent that guidance has to beat.

Calls a decision: 1, and 1 repair. Where nothing can be read it takes the first candidate, else a
legal action, else the reply as it stands, and says so. Asks no critic.
"""

from forethought.agent.parsing import read_fields
from forethought.agent.planners.desk import Desk, check_template
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


class React:
    """Thought and action in one call.

    Args:
        prompt: Template with `{situation}` and `{moves}`.
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
        shown: int = SHOWN,
        max_tokens: int = ACT_TOKENS,
        name: str = "react",
    ) -> None:
        self.name = name
        self._prompt = check_template("react", prompt, ("situation", "moves"))
        self._shown = shown
        self._max_tokens = max_tokens

    async def decide(self, turn: Turn) -> Decision:
        """Think and act."""
        desk = Desk(turn, self.name)
        moves = Moves(turn.observation, shown=self._shown)

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

        action = one_of(moves.labels) if moves else {"type": "string"}
        answer = await desk.ask(
            "act",
            self._prompt.format(
                situation=situation(turn),
                moves=listed(moves) or shortlist_text(turn.observation, self._shown),
            ),
            read,
            schema=schema_of({"thought": sentence(), "action": action}),
            max_tokens=self._max_tokens,
        )
        candidate = answer.value
        fallback = ""
        if candidate is None:
            fallback = "no thought with an action could be read"
            candidate = fallback_candidate(turn.observation, answer.text)
            turn.emit(Event("fallback", fallback))
        turn.emit(Event("thought", candidate.thought))
        return Decision(
            candidate,
            fallback_action(turn.observation, candidate),
            self.name,
            fallback=fallback,
            repairs=desk.repairs,
        )
