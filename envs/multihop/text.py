"""The hunt in words: what is seen, the state, the thoughts and the outcome vocabulary.

The state and the thoughts count what can be seen and hold no word of question or passages, so that
a head can judge questions it was never trained on. Nothing here knows answers or the passages
needed.
"""

from forethought.agent.types import Candidate, Goal
from forethought.envs.multihop.hunt import PAGE, SEARCHES, Hunt, Noted, Offered
from forethought.envs.multihop.leads import TENTHS
from forethought.envs.multihop.reading import Name

LEADS, SPANS = 30, 12
"""Most queries and most answers that are put forward."""
CLIPPED = 800
"""Letters of a passage that are shown."""
ALL_FOUND = "All passages needed are found."
HALF_FOUND = "At least half of the passages needed are found."
BROUGHT = tuple(
    f"Search {number} brings a passage that is needed." for number in range(1, SEARCHES + 1)
)
FIND_GOALS = (
    Goal(ALL_FOUND, weight=0.25),
    *(Goal(text, weight=0.25) for text in BROUGHT),
    Goal(HALF_FOUND, weight=0.0),
)
"""What a search brought is told search by search, so that a head can learn from each of them."""
RIGHT = "The answer is right, word for word."
SHARED: tuple[tuple[str, float], ...] = (
    ("The answer has most words of the right one, F1 75 % or more.", 0.75),
    ("The answer has half the words of the right one, F1 50 % or more.", 0.50),
    ("The answer has some words of the right one, F1 25 % or more.", 0.25),
)
GOALS = (
    Goal(RIGHT, weight=0.25),
    *(Goal(text, weight=0.25) for text, _ in SHARED),
    Goal(ALL_FOUND, weight=0.0),
)
RULES = (
    f"You answer a question whose answer lies in two to four passages of a collection. You may"
    f" search {SEARCHES} times; each search brings {PAGE} passages that you have not seen. Then"
    " give the answer in as few words as possible."
)
FIND_RULES = (
    f"You look for the two to four passages of a collection that a question needs. You search"
    f" {SEARCHES} times; each search brings {PAGE} passages that you have not seen."
)
MANUAL = "Answer search WORDS, or answer TEXT, which ends the task."
FIND_MANUAL = "Answer search WORDS."


def observe(hunt: Hunt) -> str:
    """What is seen: the question, and the passages found, search by search."""
    lines = [f"Question: {hunt.asked.text}"]
    start = 0
    for query, count in zip(hunt.queries, hunt.brought, strict=True):
        lines.append(f"Search: {query}")
        for place in hunt.found[start : start + count]:
            passage = hunt.library.passages[place]
            lines.append(f"- {passage.title}: {passage.text[:CLIPPED]}")
        if not count:
            lines.append("- nothing new")
        start += count
    lines.append(f"Searches left: {hunt.left}.")
    return "\n".join(lines)


def state_text(hunt: Hunt) -> str:
    """The short account of what matters, in counts."""
    asked = hunt.asked
    start = (
        f"Searches left {hunt.left}. The question asks {asked.kind}. It has {len(asked.words)}"
        f" words and {len(asked.names)} names."
    )
    if not hunt.queries:
        return start
    lacking = sum(word not in hunt.words for word in asked.words)
    titled = sum(name.text.lower() in hunt.titles for name in asked.names)
    return (
        f"{start} Found {len(hunt.found)} passages. Together they have {hunt.tenths(hunt.words)}"
        f" of {TENTHS} of it. The best has {round(TENTHS * hunt.best)} of {TENTHS}. The best of the"
        f" last search has {round(TENTHS * hunt.last)} of {TENTHS}. Words met nowhere {lacking}."
        f" Names of the question with their page found {titled}."
    )


def queries(hunt: Hunt) -> list[Candidate]:
    """What can sensibly be searched for, best first by rule of thumb, the whole question first."""
    found = [_whole(hunt), *(_of_the_question(hunt, name) for name in hunt.names())]
    seen = {candidate.action for candidate in found}
    for order, noted in enumerate(hunt.leads(LEADS), start=1):
        action = f"search {noted.lead.query}"
        if len(found) < LEADS and action not in seen:
            seen.add(action)
            found.append(Candidate(_lead(hunt, noted, order), action=action))
    return found


def _whole(hunt: Hunt) -> Candidate:
    again = f"again; it was asked {hunt.repeats} times" if hunt.repeats else "as it is"
    return Candidate(f"I ask the whole question {again}.", action=f"search {hunt.asked.text}")


def _of_the_question(hunt: Hunt, name: Name) -> Candidate:
    thought = (
        f"I search for a name of the question alone, {len(name.words)} of {len(hunt.asked.words)}"
        f" words, {hunt.tenths(set(name.words))} of {TENTHS} of it. {_titled(hunt, name.text)}"
    )
    return Candidate(thought, action=f"search {name.text}")


def _titled(hunt: Hunt, name: str) -> str:
    if name.lower() in hunt.titles:
        return "Its page was found already."
    if name.lower() in hunt.library.titles:
        return "There is a page of that name."
    return "No page has that name."


_KINDS = {
    "name": "for a name met in a passage, with the rest of the question",
    "alone": "for a name met in a passage, alone",
    "title": "for the title of a passage, with the rest of the question",
}


def _lead(hunt: Hunt, noted: Noted, order: int) -> str:
    lead = noted.lead
    search, rank = hunt.where(noted.place)
    unmet = sum(word not in hunt.words for word in lead.key)
    again = "Its name was asked for before." if hunt.asked_for(lead.own) else "Its name is new."
    return (
        f"I search {_KINDS[lead.kind]}, {lead.lacking} words. Lead number {order}, fit"
        f" {round(TENTHS * lead.fit)}. Its sentence has"
        f" {lead.sentence} of {TENTHS} of the question. The passage has {lead.passage} of {TENTHS}."
        f" It was brought by search {search} at rank {rank}. Met in {noted.passages} passages."
        f" Words met nowhere {unmet}. {_titled(hunt, lead.name)} {again} Rarity {lead.rarity}."
    )


def answers(hunt: Hunt) -> list[Candidate]:
    """What can sensibly be answered, best first by rule of thumb."""
    kind = hunt.asked.kind
    found = []
    if kind == "yes or no":
        found += [Candidate(f"I answer {said}.", action=f"answer {said}") for said in ("yes", "no")]
    for offered in hunt.spans(SPANS):
        action = f"answer {offered.span.text}"
        found.append(Candidate(_answer(hunt, offered), action=action))
    return found or [Candidate("I give up.", action="answer unknown")]


def _answer(hunt: Hunt, offered: Offered) -> str:
    span = offered.span
    search, rank = hunt.where(offered.place)
    what = "a number" if span.number else "a name"
    asked = "of the question itself" if span.asked else "that the question does not hold"
    return (
        f"I answer with {what} {asked}, and it asks {hunt.asked.kind}. Its sentence has"
        f" {span.sentence} of {TENTHS} of the question. It was brought by search {search} at rank"
        f" {rank}. Met in {offered.passages} passages."
    )
