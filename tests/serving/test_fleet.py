"""What workers tell each other."""

import os

from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.serving.fleet import Fleet, Post


def joined(workers: int = 2) -> Fleet:
    fleet = Fleet(workers)
    fleet.join(0)
    return fleet


POSTS = st.lists(
    st.tuples(st.sampled_from(["a", "b", 'c"\n']), st.none() | st.integers(1, 9)), max_size=8
)


@given(earlier=POSTS, later=POSTS)
def test_the_last_post_about_each_model_counts(
    earlier: list[tuple[str, int | None]], later: list[tuple[str, int | None]]
) -> None:
    fleet = joined()
    for posts in (earlier, later):
        for post in posts:
            fleet.post(*post)
        unread, mark = fleet.unread()
        assert set(unread) == {Post(name, version) for name, version in dict(posts).items()}
        fleet.follow(mark)
    assert fleet.unread() == ([], mark)


def test_all_follow_when_every_place_does() -> None:
    fleet = Fleet(2)
    assert not fleet.all_follow()
    fleet.join(0)
    fleet.follow(0)
    assert not fleet.all_follow()
    fleet.place = 1
    fleet.follow(0)
    assert fleet.all_follow()
    mark = fleet.post("a", 1)
    assert not fleet.all_follow(mark)
    for fleet.place in (0, 1):
        _, read = fleet.unread()
        fleet.follow(read)
    assert fleet.all_follow(mark)


def test_whoever_takes_a_place_anew_reads_everything() -> None:
    fleet = joined()
    mark = fleet.post("a", 1)
    fleet.follow(mark)
    process = os.fork()
    if process == 0:
        replacement_reads = False
        try:
            fleet.place = 0
            fleet.follow(-1)
            replacement_reads = fleet.unread() == ([Post("a", 1)], mark)
        finally:
            os._exit(0 if replacement_reads else 1)
    assert os.waitpid(process, 0)[1] == 0
    # It says so to all the others.
    assert not fleet.all_follow(mark)


def test_a_bell_rings_until_it_is_silenced_however_often_it_was_rung() -> None:
    fleet = joined()
    for _ in range(70_000):
        fleet.post("a", 1)
    assert os.read(fleet.bell, 1) == b"."
    fleet.silence()
    fleet.silence()
    fleet.post("a", 2)
    assert os.read(fleet.bell, 10) == b"."


def test_only_the_first_announcement_is_made() -> None:
    fleet = joined()
    assert [fleet.announce_once() for _ in range(3)] == [True, False, False]
