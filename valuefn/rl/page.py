"""Rollouts as one HTML page that needs nothing beside it: every token, coloured by its kind.

A token that carries loss is underlined. All text is escaped.
"""

import html
from collections.abc import Callable, Sequence

from forethought.valuefn.rl.store import Logged
from forethought.valuefn.rl.tokens import Kind, Span

Decode = Callable[[int], str]
"""The text of one token."""

_STYLE = """\
html { color-scheme: light dark }
body { font: 15px/1.6 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.8 ui-monospace, monospace;
  border: 1px solid #ddd; border-radius: 6px; padding: 0.6rem }
span { border-radius: 3px }
.prompt { color: #888 }
.given { background: #e5e5e5 }
.sampled { background: #d5e8ff }
.forced { background: #ffe0b3 }
.decision { outline: 1px solid #b03a8c }
.tool { outline: 1px solid #2c8f53 }
.trains { border-bottom: 2px solid #0a58ca }
small { color: #666 }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #dde1e6 }
  pre { border-color: #353a42 }
  .given { background: #33363c }
  .sampled { background: #17385e }
  .forced { background: #5e4312 }
  .trains { border-bottom-color: #6ea8fe }
}
"""
_ANEW = "</pre>\n<p><small>asked anew: what stands above was not seen</small></p>\n<pre>"
_LEGEND = (
    ("given", "given: carries no loss"),
    ("sampled", "sampled from the policy"),
    ("forced", "forced prefix"),
    ("decision", "a decision"),
    ("tool", "a tool's call or output"),
    ("trains", "carries loss"),
)


def tokens_page(rows: Sequence[Logged], decode: Decode, *, title: str = "What trains") -> str:
    """The page as text.

    Args:
        rows: Rollouts in the order wanted.
        decode: The text of one token.
        title: Heading.
    """
    name = html.escape(title)
    legend = " ".join(f'<span class="{mark}">{html.escape(text)}</span>' for mark, text in _LEGEND)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{name}</h1>\n<p>{legend}</p>\n"
        f"{''.join(_rollout(row, decode) for row in rows)}</body></html>\n"
    )


def _rollout(row: Logged, decode: Decode) -> str:
    one = row.rollout
    rewards = ", ".join(f"{name} {value:.3f}" for name, value in one.rewards.items())
    kind = f"prefix {one.prefix!r}" if one.prefixed else "free"
    head = (
        f"update {row.step}, task {one.task}, group {one.group}, member {one.member}, {kind}, "
        f"stage {one.stage}, ended by {one.finish}, rewards: {rewards or 'none'}; "
        f"{sum(row.trains)} of {len(row.trains)} tokens train"
    )
    prompt = "".join(_token(decode(token), "prompt", "prompt") for token in one.prompt_ids)
    places = zip(one.completion_ids, one.kinds, one.spans, one.logprobs, row.trains, strict=True)
    body = "".join(
        (_ANEW if at in one.fresh else "")
        + _token(decode(token), _marks(kind, span, trains), _note(kind, span, logprob))
        for at, (token, kind, span, logprob, trains) in enumerate(places)
    )
    return f"<p><small>{html.escape(head)}</small></p>\n<pre>{prompt}{body}</pre>\n"


def _token(text: str, marks: str, note: str) -> str:
    return f'<span class="{marks}" title="{html.escape(note)}">{html.escape(text)}</span>'


def _marks(kind: Kind, span: Span, trains: int) -> str:
    marks = [kind.name.lower()]
    if span != Span.SAMPLE:
        marks.append(span.name.lower())
    if trains:
        marks.append("trains")
    return " ".join(marks)


def _note(kind: Kind, span: Span, logprob: float) -> str:
    said = f"{kind.name.lower()}, {span.name.lower()}"
    return said if kind == Kind.GIVEN else f"{said}, log-probability {logprob:.4f}"
