"""Secrets taken out of text before it is kept: keys, bearer tokens, passwords, what the user names.

Covered: keys by the forms that well-known providers give them; bearer tokens and authorization;
values written as `api_key=...`, `password: ...` and the like; user and password in an address;
private keys; JSON web tokens; the values of environment variables that are named like keys; and
named secrets. Of the last two also the forms that JSON and addresses give them, and their
beginning where a text was cut.

Not covered: a secret of no known form that nobody named; one that was changed on the way (spelled
out, encoded otherwise, taken apart). Knows nothing of files: `agent.trace` uses it before a line is
written.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from forethought.agent.errors import ConfigError

REDACTED = "[redacted]"
LEAST_NAMED = 4
"""Characters of the shortest secret that can be named; shorter ones are parts of ordinary words."""
LEAST_FOUND = 8
"""Characters of the shortest value of the environment that counts as a key."""
_LONGEST_NAME = 24
LEAST_CUT = 6
"""Characters of a secret that are taken out where a text was cut in the midst of it."""

_CUTS = ("...", "\n[cut: ")
"""What stands where a text was cut."""
_ALONE = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))"
"""Nothing that belongs to a word stands before, but for a character of an address."""
_MIXED = r"(?=[\w-]*\d)"
"""There is a digit in it: it is no word with hyphens."""
_KEYS = (
    ("sk-", rf"{_ALONE}sk-{_MIXED}[\w-]{{16,}}"),  # OpenAI, Anthropic, OpenRouter, DeepSeek
    ("k_live_", r"[srp]k_live_\w{10,}"),  # Stripe
    ("k_test_", r"[srp]k_test_\w{10,}"),
    ("whsec_", r"whsec_[\w+/=]{16,}"),
    *((f"gh{kind}_", rf"{_ALONE}gh{kind}_\w{{20,}}") for kind in "pousr"),  # GitHub
    ("github_pat_", r"github_pat_\w{20,}"),
    ("glpat-", r"glpat-[\w-]{16,}"),  # GitLab
    ("xox", rf"{_ALONE}xox[a-z]-[\w-]{{10,}}"),  # Slack
    ("xapp-", r"xapp-[\w-]{10,}"),
    ("AKIA", rf"{_ALONE}AKIA[A-Z0-9]{{16}}"),  # AWS
    ("ASIA", rf"{_ALONE}ASIA[A-Z0-9]{{16}}"),
    ("AIza", r"AIza[\w-]{30,}"),  # Google
    ("ya29.", r"ya29\.[\w.-]{20,}"),
    ("GOCSPX-", r"GOCSPX-[\w-]{20,}"),
    ("hf_", rf"{_ALONE}hf_[A-Za-z0-9]{{20,}}"),  # Hugging Face
    ("gsk_", rf"{_ALONE}gsk_\w{{20,}}"),  # Groq
    ("xai-", rf"{_ALONE}xai-{_MIXED}[\w-]{{20,}}"),
    ("pplx-", rf"{_ALONE}pplx-\w{{20,}}"),  # Perplexity
    ("r8_", rf"{_ALONE}r8_\w{{20,}}"),  # Replicate
    ("nvapi-", r"nvapi-[\w-]{20,}"),
    ("tvly-", rf"{_ALONE}tvly-[\w-]{{12,}}"),  # Tavily
    ("BSA", rf"{_ALONE}BSA{_MIXED}[\w-]{{20,}}"),  # Brave
    ("lsv2_", r"lsv2_\w{20,}"),  # LangSmith
    ("npm_", rf"{_ALONE}npm_\w{{30,}}"),
    ("pypi-", r"pypi-Ag[\w-]{20,}"),
    ("SG.", rf"{_ALONE}SG\.[\w-]{{16,}}\.[\w-]{{16,}}"),  # SendGrid
    ("dapi", rf"{_ALONE}dapi[0-9a-f]{{32}}"),  # Databricks
    (":AA", rf"{_ALONE}\d{{8,10}}:AA[\w-]{{30,}}"),  # Telegram
    ("eyJ", r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}(?:\.[\w-]*)?"),  # JSON web token
    (
        "PRIVATE KEY",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"]*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?=\")|\Z)",
    ),
)
"""What stands in every text with such a key, and its form."""
_ODD = r"(?=\S*\d|\S*[a-z]\S*[A-Z]|\S{20})"
"""No word of a language: a digit in it, a capital letter after a small one, or its length."""
_AFTER = (
    (("earer", "EARER"), rf"(?i:\b(bearer)(\s+|%20|\+)){_ODD}[\w.~+/=-]{{8,}}"),
    (
        ("uthorization", "UTHORIZATION"),
        r"(?i:(authorization)(\\*[\"']?\s*[:=]\s*\\*[\"']?(?:[a-z]+\s+)?))"
        rf"{_ODD}[^\s\"'\\,;\[]{{6,}}",
    ),
    (("://",), r"(://)([^\s/:@\"']*:)[^\s/@\"']+(?=@)"),
    (
        ("=",),
        r"(?i:([?&;])((?:[\w.-]*(?:token|secret|password|passwd|signature|api[_-]?key)|key|sig)=))"
        r"[^\s\"'&;<>#]{6,}",
    ),
    (
        ("=", ":"),
        r"(?i:\b((?:[a-z0-9]+[_-])*(?:api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key"
        r"|access[_-]?token|auth[_-]?token|refresh[_-]?token|client[_-]?secret|passw(?:or)?d))"
        r"(\\*[\"']?\s*[=:]\s*\\*[\"']?))[^\s\"'&,;<>\\]{6,}",
    ),
)
"""What stands in such a text, one of them, and its form: two groups that stay, then the secret."""
_WORDS = (
    *("bearer", "authorization", "passw", "secret", "sig=", "signature="),
    *(f"{word}{end}" for word in ("key", "token") for end in ("=", ":", '"', "'", "\\", " ")),
)
"""One of them, in small letters, is in every JSON line with such a text, but for addresses."""
_LONG = re.compile(r"[-_][A-Za-z0-9_+/=-]{10}")
_SHORT = ("AKIA", "ASIA", "AIza", "ya29.", "BSA", "SG.", "dapi", ":AA", "eyJ", "PRIVATE KEY")
"""A key has a sign and much that follows it, or one of these."""
_NAMED_SO = re.compile(
    r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|PAT|CREDENTIALS?)(?:_|$)|KEY$",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"\d{1,15}|true|false|none|null|(?:[./~]|[A-Za-z]:\\)[\w./\\~ -]*")
"""Numbers, switches and plain paths."""


class Redactor:
    """Takes secrets out of texts.

    Args:
        secrets: Values to take out wherever they stand.
        environment: Variables whose values are taken out when their names are those of keys; those
            of the process by default.

    Raises:
        ConfigError: If a named secret has fewer than 4 characters.
    """

    def __init__(
        self, secrets: Iterable[str] = (), *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._named: Counter[str] = Counter()
        self._environment = os.environ if environment is None else environment
        self._known: tuple[str, ...] = ()
        self._heads: list[tuple[str, str]] = []
        self._plain: list[str] = []
        self._odd = False
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Take these out too; each until it was given to `show` as often.

        Raises:
            ConfigError: If one has fewer than 4 characters.
        """
        named = named_secrets(secrets)
        self._named.update(named)
        self.look()

    def show(self, secrets: Iterable[str]) -> None:
        """Undo one `hide`."""
        self._named.subtract(named_secrets(secrets))
        self._named = +self._named
        self.look()

    def look(self) -> None:
        """Read the environment again: a key may have been set since."""
        names = [name for name in self._environment if _names_a_key(name)]
        values = [self._environment.get(name, "") for name in names]
        found = [v for v in values if len(v) >= LEAST_FOUND and not _NO_SECRET.fullmatch(v)]
        known = (*self._named, *found)
        if known == self._known:
            return
        self._known = known
        forms = sorted({form for value in known for form in _forms(value)}, key=len, reverse=True)
        self._heads = [(form[:LEAST_CUT], form) for form in forms]
        self._plain = [head for head, form in self._heads if _stays(form)]
        self._odd = len(self._plain) < len(self._heads)

    def text(self, text: str) -> str:
        """The text without secrets; `[redacted]` stands where they were."""
        for _, form in self._heads:
            text = text.replace(form, REDACTED)
        for head, form in self._heads:
            if head in text:
                text = _without_cut(text, head, form)
        for sign, key in _KEYS:
            if sign in text:
                text = re.sub(key, REDACTED, text, flags=re.ASCII)
        for signs, after in _AFTER:
            if any(sign in text for sign in signs):
                text = re.sub(after, rf"\1\2{REDACTED}", text, flags=re.ASCII)
        return text

    def line(self, line: str) -> str:
        """One JSON document without secrets: the same line where there are none."""
        if not self._suspect(line):
            return line
        value = json.loads(line)
        clean = self.value(value)
        if clean == value:
            return line
        return json.dumps(clean, ensure_ascii=False, separators=(",", ":"))

    def value(self, value: Any) -> Any:
        """Texts, lists and mappings as JSON has them, every text in them without secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._key(key): self.value(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.value(each) for each in value)
        return value

    def _key(self, key: str) -> str:
        """The name of a field; short plain names are no secrets, and a reader needs them."""
        plain = len(key) <= _LONGEST_NAME and key.isidentifier()
        return key if plain else self.text(key)

    def safe(self, text: str, cut: int) -> int:
        """The last place up to `cut` where a text can be parted without parting a known secret.

        Args:
            text: More of it may come: a secret may have begun at its end.
            cut: A place in it, counted in characters.
        """
        for _, form in self._heads:
            for at in range(max(0, cut - len(form) + 1), cut):
                if form.startswith(text[at : at + len(form)]):
                    return self.safe(text, at)
        return cut

    def _suspect(self, line: str) -> bool:
        """Whether a secret may be in a JSON line; it costs little to see that there is none."""
        if self._odd or any(head in line for head in self._plain):
            return True
        if _LONG.search(line) or any(sign in line for sign in _SHORT):
            return True
        low = line.lower()
        return any(word in low for word in _WORDS) or ("://" in low and "@" in low)


@lru_cache(maxsize=4096)
def _names_a_key(name: str) -> bool:
    return bool(_NAMED_SO.search(name))


def named_secrets(secrets: Iterable[str]) -> tuple[str, ...]:
    """Secrets as somebody named them, checked.

    Raises:
        ConfigError: If they are one text and no list, or one has fewer than 4 characters.
    """
    if isinstance(secrets, str):
        raise ConfigError("secrets are given as a list of texts, not as one text")
    named = tuple(secrets)
    short = [len(each) for each in named if len(each.strip()) < LEAST_NAMED]
    if short:
        raise ConfigError(
            f"a secret of {short[0]} characters would take ordinary words out of every text; name "
            f"secrets of {LEAST_NAMED} or more"
        )
    return named


def _forms(value: str) -> set[str]:
    """The value as it stands in texts, in JSON inside a text and in addresses."""
    bare = value.strip()
    return {
        bare,
        " ".join(bare.split()),
        json.dumps(bare)[1:-1],
        json.dumps(bare, ensure_ascii=False)[1:-1],
        quote(bare, safe="", errors="replace"),
    }


def _stays(form: str) -> bool:
    """Whether a text is the same in JSON."""
    return json.dumps(form)[1:-1] == form


def _without_cut(text: str, head: str, form: str) -> str:
    """The text without the beginning of a secret where the text was cut."""
    parts, begin = [], 0
    while (at := text.find(head, begin)) >= 0:
        end = at + len(head)
        while end < min(len(text), at + len(form)) and text[end] == form[end - at]:
            end += 1
        cut = end == len(text) or text.startswith(_CUTS, end)
        parts += [text[begin:at], REDACTED if cut else text[at:end]]
        begin = end
    return "".join([*parts, text[begin:]])
