from pathlib import Path

import numpy as np
import pytest
import torch
from support_signpost import signpost_traces
from torch import Tensor
from torch._dynamo import config as dynamo

from forethought.agent.errors import ConfigError
from forethought.agent.trace import write_traces
from forethought.cli.app import main
from forethought.valuefn.compiling import compiled
from forethought.valuefn.config import changed, head_config
from forethought.valuefn.fit import fit_head
from forethought.valuefn.head import Head
from forethought.valuefn.machine import Machine, check_machine

TINY = head_config(hidden=8, members=2, batch=32, steps=50, learning_rate=3e-3)
TRACES = signpost_traces(60)


class Stop(Exception):
    pass


def equal(one: Head, other: Head) -> bool:
    return all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


def stopping(update: int, most: int, loss: float) -> None:
    raise Stop


def test_a_compiled_loss_learns_the_same_and_goes_on_bit_for_bit(tmp_path: Path) -> None:
    config = changed(TINY, objective="monte-carlo")  # the one that compiles fastest
    plain = fit_head(TRACES, config)
    made = fit_head(TRACES, config, compiled=True)
    for name, weight in plain.weights.items():
        np.testing.assert_allclose(made.weights[name], weight, atol=2e-3, err_msg=name)
    assert made.config == plain.config
    with pytest.raises(Stop):
        fit_head(TRACES, config, compiled=True, checkpoint=tmp_path, progress=stopping)
    resumed = fit_head(TRACES, config, compiled=True, checkpoint=tmp_path)
    assert equal(made, resumed)


def doubled(x: Tensor) -> Tensor:
    return (x + x).sum()


def test_many_trainings_in_one_process_are_all_compiled() -> None:
    with dynamo.patch(recompile_limit=1):  # 8 by itself
        for width in (3, 4, 5):
            assert compiled(doubled)(torch.ones(width)).item() == 2 * width


def unfit(x: Tensor) -> Tensor:
    return x * float(x.sum().numpy().tolist()) if x.sum() > 0 else x


def test_what_torch_cannot_compile_is_said_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"the loss unfit here: .*; train without"):
        compiled(unfit)(torch.ones(2))
    with pytest.raises(ConfigError, match="only plain functions"):
        compiled(TINY.digest)


def test_without_a_compiler_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    check_machine(Machine())
    with pytest.raises(ConfigError, match="no-such-compiler is not found"):
        check_machine(Machine(compiled=True))
    write_traces(tmp_path / "traces.jsonl", TRACES)
    arguments = ["train", "value", str(tmp_path), "--out", str(tmp_path / "head"), "--compile"]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: compiled training needs a C++ compiler" in capsys.readouterr().err
    assert not (tmp_path / "head").exists()
