"""`reproduce decision-sampling`: RL against imitation at matched samples, on small models.

```
OUT/runs.jsonl     OUT/report.json, decide.png
```

Departures from the paper: models of 0.2 million parameters that were pre-trained on the task alone;
an explicit token decides, where the paper counts retry words; at most 4 answers; products of 1*1
and 2*1 digits are trained on and 3*1 are out of range, where the paper goes from 4*4 to 9*9;
imitation learns from the base's own right samples, where the paper's data are not known.
"""

from pathlib import Path

from forethought.valuefn.reproduce.decide_plan import Job, Size, jobs
from forethought.valuefn.reproduce.decide_report import Report, report_of
from forethought.valuefn.reproduce.decide_train import do
from forethought.valuefn.reproduce.fleet import Progress, run_all
from forethought.valuefn.rl.toys.bases import prepare


def run(
    out: Path,
    *,
    size: Size,
    seed: int = 0,
    workers: int = 1,
    bases: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Make the runs that are missing, and compare.

    Args:
        out: Folder of the record.
        size: How much is done.
        seed: The first seed; the others follow it.
        workers: Processes.
        bases: Folder of the bases; the cache by default.
        progress: Told how far each stage is.

    Raises:
        ConfigError: If a folder cannot be written or `workers` is below 1.
        DataError: If the record is damaged.
        RunError: If a process died.
    """
    folders = {
        (name, number): prepare(
            name, seed=number, changes=size.changes, place=bases, progress=progress
        ).folder
        for name, number in size.bases
    }
    planned: list[Job] = jobs(size, seed)
    work = {job.key: (do, (job, folders[job.base, job.base_seed], size)) for job in planned}
    records = run_all(out, work, workers=workers, progress=progress)
    return report_of(records, size, seed)
