"""Events arrive whole and in order, and words wake their reader no more often than they must."""

from __future__ import annotations

import threading

from model.records import Event
from model.serving.event_queue import EventQueue


def test_words_wake_the_reader_forty_times_a_second_at_most() -> None:
    ticks = [n / 1024 for n in range(101)]  # 101 tokens in a tenth of a second
    times = iter([*ticks, 0.1])
    events = EventQueue(clock=lambda: next(times))
    for number in range(101):
        events.put(Event("token", str(number)))
    assert events.wakes == 4  # at the first tick after 0, 25, 50 and 75 ms
    events.put(Event("done"))
    assert events.wakes == 5  # the end is told at once
    assert [events.get().text for _ in range(101)] == [str(number) for number in range(101)]
    assert events.get().kind == "done"


def test_a_slow_students_every_token_wakes_the_reader() -> None:
    times = iter([0.0, 0.1, 0.2])
    events = EventQueue(clock=lambda: next(times))
    for text in "abc":
        events.put(Event("token", text))
    assert events.wakes == 3


def test_a_waiting_reader_gets_everything_in_order() -> None:
    events, got = EventQueue(), list[Event]()

    def read() -> None:
        while not got or got[-1].kind != "done":
            got.append(events.get())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(5000):
        events.put(Event("thought", str(number)))
    events.put(Event("done"))
    reader.join(timeout=60)
    assert [event.text for event in got[:-1]] == [str(number) for number in range(5000)]
