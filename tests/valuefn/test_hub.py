from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from hub_stub import TOKEN, HubStub, hub_stub
from huggingface_hub import ModelCard

from forethought.agent.errors import ConfigError, HeadError
from forethought.valuefn.critic import load_critic
from forethought.valuefn.head import Head

KEPT = Path(__file__).parent / "heads" / "format1"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubStub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with hub_stub() as served:
        yield served


@pytest.fixture
def where(hub: HubStub) -> dict[str, Any]:
    return {"endpoint": hub.url, "token": TOKEN}


def test_a_head_goes_up_and_comes_down_by_its_revision(hub: HubStub, where: dict[str, Any]) -> None:
    head = Head.from_pretrained(KEPT)
    pushed = head.push_to_hub("me/signs", licence="apache-2.0", **where)
    assert set(hub.repos["me/signs"][pushed.revision]) == {
        *("config.json", "head.safetensors", "calibration.json", "evidence.jsonl"),
        *("metrics.json", "origin.json", "README.md"),
    }
    hub.commit("me/signs", {"calibration.json": b'{"method": "none"}'})
    pinned = Head.from_pretrained("me/signs", revision=pushed.revision, **where)
    assert pinned.id == head.id
    by_name = Head.from_pretrained(f"me/signs@{pushed.revision}", **where)
    assert by_name.id == head.id
    with pytest.raises(HeadError, match="changed on disk"):  # and the newest was spoilt
        Head.from_pretrained("me/signs", **where)


def test_code_beside_a_head_is_not_even_fetched(hub: HubStub, where: dict[str, Any]) -> None:
    Head.from_pretrained(KEPT).push_to_hub("me/signs", **where)
    bad = {"head.py": b"raise SystemExit", "head.pkl": b"\x80\x04.", "sub/x.py": b"1"}
    hub.commit("me/signs", bad)
    hub.asked.clear()
    Head.from_pretrained("me/signs", **where)
    assert not [line for line in hub.asked if ".py" in line or ".pkl" in line]


def test_what_the_hub_refuses_is_one_line(hub: HubStub, where: dict[str, Any]) -> None:
    head = Head.from_pretrained(KEPT)
    with pytest.raises(HeadError, match=r"hub refused me/signs \(401\); run hf auth login"):
        head.push_to_hub("me/signs", endpoint=hub.url, token="hf_wrong")
    with pytest.raises(ConfigError, match="cannot name a repository"):
        head.push_to_hub("me/two/signs", **where)
    with pytest.raises(HeadError, match="there is no head at me/none; on the hub: there is no rep"):
        Head.from_pretrained("me/none", **where)
    head.push_to_hub("me/signs", **where)
    with pytest.raises(HeadError, match="me/signs has no revision 'v9'"):
        Head.from_pretrained("me/signs", revision="v9", **where)


def test_offline_is_told(hub: HubStub) -> None:
    with pytest.raises(HeadError, match="cannot reach the hub for me/signs"):
        Head.from_pretrained("me/signs", endpoint="http://127.0.0.1:9", token=TOKEN)
    with pytest.raises(HeadError, match="cannot reach the hub for me/signs"):
        Head.from_pretrained(KEPT).push_to_hub("me/signs", endpoint="http://127.0.0.1:9")


def test_with_the_hub_forbidden_nothing_is_asked() -> None:
    with pytest.raises(HeadError, match=r"there is no head at me/signs; on the hub: cannot reach"):
        load_critic("me/signs")


def test_the_card_is_one_the_hub_can_read(
    hub: HubStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = Head.from_pretrained(KEPT)
    folder = head.save_pretrained(tmp_path / "head", licence="cc-by-4.0")
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.library_name == "forethought"
    results = card.data.eval_results
    assert results is not None
    shown = {result.metric_type: result.metric_value for result in results}
    assert shown["auc"] == head.metrics["held_out"]["auc"]
    assert card.data.model_name == head.id
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
    for part in ("## Intended use", "## Limits", "## Licence", "## Data", head.id):
        assert part in card.text
    assert "None is stated" in (head.save_pretrained(folder) / "README.md").read_text()
