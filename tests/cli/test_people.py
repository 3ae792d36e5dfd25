import json
import random
from pathlib import Path

import pytest

from forethought.cli.app import main


@pytest.fixture
def talks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "data" / "persuasion_for_good"
    place.mkdir(parents=True)
    rng = random.Random(0)
    said = [",Unit,Turn,B4,B2"]
    info = ["B2,B4,B6"]
    for number in range(60):
        gives = rng.random() < 0.5
        answer = "Yes I will give $1" if gives else "No I cannot afford it"
        texts = ("Hello there", "Hi", "Would you donate to charity?", answer)
        said += [f'{i},"{text}",{i // 2},{i % 2},d{number}' for i, text in enumerate(texts)]
        info += [f"d{number},0,0", f"d{number},1,{1.0 if gives else 0.0}"]
    (place / "full_dialog.csv").write_text("\n".join(said) + "\n")
    (place / "full_info.csv").write_text("\n".join(info) + "\n")
    monkeypatch.setenv("FORETHOUGHT_DATA", str(place.parent))
    return tmp_path


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    code = ended.value.code
    return code if isinstance(code, int) else 0


def test_a_head_learns_talks_and_is_measured_in_folds(
    talks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = str(talks / "head")
    train = ["train", "value", "persuasion", "--out", head, "--config", "monte-carlo"]
    train += ["--set", "members=2", "--set", "steps=50", "--set", "hidden=16"]
    assert call(*train, "--encoder", "notes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["data"]["worlds"] == ["persuasion"]
    assert call("eval", "value", head, "persuasion", "--folds", "2", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["head"]["goal"] == "The other donates to the charity."
    assert found["head"]["by_share"][-1]["auc"]["value"] > 0.9
    assert found["baselines"][0]["baseline"] == "TF-IDF, all text"


def test_without_the_data_one_line_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORETHOUGHT_DATA", raising=False)
    assert call("train", "value", "persuasion", "--out", str(tmp_path / "head")) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: PersuasionForGood is not part of this package: set FORE")
    assert "\n" not in said
