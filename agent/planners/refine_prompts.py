"""What `refine` says to the model: its prompts, each of which can be replaced."""

from dataclasses import dataclass

from forethought.agent.planners.desk import REPAIR, check_template
from forethought.agent.planners.imagine import GOALS_FIELDS, GOALS_PROMPT
from forethought.agent.planners.stages import ACT_PROMPT, PROPOSE_PROMPT

REFINE_PROMPT = """\
{situation}

{moves}Your plan: {thought}

How likely its outcomes are, going by what happened in earlier episodes:
{critique}

Accept the plan if its hoped outcomes are likely and its feared ones are not. Otherwise refine it: \
say in one sentence what you do instead and why; begin with "I".
Reply with a JSON object with the fields "verdict" (accept or refine) and "thought" (the plan you \
go on with)."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of `refine`; any can be replaced.

    Raises:
        ConfigError: If a template has unknown fields.
    """

    propose: str = PROPOSE_PROMPT
    """Fields `{situation}` and `{moves}`."""
    goals: str = GOALS_PROMPT
    """Fields `{situation}`, `{thought}`, `{hoped}`, `{feared}` and `{vocabulary}`."""
    refine: str = REFINE_PROMPT
    """Fields `{situation}`, `{moves}`, `{thought}` and `{critique}`."""
    act: str = ACT_PROMPT
    """Fields `{situation}`, `{thought}`, `{moves}` and `{form}`."""
    repair: str = REPAIR
    """What is said about a reply that cannot be read; field `{problem}`."""

    def __post_init__(self) -> None:
        check_template("propose", self.propose, ("situation", "moves"))
        check_template("goals", self.goals, GOALS_FIELDS)
        check_template("refine", self.refine, ("situation", "moves", "thought", "critique"))
        check_template("act", self.act, ("situation", "thought", "moves", "form"))
        check_template("repair", self.repair, ("problem",))
