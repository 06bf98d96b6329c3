"""What comes together is handed over together, and nobody waits for those who do not come."""

import asyncio

import pytest

from mlserve_cli.serving.gathering import Gathering


class Arrivals:
    """Rows that come in turns of the event loop, as planned; each turn takes some milliseconds."""

    def __init__(self, turns: list[int], milliseconds: float) -> None:
        self.turns = turns
        self.milliseconds = milliseconds
        self.now = 0.0
        self.waiting = 0
        self.handed_over: list[int] = []
        self.gathering = Gathering(lambda: self.now)

    def _take(self) -> None:
        self.handed_over.append(self.waiting)
        self.waiting = 0

    async def play(self) -> list[int]:
        for count in self.turns:
            if count and not self.waiting:
                self.gathering.begin(lambda: self.waiting, self._take)
            self.waiting += count
            self.now += self.milliseconds / 1_000
            await asyncio.sleep(0)
        return self.handed_over


@pytest.mark.parametrize(
    ("turns", "handed_over"),
    [
        pytest.param([1, 0, 0], [1], id="a lone request is answered at once"),
        pytest.param([1, 0, 1, 0, 1, 0], [1, 1, 1], id="and so is each of one client"),
        pytest.param([10, 8, 6, 0, 0], [24], id="as long as more come, they are gathered"),
        pytest.param([10, 0, 8, 0, 0, 0], [10, 8], id="a pause ends it"),
        pytest.param([10, 0, 0, 2, 9, 0, 0], [10, 11], id="few behind many are the first of many"),
        pytest.param([300, 300, 0], [300, 300], id="many are enough"),
    ],
)
def test_rows_are_gathered(turns: list[int], handed_over: list[int]) -> None:
    assert asyncio.run(Arrivals(turns, 0.01).play()) == handed_over


def test_nobody_waits_for_many_turns_with_other_work_in_them() -> None:
    assert asyncio.run(Arrivals([5] * 6, 2).play()) == [5] * 6
    # Ten turns of 0.1 ms would bring ten times as many.
    found = asyncio.run(Arrivals([5] * 10, 0.1).play())
    assert max(found) == 25
