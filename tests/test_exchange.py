"""What goes out comes in again, and no file can do harm."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model.errors import GraphError, InputError
from model.graph_records import ExportKind, ImportPreview, ImportResult
from model.knowledge import exchange
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.records import PictureId, Triplet, TripletDraft
from tests.small import picture

Writer = Callable[[str, "str | bytes"], Path]
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '" href="javascript:alert(1)',
    "=cmd|' /C calc'!A0",
    "'=already quoted",
    "@sum, 1; 2\t3|4",
    "卵を焼く 🍳 👩‍🍳",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "workspace.db")
    yield opened
    opened.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(tmp_path / "pictures")


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def written(name: str, data: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return written


def look(pictures: Pictures, path: Path) -> ImportPreview:
    return exchange.preview(path, pictures)


def take(store: Store, pictures: Pictures, path: Path, *, whole: bool = False) -> ImportResult:
    return exchange.import_file(store, pictures, path, all_or_nothing=whole)


def words(store: Store) -> set[tuple[str, str, str]]:
    return {(each.subject, each.relation, each.object) for each in store.every_triplet()}


def plain(triplet: Triplet) -> tuple[object, ...]:
    return (
        *(triplet.subject, triplet.relation, triplet.object, triplet.note, triplet.confidence),
        *(triplet.author, triplet.source, triplet.origin, triplet.pictures),
    )


# ── there and back ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["csv", "jsonl", "graphml", "zip"])
def test_what_goes_out_comes_in_again(
    kind: ExportKind, store: Store, pictures: Pictures, tmp_path: Path
) -> None:
    face = pictures.add(picture("red"))
    store.add_triplets(
        [
            TripletDraft(
                label, "is like", f"x{i}", note="a\nb" if i else "", confidence=0.25, origin="p"
            )
            for i, label in enumerate(HOSTILE)
        ]
        + [
            TripletDraft(
                "egg", "heat", "fried egg", face, None, face, "you", "hot", 1.0, "Ann", "p"
            )
        ]
    )
    path = exchange.export(store, pictures, kind, tmp_path / "out")
    assert [each.name for each in path.parent.iterdir()] == [f"graph.{kind}"]
    other = Store(tmp_path / "other.db")
    kept = pictures if kind != "zip" else Pictures(tmp_path / "other pictures")
    result = take(other, kept, path, whole=True)
    assert (result.added, result.left_out, result.problems) == (len(HOSTILE) + 1, 0, ())
    assert list(map(plain, other.every_triplet())) == list(map(plain, store.every_triplet()))
    assert kept.path(face).is_file()
    other.close()


def test_no_cell_of_an_export_is_a_formula(
    store: Store, pictures: Pictures, tmp_path: Path
) -> None:
    store.add_triplet(TripletDraft("=1+1", "+a", "-b", note="@c"))
    text = exchange.export(store, pictures, "csv", tmp_path / "out").read_text("utf-8-sig")
    cells = text.splitlines()[1].split(",")
    assert cells[:4] == ["'=1+1", "'+a", "'-b", "'@c"]


def test_exported_page_runs_no_label_and_asks_no_other_host(
    store: Store, pictures: Pictures, tmp_path: Path
) -> None:
    store.add_triplets([TripletDraft(label, label, f"{label}!") for label in HOSTILE])
    page = exchange.export(store, pictures, "html", tmp_path / "out").read_text("utf-8")
    assert "<script>alert" not in page
    assert "</script><img" not in page
    nodes = page.split("nodes = new vis.DataSet(")[1].split("\n")[0]
    assert "onerror" in nodes
    assert '"title"' not in nodes
    assert "default-src 'none'" in page
    for attribute in ("src=", "href="):
        for after in page.split(f" {attribute}")[1:]:
            assert not after.lstrip("\"'").startswith("http"), after[:80]
    assert "14 of 14 nodes and 7 of 7 triplets" in page


def test_exported_page_says_what_it_hides(store: Store, pictures: Pictures, tmp_path: Path) -> None:
    store.ingest(TripletDraft("hub", "r", f"leaf {i}") for i in range(400))
    page = exchange.export(store, pictures, "html", tmp_path / "out").read_text("utf-8")
    assert "300 of 401 nodes" in page
    assert "the rest is hidden" in page


# ── tables ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "egg,heat,fried egg\n",
        "what;action;result\negg;heat;fried egg\n",
        "Relation\tTail\tHead\nheat\tfried egg\tegg\n",
        "source,target,label,extra\negg,fried egg,heat,1\n",
        "egg|heat|fried egg",
        "\ufeffsubject,predicate,object\r\n\r\negg,heat,fried egg,,\r\n",
        '"subject","relation","object"\n" egg ","heat","fried  egg"\n',
    ],
)
def test_tables_are_understood_as_they_come(
    text: str, store: Store, pictures: Pictures, write: Writer
) -> None:
    path = write("kb.csv", text)
    seen = look(pictures, path)
    assert (seen.kind, seen.rows, seen.good, seen.problems) == ("csv", 1, 1, ())
    assert seen.sample[0].subject == "egg"
    take(store, pictures, path)
    assert words(store) == {("egg", "heat", "fried egg")}
    assert next(store.every_triplet()).origin.startswith("kb.csv, row ")


def test_wide_characters_of_a_spreadsheet_are_read(pictures: Pictures, write: Writer) -> None:
    path = write("kb.tsv", "Ei\tbraten\tRührei\n".encode("utf-16"))
    assert look(pictures, path).sample[0].object == "Rührei"


def test_bad_rows_are_told_by_number_and_the_good_ones_stored(
    store: Store, pictures: Pictures, write: Writer
) -> None:
    rows = [
        b"subject,relation,object,confidence",
        b"egg,heat,fried egg,0.5",
        b"egg,,ash,1",
        b"a,b",
        b"\xff,b,c,1",
        b"a\0,b,c,1",
        b"x" * 10_000_000 + b",b,c,1",
        b"a,b,c,2",
        b"a,b,c,very",
        b"egg,HEAT,Fried Egg,1",
        b"rice,boil,soup,80%",
    ]
    path = write("kb.csv", b"\n".join(rows))
    seen = look(pictures, path)
    assert (seen.rows, seen.good) == (10, 3)
    told = {problem.row: problem.words for problem in seen.problems}
    assert list(told) == [3, 4, 5, 6, 7, 8, 9]
    assert "Action has no words" in told[3]
    assert "2 cells instead of 4" in told[4]
    assert "not UTF-8" in told[5]
    assert "NUL" in told[6] or "U+0000" in told[6]
    assert "longer than 131,072 characters" in told[7]
    assert "must lie between 0 and 1" in told[8]
    assert "“very”" in told[9]
    result = take(store, pictures, path)
    assert (result.added, result.updated, result.left_out) == (2, 0, 7)
    assert result.problems == seen.problems
    assert [each.confidence for each in store.every_triplet()] == [0.5, 0.8]


def test_one_bad_row_keeps_all_out_on_request(
    store: Store, pictures: Pictures, write: Writer
) -> None:
    path = write("kb.csv", "a,b,c\nd,,f\n")
    with pytest.raises(InputError, match=r"1 of 2 rows .* row 2: Action .* Nothing was stored"):
        take(store, pictures, path, whole=True)
    assert words(store) == set()
    with pytest.raises(GraphError, match="0 edits"):
        store.undo()


def test_only_the_first_hundred_problems_are_kept(pictures: Pictures, write: Writer) -> None:
    seen = look(pictures, write("kb.csv", "a,b,c\n" + "a,,c\n" * 250))
    assert (seen.rows, seen.good, len(seen.problems)) == (251, 1, 100)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"", r"empty \(0 bytes\)"),
        ("a.csv", b"\n\n", r"empty \(0 rows\)"),
        ("a.csv", b"a,b\nc,d\n", "has 2 columns"),
        ("a.csv", b"subject,relation,thing,other\n", "object"),
        ("a.csv", b"\x89PNG\0\0\0\n", "NUL bytes"),
        ("a.zip", b"PK\x03\x04 cut off", "not a whole ZIP"),
        ("a.graphml", b"<graphml><graph>", "not whole XML"),
    ],
)
def test_file_that_is_no_graph_is_refused_in_words(
    name: str, data: bytes, said: str, pictures: Pictures, write: Writer
) -> None:
    with pytest.raises(InputError, match=said):
        look(pictures, write(name, data))


def test_import_is_one_edit(store: Store, pictures: Pictures, write: Writer) -> None:
    old = store.add_triplet(TripletDraft("egg", "heat", "fried egg", note="old"))
    rows = "what,action,result,note\negg,heat,fried egg,new\n" + "".join(
        f"n{i},r,m{i},\n" for i in range(50)
    )
    result = take(store, pictures, write("kb.csv", rows))
    assert (result.added, result.updated) == (50, 1)
    before = list(store.every_triplet())
    assert store.triplet(old.id).note == "new"
    assert store.undo() == "Undone: added 50 and updated 1 triplets from kb.csv."
    assert store.triplets().total == 1
    assert store.triplet(old.id).note == "old"
    store.redo()
    assert list(map(plain, store.every_triplet())) == list(map(plain, before))
    assert {node.degree for node in store.graph().nodes} == {1}


# ── JSON Lines and GraphML ──────────────────────────────────────────────────────────────────────


def test_lines_of_json_are_told_apart(pictures: Pictures, write: Writer) -> None:
    lines = [
        '["egg", "heat", "fried egg"]',
        '{"head": "egg", "type": "costs", "tail": 3}',
        "{broken",
        '"words"',
        '{"subject": ["a"], "relation": "b", "object": "c"}',
        "[" * 100_000,
    ]
    seen = look(pictures, write("kb.jsonl", "\n".join(lines)))
    assert (seen.rows, seen.good, [each.row for each in seen.problems]) == (6, 2, [3, 4, 5, 6])
    assert seen.sample[1].object == "3"


GRAPHML = """<?xml version="1.0"?>{doctype}
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="node" attr.name="label"/><key id="d1" for="edge" attr.name="relation"/>
<graph><edge source="n0" target="n1"><data key="d1">heat</data></edge>
<node id="n0"><data key="d0">{label}</data></node><node id="n1"/>
<edge source="n0" target="n1"/></graph></graphml>"""


def test_nodes_of_graphml_may_follow_their_edges(pictures: Pictures, write: Writer) -> None:
    path = write("g.graphml", GRAPHML.format(doctype="", label="egg"))
    seen = look(pictures, path)
    assert (seen.rows, seen.good) == (2, 1)
    draft = seen.sample[0]
    assert (draft.subject, draft.relation, draft.object) == ("egg", "heat", "n1")
    assert "Action has no words" in seen.problems[0].words


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE g [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE g SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE g [<!ENTITY x SYSTEM "http://127.0.0.1/x">]>',
    ],
)
def test_entities_and_document_types_are_refused(
    doctype: str, pictures: Pictures, write: Writer
) -> None:
    text = GRAPHML.format(doctype=doctype, label="egg")
    with pytest.raises(InputError, match="declares a document type"):
        look(pictures, write("g.graphml", text))


# ── ZIP ─────────────────────────────────────────────────────────────────────────────────────────


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def png(name: str = "red") -> bytes:
    buffer = io.BytesIO()
    picture(name).save(buffer, "PNG")
    return buffer.getvalue()


def test_pictures_of_a_zip_are_told_by_row(
    store: Store, pictures: Pictures, tmp_path: Path
) -> None:
    rows = [
        "what,action,result,what picture",
        "egg,heat,a,good.png",
        "egg,heat,b,missing.png",
        "egg,heat,c,broken.png",
        "egg,heat,d,../../etc/passwd",
        "egg,heat,e,bomb.png",
        "egg,heat,f,../evil.png",
        "egg,heat,g,",
    ]
    path = packed(
        tmp_path / "graph.zip",
        {
            "in/triplets.csv": "\n".join(rows).encode(),
            "in/good.png": png(),
            "in/broken.png": png()[:60],
            "in/bomb.png": b"\0" * 30_000_000,
            "../evil.png": png(),
            "__MACOSX/._triplets.csv": b"x",
        },
    )
    seen = look(pictures, path)
    assert (seen.kind, seen.rows, seen.good) == ("zip", 7, 2)
    told = {problem.row: problem.words for problem in seen.problems}
    assert list(told) == [3, 4, 5, 6, 7]
    assert "no such file in the ZIP" in told[3]
    assert "damaged" in told[4]
    assert "no such file" in told[5]
    assert "30 MB unpacked; the limit is 25 MB" in told[6]
    assert not (tmp_path / "pictures").exists()
    take(store, pictures, path)
    faces = [node.picture for node in store.nodes_with_pictures()]
    assert len(faces) == 1
    assert faces[0] is not None
    assert pictures.path(faces[0]).is_file()
    assert not (tmp_path.parent / "evil.png").exists()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.png": b"x"}, "holds 0 tables"),
        ({"a.csv": b"x", "b.csv": b"x"}, "holds 2 tables"),
    ],
)
def test_zip_without_its_one_table_is_refused(
    files: dict[str, bytes], said: str, pictures: Pictures, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        look(pictures, packed(tmp_path / "a.zip", files))


def test_pictures_named_in_plain_tables_must_be_there(
    store: Store, pictures: Pictures, write: Writer
) -> None:
    face = pictures.add(picture("red"))
    rows = [
        {"subject": "a", "relation": "b", "object": "c", "subject_picture": face},
        {"subject": "a", "relation": "b", "object": "d", "subject_picture": "f" * 64},
        {"subject": "a", "relation": "b", "object": "e", "subject_picture": "../../etc/passwd"},
    ]
    path = write("kb.jsonl", "\n".join(map(json.dumps, rows)))
    result = take(store, pictures, path)
    assert (result.added, [each.row for each in result.problems]) == (1, [2, 3])
    assert next(store.every_triplet()).subject_picture == PictureId(face)
