from rich.console import Console
from rich.progress import Progress

from forethought.cli import console


def test_progress_shows_rate_and_time_left_without_what_was_done_before() -> None:
    now = 0.0
    column = console._Rate()
    with Progress(console=Console(quiet=True), auto_refresh=False, get_time=lambda: now) as bars:
        tell = console._Bars(bars)
        tell("rank", 400, 1000)  # resumed
        (task,) = bars.tasks
        assert task.completed == 400
        assert column.render(task).plain == "-"
        for count in range(1, 21):
            now += 0.5
            tell("rank", 400 + count, 1000)
        assert column.render(task).plain == "2/s"
        assert task.time_remaining == 290
        tell("slow", 0, 10)
        slow = bars.tasks[1]
        for count in range(1, 6):
            now += 4.0
            tell("slow", count, 10)
        assert column.render(slow).plain == "4 s each"
