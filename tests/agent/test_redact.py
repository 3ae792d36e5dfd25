import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support_writer import Writer

from forethought.agent.agent import Agent
from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.redact import REDACTED, Redactor
from forethought.agent.trace import TraceWriter, read_traces, write_traces
from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step, Trace
from forethought.tools.function import tool

NOTHING: Mapping[str, str] = {}
TAIL = "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2yZ3"
"""Invented keys are put together here, so that no scanner takes them for real ones."""
KEYS = {
    "openai": f"sk-{TAIL}",
    "openai project": f"sk-proj-{TAIL}_-x",
    "anthropic": f"sk-ant-api03-{TAIL}-AA",
    "openrouter": f"sk-or-v1-{TAIL}",
    "stripe": f"sk_live_{TAIL}",
    "stripe hook": f"whsec_{TAIL}",
    "github": f"ghp_{TAIL}",
    "github fine": f"github_pat_{TAIL}_{TAIL}",
    "gitlab": f"glpat-{TAIL[:20]}",
    "slack": f"xoxb-12345678-{TAIL}",
    "aws": f"AKIA{'ABCDEFGHIJ234567'}",
    "google": f"AIza{TAIL[:35]}",
    "google oauth": f"ya29.{TAIL}",
    "hugging face": f"hf_{TAIL[:34]}",
    "groq": f"gsk_{TAIL}",
    "xai": f"xai-{TAIL}",
    "perplexity": f"pplx-{TAIL}",
    "replicate": f"r8_{TAIL}",
    "nvidia": f"nvapi-{TAIL}",
    "tavily": f"tvly-dev-{TAIL}",
    "brave": f"BSA{TAIL[:28]}",
    "langsmith": f"lsv2_pt_{TAIL}",
    "npm": f"npm_{TAIL}",
    "pypi": f"pypi-Ag{TAIL}",
    "sendgrid": f"SG.{TAIL[:22]}.{TAIL}",
    "databricks": f"dapi{'0123456789abcdef' * 2}",
    "telegram": f"123456789:AA{TAIL[:33]}",
    "web token": f"eyJ{TAIL}.eyJ{TAIL}.{TAIL}",
}
PRIVATE = f"-----BEGIN RSA PRIVATE KEY-----\n{TAIL}\n{TAIL}\n-----END RSA PRIVATE KEY-----"


def plain(*secrets: str, **environment: str) -> Redactor:
    return Redactor(secrets, environment=environment)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize(
    "around", ["{}", "the key is {}, keep it", 'x="{}"', "https://a.b/c?q=%22{}&r=1", "a\n{}\n"]
)
def test_keys_of_known_forms(key: str, around: str) -> None:
    text = around.format(key)
    clean = plain().text(text)
    assert TAIL[:10] not in clean
    assert clean.replace(REDACTED, key) in {text, text.replace(f"&{'r'}", "&r")}
    line = json.dumps({"a": [text]})
    assert json.loads(plain().line(line)) == {"a": [clean]}
    assert plain().text(clean) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc123def4", "Authorization: Bearer [redacted]"),
        ("api_key  =\n abc123", "api_key  =\n [redacted]"),
        ("BEARER abc.deF.ghi", "BEARER [redacted]"),
        ("bearer%20abc123def4&x", "bearer%20[redacted]&x"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic [redacted]"),
        ('{"authorization": "abcdef1"}', '{"authorization": "[redacted]"}'),
        ("postgres://me:pa55@db/x", "postgres://me:[redacted]@db/x"),
        ("api_key=abc123&x=1", "api_key=[redacted]&x=1"),
        ("https://a.b/?q=1&access_token=abcdefg", "https://a.b/?q=1&access_token=[redacted]"),
        ("https://a.b/?token=abcdefg#x", "https://a.b/?token=[redacted]#x"),
        ("https://a.b/?X-Amz-Signature=00ff00ff", "https://a.b/?X-Amz-Signature=[redacted]"),
        ('{"api-key": "abc-123"}', '{"api-key": "[redacted]"}'),
        (r'"{\"password\": \"hunter2\"}"', r'"{\"password\": \"[redacted]\"}"'),
        ("AWS_SECRET_ACCESS_KEY = a/b+c1234", "AWS_SECRET_ACCESS_KEY = [redacted]"),
        ("Password: hunter2!", "Password: [redacted]"),
        (f"a {PRIVATE} b", "a [redacted] b"),
        (PRIVATE[:60], "[redacted]"),
    ],
)
def test_what_is_written_as_a_secret(text: str, clean: str) -> None:
    assert plain().text(text) == clean
    line = json.dumps([text, "other"])
    assert json.loads(plain().line(line)) == [clean, "other"]
    assert plain().text(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "basic white/black/blue2 shirt, bearer bonds/certificates, authorization: required",
        "https://a.b/?sort_key=price_low&monkey=capuchin",
        "a task-oriented-classifier-of-2-things, risk-free-since-1999-or-so",
        "bearer bonds and bearer certificates; basic income of 1200 euros, basic understanding",
        "The password is long. My token: none. Secret: it is a game.",
        "http://example.org:8080/a@b mail@example.org 12:30",
        "prompt_tokens=12345678, max_tokens: 4096, key: C major",
        "I take 2 books and 1 hat; you get the rest. eyJ is no token.",
        "git describe: v1.2-14-g2414721, sha256 " + "0123456789abcdef" * 4,
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert plain().text(text) == text
    assert plain().line(json.dumps(text)) == json.dumps(text)


def test_the_environment_tells_what_keys_are() -> None:
    redactor = plain(
        BRAVE_API_KEY="first-value",
        DB_PASSWORD="second value",
        GITHUB_TOKEN="third-value",
        MONKEY="fourth-value",
        MAX_TOKENS="12345678",
        HOME_KEY="/etc/app/keys/my key",
        USE_KEY="false",
        SHORT_KEY="seven77",
    )
    text = "first-value second value third-value fourth-value 12345678 false seven77"
    assert redactor.text(text) == (
        "[redacted] [redacted] [redacted] fourth-value 12345678 false seven77"
    ).replace("fourth-value", REDACTED)  # a name that ends in KEY is taken for one


def test_named_secrets_in_all_their_forms() -> None:
    secret = 'pä"ss\\wörd line\ntwo'
    redactor = plain(secret, "tiny")
    for form in (
        secret,
        json.dumps(secret),
        json.dumps({"x": secret}, ensure_ascii=False),
        'pä"ss\\wörd line two',
        "https://x/?q=p%C3%A4%22ss%5Cw%C3%B6rd%20line%0Atwo",
    ):
        clean = redactor.text(form)
        assert "rd" not in clean.lower().replace("[redacted]", "")
        assert REDACTED in clean
    action = json.dumps({"x": secret})
    assert json.loads(redactor.line(json.dumps({"a": action}))) == {"a": '{"x": "[redacted]"}'}
    line = json.dumps({"a": {secret: [secret, 1, None, True]}})
    assert json.loads(redactor.line(line)) == {"a": {REDACTED: [REDACTED, 1, None, True]}}
    assert redactor.text("tiny tins") == "[redacted] tins"


def test_a_secret_that_is_a_word_of_the_format_leaves_the_file_readable(tmp_path: Path) -> None:
    model = ScriptedModel([json.dumps({"thought": "a decision", "action": {"answer": "x"}})])
    file = tmp_path / "t.jsonl"
    Agent(model, traces=file, secrets=["decision", "question", "candidate"]).run_sync("decision?")
    (trace,) = read_traces(file).traces
    assert trace.episode.facts == {"question": "[redacted]?"}
    assert trace.steps[0].decision.candidate.thought == "a [redacted]"


def test_the_beginning_of_a_secret_is_one_where_a_text_was_cut() -> None:
    redactor = plain("correct horse battery")
    assert redactor.text("correct horse bat...") == "[redacted]..."
    assert redactor.text("a correct h\n[cut: the first 11") == "a [redacted]\n[cut: the first 11"
    assert redactor.text("correct horse batter") == "[redacted]"
    assert (
        redactor.text("a correct answer, a correct horse...") == "a correct answer, a [redacted]..."
    )
    assert json.loads(redactor.line('["it is correct hor"]')) == ["it is [redacted]"]


def test_hidden_as_long_as_somebody_wants_it_hidden() -> None:
    redactor = plain()
    redactor.hide(["swordfish", "marlin"])
    redactor.hide(["swordfish"])
    redactor.show(["swordfish", "marlin"])
    assert redactor.text("swordfish marlin") == "[redacted] marlin"
    redactor.show(["swordfish"])
    assert redactor.text("swordfish marlin") == "swordfish marlin"


@pytest.mark.parametrize("secrets", ["swordfish", ["abc"], ["swordfish", "   a   "], [""]])
def test_secrets_that_would_take_everything_out(secrets: Any) -> None:
    with pytest.raises(ConfigError):
        Redactor(secrets)
    with pytest.raises(ConfigError):
        Agent(ScriptedModel([]), secrets=secrets)


@tool
def fetch(url: str) -> dict[str, Any]:
    """Reads a page.

    Args:
        url: Address.
    """
    return {"headers": {"Authorization": f"Bearer {TAIL}"}, "body": f"{PRIVATE} {KEYS['github']}"}


def act(*calls: dict[str, Any]) -> str:
    action: Any = list(calls) if len(calls) > 1 else calls[0]
    return json.dumps({"thought": f"I use {KEYS['openai']}.", "action": action})


def fetching(url: str) -> dict[str, Any]:
    return {"name": "fetch", "arguments": {"url": url}}


ANSWER = json.dumps({"thought": "t", "action": {"answer": f"It is {KEYS['anthropic']}."}})
URL = "https://ann:hunter2@example.org/?api_key=topsecret1"


def test_no_secret_reaches_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "runs.jsonl"
    agent = Agent(
        ScriptedModel([act(fetching(URL)), ANSWER]),
        tools=[fetch],
        traces=file,
        secrets=["customer 4711"],
    )
    monkeypatch.setenv("LATE_API_KEY", "set-after-the-agent-was-made")
    question = f"customer 4711 asks, {PRIVATE} set-after-the-agent-was-made"
    result = agent.run_sync(question)
    assert result.output == f"It is {KEYS['anthropic']}."  # the application's own
    raw = file.read_text()
    for secret in (TAIL[:12], "hunter2", "topsecret1", "customer 4711", "set-after"):
        assert secret not in raw, secret
    (trace,) = read_traces(file).traces
    assert trace.episode.facts["question"] == f"{REDACTED} asks, {REDACTED} {REDACTED}"
    assert trace.steps[0].decision.candidate.thought == f"I use {REDACTED}."
    assert trace.steps[0].decision.action == json.dumps(
        {
            "name": "fetch",
            "arguments": {"url": "https://ann:[redacted]@example.org/?api_key=[redacted]"},
        }
    )
    assert trace.outcome is not None
    assert trace.outcome.facts["answer"] == f"It is {REDACTED}."


def test_two_agents_with_one_file_and_secrets_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    for name in ("swordfish", "marlin"):
        model = ScriptedModel([json.dumps({"thought": "t", "action": {"answer": name}})])
        Agent(model, traces=file, secrets=[name]).run_sync("swordfish or marlin?")
    first, second = read_traces(file).traces
    assert first.episode.facts["question"] == f"{REDACTED} or marlin?"
    assert second.episode.facts["question"] == f"swordfish or {REDACTED}?"


async def test_a_run_goes_on_from_a_record_without_its_secrets(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    model = ScriptedModel([act(fetching("a"), fetching(URL), fetching("c"))], cycle=True)
    agent = Agent(model, tools=[fetch], traces=file)
    await agent.run("?", budget=Budget(calls=1))
    (trace,) = read_traces(file).traces
    again = await Agent(ScriptedModel([ANSWER]), tools=[fetch]).resume(trace)
    lines = again.trace.steps[-1].state.splitlines()[2:]
    assert len(lines) == 3
    for line in lines:
        assert line.endswith(f'"body":"{REDACTED} {REDACTED}"}}'), line


def test_other_writers_redact_too_and_what_has_no_secret_is_written_as_it_is(
    tmp_path: Path,
) -> None:
    decision = Decision(Candidate(f"t {KEYS['slack']}"), "a", "p")
    trace = Trace(
        Episode("e1", "world"), (Step(0, "o", "s\ud800", decision),), Outcome(1.0, success=True)
    )
    write_traces(tmp_path / "a.jsonl", [trace])
    (read,) = read_traces(tmp_path / "a.jsonl").traces
    assert read.steps[0].decision.candidate.thought == f"t {REDACTED}"
    named = Trace(Episode(f"e {KEYS['aws']}", "w"), trace.steps, Outcome(1.0, success=True))
    write_traces(tmp_path / "a.jsonl", [named])
    assert [each.episode.id for each in read_traces(tmp_path / "a.jsonl").traces] == [
        "e1",
        f"e {REDACTED}",
    ]
    clean = Trace(Episode("e1", "world"), (), Outcome(1.0, success=True))
    lines = []
    for redactor in (None, plain("swordfish")):
        file = tmp_path / f"{redactor is None}.jsonl"
        with TraceWriter(file, redactor=redactor) as writer:
            writer.write(clean)
        lines.append(file.read_bytes())
    assert lines[0] == lines[1]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
async def test_watchers_are_told_no_secret(size: int) -> None:
    secret = "two words of mine"
    said = f"Bearer {TAIL}, {secret}; {KEYS['github']} ünd {PRIVATE} 我们 {KEYS['web token']} done"
    reply = json.dumps({"thought": f"hm {KEYS['aws']}", "action": {"answer": said}})
    model = Writer([act(fetching(URL)), reply], size=size)
    stream = Agent(model, tools=[fetch], secrets=[secret]).stream(f"why {secret}?")
    events = [event async for event in stream]
    told = "".join(event.text for event in events)
    for part in (TAIL[:10], "two words", "hunter2", "topsecret1", "AKIA"):
        assert part not in told, part
    pieces = "".join(event.text for event in events if event.kind == "text")
    answer = json.loads(pieces[pieces.rindex('{"thought": "hm') :])["action"]["answer"]
    assert (
        answer == f"Bearer {REDACTED}, {REDACTED}; {REDACTED} ünd {REDACTED} 我们 {REDACTED} done"
    )
    assert stream.result is not None
    assert stream.result.output == said


async def test_pieces_come_while_the_reply_is_written() -> None:
    words = " ".join(f"word{n}" for n in range(50))
    stream = Agent(Writer([words, "answer: x"], size=2)).stream("?")
    pieces = [event.text async for event in stream if event.kind == "text"]
    assert len(pieces) > 50
    assert "".join(pieces) == words + "answer: x"
