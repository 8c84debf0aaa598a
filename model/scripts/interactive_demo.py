"""Talk to a student in the terminal: type a question, or one of these.

    temp 0.7           how daring the answers are      tokens 64      longest answer
    stream on|off      word by word, or at once        seed 3         same seed, same answer
    image FILE …       pictures for the next questions; none takes them away
    triplet egg | heat | fried egg                     save a triplet to the graph
    triplet WHAT.png ACTION.png RESULT.png             pictures of the next question
    graph on|off       use facts of the graph          graph egg      facts about a thing
    info               the student, settings           help           this page
    ask …              a question that begins like a command           quit

The workspace is the app's. Tab completes, the arrow keys bring back earlier lines.
"""

from __future__ import annotations

import argparse
import cmd
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from model.config import SampleConfig
from model.errors import ReasonerError
from model.records import ROLES, PictureId, Role, StudentId, StudentInfo, TripletDraft, Turn
from model.scripts.console import INTERRUPTED, add_workspace_options, find_student, in_workspace
from model.workspace import Workspace

HISTORY = "demo_history"
MOST_LINES = 1000


class Demo(cmd.Cmd):
    """Reads lines until ``quit`` or the end of the input."""

    prompt = "> "

    def __init__(self, workspace: Workspace, student: StudentInfo, *, as_json: bool) -> None:
        super().__init__()
        self._workspace, self._student, self._json = workspace, student, as_json
        self._settings = SampleConfig()
        self._stream = True
        self._pictures: tuple[PictureId, ...] = ()
        self._roles: tuple[Role, ...] = ()
        self.failed = 0

    # ── questions ───────────────────────────────────────────────────────────────────────────────

    def default(self, line: str) -> None:
        """A line that is no command is a question."""
        turn = Turn("user", line, self._pictures, self._roles)
        answer = self._workspace.answer([turn], self._settings, StudentId(self._student.id))
        said: dict[str, Any] = {"question": line, "answer": "", "thought": "", "facts": []}
        try:
            for event in answer.events():
                if event.kind == "token":
                    said["answer"] += event.text
                    if self._stream and not self._json:
                        print(event.text, end="", flush=True)
                elif event.kind == "thought":
                    said["thought"] += event.text
                elif event.fact is not None:
                    said["facts"].append(event.fact.line)
                elif event.stats is not None:
                    said |= asdict(event.stats)
                elif event.kind == "error":
                    raise ReasonerError(event.text)
        except KeyboardInterrupt:
            answer.cancel()
        self._show(said)

    def _show(self, said: dict[str, Any]) -> None:
        if self._json:
            print(json.dumps(said, ensure_ascii=False), flush=True)
            return
        print("" if self._stream else said["answer"])
        for line in said["facts"]:
            print(f"    fact: {line}")
        if "tokens" in said:
            print(
                f"    {said['tokens_per_s']:,.0f} tok/s · first word "
                f"{1000 * said['first_token_s']:,.0f} ms · {said['weights_hash'][:6]}"
            )

    def do_ask(self, words: str) -> None:
        """Ask a question that begins like a command: ask image this."""
        if not words:
            raise ReasonerError("There is no question. Type one after “ask”.")
        self.default(words)

    # ── settings ────────────────────────────────────────────────────────────────────────────────

    def do_temp(self, words: str) -> None:
        """temp 0.7: how daring the answers are; 0 takes the likeliest word."""
        self._set("temperature", words, float)

    def do_tokens(self, words: str) -> None:
        """tokens 64: the longest answer."""
        self._set("max_tokens", words, int)

    def do_seed(self, words: str) -> None:
        """seed 3: the same seed gives the same answer."""
        self._set("seed", words, int)

    def do_stream(self, words: str) -> None:
        """stream on|off: word by word, or the whole answer at once."""
        self._stream = _on(words, "stream")
        self._say(f"stream {'on' if self._stream else 'off'}")

    def _set(self, name: str, words: str, kind: type[int] | type[float]) -> None:
        try:
            value = kind(words)
        except ValueError as error:
            raise ReasonerError(f"“{words}” is not a number. Write one, such as 1.") from error
        self._settings = replace(self._settings, **{name: value})  # type: ignore[arg-type]
        self._say(f"{name} {value}")

    # ── pictures, triplets, the graph ───────────────────────────────────────────────────────────

    def do_image(self, words: str) -> None:
        """image FILE …: pictures for the next questions; without a file there are none."""
        self._pictures = tuple(self._workspace.add_picture(Path(word)) for word in words.split())
        self._roles = ()
        self._say(f"{len(self._pictures)} pictures go with the next questions")

    def do_triplet(self, words: str) -> None:
        """triplet egg | heat | fried egg: save it; triplet WHAT ACTION RESULT: three pictures."""
        if "|" not in words:
            if len(words.split()) != len(ROLES):
                raise ReasonerError("A triplet is “what | action | result”, or three pictures.")
            self.do_image(words)
            self._roles = ROLES
            return
        parts = [part.strip() for part in words.split("|")]
        if len(parts) != len(ROLES):
            raise ReasonerError(f"There are {len(parts)} parts; a triplet has three.")
        saved = self._workspace.add_triplet(TripletDraft(parts[0], parts[1], parts[2]))
        self._say(f"saved: {saved.subject} | {saved.relation} | {saved.object}")

    def do_graph(self, words: str) -> None:
        """graph on|off: use facts of the graph; graph egg: what it holds about a thing."""
        if words in ("on", "off"):
            self._settings = replace(self._settings, use_graph=words == "on")
            self._say(f"graph {words}")
            return
        page = self._workspace.triplets(words, limit=10)
        for each in page.items:
            self._say(f"{each.subject} | {each.relation} | {each.object}")
        self._say(f"{len(page.items)} of {page.total} triplets")

    def do_info(self, words: str) -> None:
        """info: the student and the settings."""
        info = self._student
        self._say(f"{info.name} · {info.parameters:,} weights · {info.short_hash} · {info.origin}")
        for name, value in asdict(self._settings).items():
            self._say(f"  {name.replace('_', ' ')}: {value}")

    def do_help(self, arg: str) -> None:
        """help: the commands."""
        self._say(__doc__ or "")

    def do_quit(self, words: str) -> bool:
        """quit: leave."""
        return True

    def do_EOF(self, words: str) -> bool:
        """The end of the input."""
        return True

    # ── the loop ────────────────────────────────────────────────────────────────────────────────

    def emptyline(self) -> bool:
        """An empty line does nothing; ``cmd`` would repeat the last one."""
        return False

    def onecmd(self, line: str) -> bool:
        """Do one line; what cannot be done is told, and the next one is read."""
        try:
            return bool(super().onecmd(line))
        except (ReasonerError, OSError) as error:
            self.failed += 1
            print(f"{error}", file=sys.stderr, flush=True)
            return False

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        """Commands that begin like this."""
        return [name for name in super().completenames(text, *ignored) if name != "EOF"]

    def complete_image(self, text: str, line: str, begin: int, end: int) -> list[str]:
        """Files that begin like this."""
        start = line[:end].rpartition(" ")[2]
        folder, name = (Path(start).parent, Path(start).name) if start else (Path(), "")
        skip = len(start) - len(text)
        return [str(path)[skip:] for path in sorted(folder.glob(f"{name}*"))[:50]]

    complete_triplet = complete_image

    def complete_graph(self, text: str, *ignored: Any) -> list[str]:
        """Things of the graph that begin like this."""
        found = self._workspace.triplets(text, limit=20).items
        things = {each.subject for each in found} | {each.object for each in found} | {"on", "off"}
        return sorted(thing for thing in things if thing.startswith(text))

    def _say(self, words: str) -> None:
        print(words, file=sys.stderr if self._json else sys.stdout, flush=True)


def _on(words: str, name: str) -> bool:
    if words not in ("on", "off"):
        raise ReasonerError(f"“{words}” is neither on nor off. Write “{name} on”.")
    return words == "on"


def main(arguments: Sequence[str] | None = None) -> int:
    """Talk; 0 when it ends, 1 if it cannot begin or a piped line failed, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)

    def talk(workspace: Workspace) -> int:
        student = find_student(workspace, options.student)
        demo = Demo(workspace, student, as_json=options.json)
        return _talk(demo, options.workspace / HISTORY)

    return in_workspace(options, talk)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interactive_demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "student", nargs="?", default="shipped", help="id, name or weights hash (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="every answer as a line of JSON")
    add_workspace_options(parser)
    return parser


def _talk(demo: Demo, history: Path) -> int:
    if not sys.stdin.isatty():
        demo.use_rawinput, demo.prompt = False, ""
        demo.cmdloop()
        return int(demo.failed > 0)
    # not on Windows; there the demo works without history
    try:
        import readline
    except ImportError:
        demo.cmdloop(demo.prompt)
        return 0
    if history.is_file():
        readline.read_history_file(history)
    readline.set_history_length(MOST_LINES)
    try:
        demo.cmdloop("Type a question, or help.")
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        readline.write_history_file(history)
    return 0


if __name__ == "__main__":
    sys.exit(main())
