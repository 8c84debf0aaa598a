"""Runs outlive the app, one at a time; what a crash leaves is mended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model.config import DistillConfig
from model.errors import RunError
from model.jobs.jobs import Jobs, run_folder, worker_lock
from model.knowledge.store import Store
from model.paths import PROJECT
from model.records import Metric, RunId, RunInfo

posix = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")

WORKER = """
import sys, time
from pathlib import Path
from model.jobs.jobs import worker_lock
from model.knowledge.store import Store
workspace, run, act = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with worker_lock(workspace, run):
    store = Store(workspace / "workspace.db")
    store.update_run(run, stage="working", step=store.run(run).step + 1)
    print("hello from", run, flush=True)
    if act == "crash":
        sys.exit(3)
    ends = {"pause": "paused", "stop-keep": "done", "stop-drop": "cancelled"}
    deadline = time.monotonic() + 60
    while act == "wait" and time.monotonic() < deadline:
        request = store.take_request(run)
        if request:
            store.update_run(run, state=ends[request])
            sys.exit(0)
        time.sleep(0.02)
    store.update_run(run, state="done", finished_at=time.time())
"""

Make = Callable[[str], Jobs]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "workspace.db")
    yield opened
    opened.close()


@pytest.fixture
def make(store: Store, tmp_path: Path) -> Iterator[Make]:
    """Makes jobs whose workers wait, end or crash; ends those that are left over."""

    made: list[Jobs] = []

    def jobs(act: str) -> Jobs:
        made.append(
            Jobs(
                store, tmp_path, lambda run: [sys.executable, "-c", WORKER, str(tmp_path), run, act]
            )
        )
        return made[-1]

    yield jobs
    for info in store.runs():
        if info.state == "running":
            store.request_run(info.id, "stop-drop")
    for each in made:
        wait_for_workers(each)


def wait_for_workers(jobs: Jobs) -> None:
    for child in jobs._children.values():
        child.wait(30)


def new_run(store: Store, name: str = "mine") -> RunId:
    return store.create_run(DistillConfig(), name).id


def until(jobs: Jobs, run: RunId, holds: Callable[[RunInfo], bool]) -> RunInfo:
    deadline = time.monotonic() + 30
    while not holds(info := jobs.run(run)):
        assert time.monotonic() < deadline, info
        time.sleep(0.02)
    return info


def is_in(state: str) -> Callable[[RunInfo], bool]:
    return lambda info: info.state == state


def is_working(info: RunInfo) -> bool:
    return info.stage == "working"


def kill(store: Store, run: RunId) -> None:
    pid, _ = store.run_process(run)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


# ── the line ────────────────────────────────────────────────────────────────────────────────────


def test_run_ends_and_leaves_its_log_and_no_zombie(make: Make, store: Store) -> None:
    jobs, run = make("end"), new_run(store)
    assert jobs.log(run) == ""
    assert jobs.start(run).state == "running"
    until(jobs, run, is_in("done"))
    assert jobs.log(run) == f"hello from {run}"
    wait_for_workers(jobs)
    assert not jobs._alive(run)


def test_one_run_at_a_time_in_the_order_of_their_making(make: Make, store: Store) -> None:
    jobs = make("wait")
    first, second, third = (new_run(store, name) for name in ("a", "b", "c"))
    for run in (first, second, third):
        jobs.start(run)
    until(jobs, first, is_working)
    assert [info.state for info in jobs.runs()] == ["queued", "queued", "running"]
    jobs.stop(first, keep=True)
    until(jobs, second, is_working)
    assert [info.state for info in jobs.runs()] == ["queued", "running", "done"]
    jobs.stop(third, keep=False)
    jobs.stop(second, keep=False)
    until(jobs, second, is_in("cancelled"))
    assert jobs.run(third).state == "cancelled"


def test_two_apps_start_a_run_once(make: Make, store: Store) -> None:
    one, two, run = make("wait"), make("wait"), new_run(store)
    one.start(run)
    for _ in range(5):
        two.runs()
        one.runs()
    until(two, run, is_working)
    assert store.run(run).step == 1
    assert not two._children
    two.stop(run, keep=False)
    until(one, run, is_in("cancelled"))


# ── pausing, stopping, resuming ─────────────────────────────────────────────────────────────────


def test_paused_run_goes_on_where_it_was(make: Make, store: Store) -> None:
    jobs, run = make("wait"), new_run(store)
    jobs.start(run)
    until(jobs, run, is_working)
    jobs.pause(run)
    until(jobs, run, is_in("paused"))
    jobs.resume(run)
    assert until(jobs, run, lambda info: info.step == 2).state == "running"
    jobs.stop(run, keep=True)
    until(jobs, run, is_in("done"))
    assert "hello" in jobs.log(run)


def test_waiting_runs_are_paused_and_cancelled_at_once(make: Make, store: Store) -> None:
    jobs = make("wait")
    first, second = new_run(store, "a"), new_run(store, "b")
    jobs.start(first)
    assert jobs.pause(second).state == "paused"
    assert jobs.stop(second, keep=True).state == "cancelled"
    assert jobs.stop(first, keep=False).state in {"running", "cancelled"}
    until(jobs, first, is_in("cancelled"))


def test_keeping_what_a_paused_run_has_learned_needs_its_worker(make: Make, store: Store) -> None:
    jobs, run = make("wait"), new_run(store)
    store.update_run(run, state="paused", step=5)
    assert jobs.stop(run, keep=True).state in {"queued", "running"}
    until(jobs, run, is_in("done"))


def test_wishes_that_come_too_late_are_refused_in_words(make: Make, store: Store) -> None:
    jobs, run = make("end"), new_run(store, "soup")
    store.update_run(run, state="done")
    for act in (jobs.start, jobs.pause, jobs.resume, lambda each: jobs.stop(each, keep=True)):
        with pytest.raises(RunError, match="“soup” is done"):
            act(run)
    with pytest.raises(RunError, match="There is no run"):
        jobs.run(RunId("../.."))
    with pytest.raises(RunError, match="There is no run"):
        jobs.log(RunId("../.."))


# ── crashes ─────────────────────────────────────────────────────────────────────────────────────


@posix
@pytest.mark.parametrize("same_app", [True, False])
def test_killed_worker_is_noticed_and_resumed(make: Make, store: Store, same_app: bool) -> None:
    jobs, run = make("wait"), new_run(store)
    jobs.start(run)
    until(jobs, run, is_working)
    kill(store, run)
    if not same_app:  # the first app is gone, and with it its child's entry
        wait_for_workers(jobs)
        jobs = make("wait")
    info = until(jobs, run, is_in("interrupted"))
    assert "ended without a word at step 1 of" in info.message
    assert jobs.resume(run).message == ""
    until(jobs, run, lambda info: info.step == 2)
    jobs.stop(run, keep=False)
    until(jobs, run, is_in("cancelled"))


@posix
def test_killed_worker_that_was_to_stop_is_cancelled(make: Make, store: Store) -> None:
    jobs, run = make("wait"), new_run(store)
    jobs.start(run)
    until(jobs, run, is_working)
    pid, _ = store.run_process(run)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    jobs.stop(run, keep=False)
    kill(store, run)
    until(jobs, run, is_in("cancelled"))
    assert store.run_request(run) is None


def test_crash_lets_the_next_run_start(make: Make, store: Store) -> None:
    jobs = make("crash")
    first, second = new_run(store, "a"), new_run(store, "b")
    until(jobs, first, is_in("interrupted"))
    until(jobs, second, is_in("interrupted"))


def test_repair_mends_without_starting(make: Make, store: Store) -> None:
    dead, queued = new_run(store, "a"), new_run(store, "b")
    store.update_run(dead, state="running", started_at=time.time() - 3600, pid=1)
    make("wait").repair()
    assert (store.run(dead).state, store.run(queued).state) == ("interrupted", "queued")


def test_worker_of_another_app_is_left_alone(make: Make, store: Store, tmp_path: Path) -> None:
    run = new_run(store)
    store.update_run(run, state="running", started_at=time.time() - 3600, pid=None)
    with worker_lock(tmp_path, run):
        assert make("wait").run(run).state == "running"
    assert make("wait").run(run).state == "interrupted"


def test_worker_that_cannot_start_is_said_in_words(store: Store, tmp_path: Path) -> None:
    jobs, run = (
        Jobs(store, tmp_path, lambda run: [str(tmp_path / "no such program")]),
        new_run(store),
    )
    info = jobs.start(run)
    assert info.state == "failed"
    assert "could not be started: No such file" in info.message


APP = """
import sys
from pathlib import Path
from model.jobs.jobs import Jobs
from model.knowledge.store import Store
workspace, run, worker = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
store = Store(workspace / "workspace.db")
command = [sys.executable, "-c", worker, str(workspace), run, "wait"]
jobs = Jobs(store, workspace, lambda run: command)
jobs.start(run)
print("started", flush=True)
sys.stdin.read()
"""


@posix
def test_killed_app_does_not_take_its_worker_along(
    make: Make, store: Store, tmp_path: Path
) -> None:
    run = new_run(store)
    with subprocess.Popen(
        [sys.executable, "-c", APP, str(tmp_path), run, WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        text=True,
        start_new_session=True,
    ) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == "started\n"
        os.killpg(app.pid, signal.SIGKILL)
    jobs = make("wait")
    assert until(jobs, run, is_working).state == "running"
    jobs.stop(run, keep=True)
    until(jobs, run, is_in("done"))


# ── leaving ─────────────────────────────────────────────────────────────────────────────────────


def test_deleted_run_leaves_nothing(make: Make, store: Store, tmp_path: Path) -> None:
    jobs, run = make("wait"), new_run(store)
    jobs.start(run)
    until(jobs, run, is_working)
    with pytest.raises(RunError, match="has a worker"):
        jobs.delete(run)
    store.add_metrics(run, [Metric(1, "train", 1.0, 1.0)])
    jobs.stop(run, keep=True)
    until(jobs, run, is_in("done"))
    wait_for_workers(jobs)
    jobs.delete(run)
    assert not run_folder(tmp_path, run).exists()
    assert store.runs() == ()
    assert store.metrics(run) == ()


def test_log_shows_the_end_of_a_long_one(make: Make, store: Store, tmp_path: Path) -> None:
    run = new_run(store)
    folder = run_folder(tmp_path, run)
    folder.mkdir(parents=True)
    lines = [f"line {i} é" for i in range(9000)]
    (folder / "worker.log").write_bytes("\n".join(lines).encode() + b"\n\xff\xfe")
    text = make("end").log(run)
    assert text.splitlines()[-2] == "line 8999 é"
    assert len(text.splitlines()) == 200


def test_jobs_and_store_do_not_import_torch() -> None:
    code = "import sys, model.jobs.jobs, model.knowledge.pictures; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
