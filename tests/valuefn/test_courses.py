from forethought.envs.registry import world_ids
from forethought.valuefn.config import ROWS
from forethought.valuefn.courses import COURSES, USUAL, course_of


def test_courses_name_worlds_and_rows_that_exist() -> None:
    assert set(COURSES) <= set(world_ids())
    assert {course.row for course in (*COURSES.values(), USUAL)} <= set(ROWS)


def test_a_world_without_a_course_gets_the_usual_one() -> None:
    assert course_of("bargaining-v0") is USUAL
    assert course_of("avalon-v0").row == "short"
