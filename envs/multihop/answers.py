"""Exact match and F1 as SQuAD's evaluation computes them, and both over several right answers.

Text is brought to lower case, loses punctuation and the articles a, an, the, and is cut at white
space (Rajpurkar et al. 2016, arXiv 1606.05250; evaluation script v1.1). As in HotpotQA's script,
`yes`, `no` and `noanswer` are all or nothing. Knows nothing of questions or passages.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ALL_OR_NOTHING = frozenset(("yes", "no", "noanswer"))


def normalise(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces."""
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(said: str, right: Iterable[str]) -> bool:
    """Whether an answer is one of the right ones, both normalised."""
    answer = normalise(said)
    return any(answer == normalise(one) for one in right)


def f1(said: str, right: Iterable[str]) -> float:
    """The best word F1 against any of the right answers, 0 to 1."""
    answer = normalise(said)
    return max((_f1(answer, normalise(one)) for one in right), default=0.0)


def _f1(said: str, right: str) -> float:
    if said != right and (said in _ALL_OR_NOTHING or right in _ALL_OR_NOTHING):
        return 0.0
    words, wanted = said.split(), right.split()
    if not words or not wanted:
        return float(words == wanted)
    common = (Counter(words) & Counter(wanted)).total()
    return 2 * common / (len(words) + len(wanted))
