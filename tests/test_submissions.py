"""Reading what strangers hand in: found by name, refused with a sentence, never an exception."""

import io
import json
import os
import stat
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay import submissions as reader
from assay.source import CourseError
from assay.submissions import submissions

ADD = b"def add(a, b):\n    return a + b\n"


@pytest.fixture
def chapter(arith):
    return arith.chapter("ch1")


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def put(folder, files):
    for name, data in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


def read(path, chapter):
    """Name, attempt and lateness of each submission, with its modules."""
    return {
        (one.name, one.attempt, one.late): one.read(chapter).sources
        for one in submissions([path], chapter)
    }


LAYOUTS = {
    "a folder of modules": ({"arith.py": ADD}, {"class"}),
    "a folder of folders": ({"ann/arith.py": ADD, "bob/arith.py": ADD}, {"ann", "bob"}),
    "one level too deep": ({"ann/ch1/arith.py": ADD, "bob/x/arith.py": ADD}, {"ann", "bob"}),
    "the chapter's folder": ({"ch1/arith.py": ADD, "notes.txt": b""}, {"class"}),
    "an empty folder beside": ({"ann/arith.py": ADD, "bob/notes.txt": b""}, {"ann", "bob"}),
    "files by student": ({"ann.py": ADD, "bob.py": ADD}, {"ann", "bob"}),
    "a zip of each": (
        {"ann.zip": zipped({"arith.py": ADD}), "bob.zip": zipped({"w/ch1/arith.py": ADD})},
        {"ann", "bob"},
    ),
    "Canvas": (
        {
            "doeann_123_456_arith.py": ADD,
            "doebob_LATE_124_457_arith-2.py": ADD,
            "roecyd_125_458_work.zip": zipped({"arith.py": ADD}),
        },
        {"doeann", "doebob", "roecyd"},
    ),
    "Moodle, in folders": (
        {
            "Ann Doe_123_assignsubmission_file_/arith.py": ADD,
            "Bob Doe_124_assignsubmission_file/arith.py": ADD,
        },
        {"Ann Doe", "Bob Doe"},
    ),
    "Moodle, without folders": (
        {"Ann Doe_123_assignsubmission_file_arith.py": ADD},
        {"Ann Doe"},
    ),
    "nbgrader": (
        {
            "ann/ch1/arith.py": ADD,
            "ann/ch1/timestamp.txt": b"2026-01-30 15:00",
            "bob/ch1/arith.py": ADD,
        },
        {"ann", "bob"},
    ),
}


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, chapter, layout, form):
    files, names = LAYOUTS[layout]
    if form == "zip":
        path = tmp_path / "class.zip"
        path.write_bytes(zipped(files))
    else:
        path = put(tmp_path / "class", files)
    found = submissions([path], chapter)
    assert {one.name for one in found} == names
    for one in found:
        sources = one.read(chapter).sources
        empty = layout.startswith("an empty") and one.name == "bob"
        assert sources.get("arith.py") == (None if empty else ADD), (one.name, sources)


def test_late_and_repeated_hand_ins_are_attempts(tmp_path, chapter):
    files = {
        "doe_12_34_arith-10.py": b"def add(a, b): return 3\n",
        "doe_LATE_12_33_arith-2.py": b"def add(a, b): return 2\n",
        "doe_12_31_arith.py": b"def add(a, b): return 1\n",
        "doe_99_31_arith.py": ADD,
    }
    found = read(put(tmp_path / "class", files), chapter)
    assert set(found) == {
        ("doe_12", 1, False),
        ("doe_12", 2, True),
        ("doe_12", 3, False),
        ("doe_99", 1, False),
    }
    assert b"3" in found["doe_12", 3, False]["arith.py"]


def test_a_single_file_of_any_name(tmp_path, chapter):
    put(tmp_path, {"mine.py": ADD})
    (one,) = submissions([tmp_path / "mine.py"], chapter)
    work = one.read(chapter)
    assert one.name == "mine" and work.sources == {"arith.py": ADD}
    assert "mine.py was taken for arith.py" in work.notes


def notebook(*cells):
    return json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {},
            "cells": [
                {"cell_type": "code", "source": text, "metadata": {"nbgrader": about}}
                for about, text in cells
            ],
        }
    ).encode()


def test_a_notebook_is_its_solution_cells(tmp_path, chapter):
    data = notebook(
        ({}, "%matplotlib inline\nfrom math import fsum\nprint(open('/etc/passwd'))"),
        ({"grade_id": "solution-add", "solution": True}, "%time\ndef add(a, b): return a + b"),
        ({"grade_id": "solution-mean", "solution": True}, "def mean(: pass"),
        ({"grade_id": "test-add", "grade": True, "solution": False}, "def add(a, b): return 0"),
    )
    put(tmp_path, {"ann.ipynb": data})
    (one,) = submissions([tmp_path / "ann.ipynb"], chapter)
    work = one.read(chapter)
    source = work.sources["arith.py"].decode()
    scope = {}
    exec(compile(source, "arith.py", "exec"), scope)
    assert scope["add"](1, 2) == 3 and "fsum" in scope and "mean" not in scope
    assert "passwd" not in source
    assert any("cell of mean, line 1 is not Python" in note for note in work.notes)


def test_links_pipes_and_folders_are_not_followed(tmp_path, chapter):
    secret = put(tmp_path / "secret", {"arith.py": b"SECRET"})
    ann = put(tmp_path / "class" / "ann", {"extra.py": b""})
    (ann / "arith.py").symlink_to(secret / "arith.py")
    bob = put(tmp_path / "class" / "bob", {"extra.py": b""})
    os.mkfifo(bob / "arith.py")
    (tmp_path / "class" / "cyd").symlink_to(secret)
    put(tmp_path / "class" / "dan", {"arith.py/inside.py": b""})
    found = {one.name: one.read(chapter) for one in submissions([tmp_path / "class"], chapter)}
    assert all(b"SECRET" not in work.sources.values() for work in found.values())
    assert any("it is a link" in note for note in found["ann"].notes)
    assert any("not a regular file" in note for note in found["bob"].notes)


def linked():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("arith.py")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def lying():
    """A member that claims to be small and unpacks to much."""
    data = bytearray(zipped({"arith.py": b"#" * 5_000_000}))
    for at in (data.find(b"PK\x03\x04") + 22, data.find(b"PK\x01\x02") + 24):
        data[at : at + 4] = (100).to_bytes(4, "little")
    return bytes(data)


def encrypted():
    data = bytearray(zipped({"arith.py": ADD}))
    data[data.find(b"PK\x03\x04") + 6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


ATTACKS = {
    "traversal": (zipped({"../../arith.py": ADD}), "leads out of the archive"),
    "an absolute path": (zipped({"/tmp/arith.py": ADD}), "leads out of the archive"),
    "a drive": (zipped({"C:\\arith.py": ADD}), "leads out of the archive"),
    "a link": (linked(), "it is a link"),
    "a bomb": (zipped({"arith.py": b"#" * 50_000_000}), "bigger than 1 MB"),
    "a lying bomb": (lying(), "was not read"),
    "a bomb within": (
        zipped({"w.zip": zipped({"arith.py": b"#" * 50_000_000})}),
        "there is no arith.py",
    ),
    "many files": (zipped({f"f{n}.txt": b"" for n in range(3000)}), "there is no arith.py"),
    "encrypted": (encrypted(), "it is encrypted"),
    "cut off": (zipped({"arith.py": ADD * 100})[:-40], "not a zip"),
    "no zip at all": (b"PK\x03\x04 nonsense", "not a zip"),
    "empty": (b"", "not a zip"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_a_sentence_in_its_own_result(tmp_path, chapter, attack):
    data, sentence = ATTACKS[attack]
    put(tmp_path / "class", {"ann.zip": zipped({"arith.py": ADD}), "eve.zip": data})
    before = set(tmp_path.rglob("*"))
    found = {one.name: one.read(chapter) for one in submissions([tmp_path / "class"], chapter)}
    assert found["ann"].sources == {"arith.py": ADD}
    assert "arith.py" not in found["eve"].sources
    assert any(sentence in note for note in found["eve"].notes), found["eve"].notes
    assert set(tmp_path.rglob("*")) == before, "something was unpacked"


def test_names_are_cleaned_for_display(tmp_path, chapter):
    put(tmp_path / "class", {"ann/arith.py": ADD})
    (tmp_path / "class" / "ann" / "\x1b[31m\u202ex.py").symlink_to("arith.py")
    (one,) = submissions([tmp_path / "class"], chapter)
    assert all(note.isprintable() for note in one.read(chapter).notes)


def test_nothing_to_grade(tmp_path, chapter):
    put(tmp_path, {"class/notes.txt": b"", "broken.zip": b"PK", "a.txt": b""})
    for name, sentence in {
        "class": "nothing to grade",
        "gone": "no such file",
        "broken.zip": "neither",
        "a.txt": "neither",
    }.items():
        with pytest.raises(CourseError, match=sentence):
            submissions([tmp_path / name], chapter)


def test_equal_files_hash_alike_and_others_do_not(tmp_path, chapter):
    files = {"ann/arith.py": ADD, "bob/arith.py": ADD, "cyd/arith.py": ADD + b"\n"}
    ann, bob, cyd = submissions([put(tmp_path / "class", files)], chapter)
    assert ann.read(chapter).content_hash == bob.read(chapter).content_hash
    assert ann.read(chapter).content_hash != cyd.read(chapter).content_hash


NAMES = st.sampled_from(
    ["arith.py", "ch1/arith.py", "../x.py", "a/b/c/arith.py", "n.ipynb", "i.zip", "", "é\x00.py"]
) | st.text(max_size=20)
CELLS = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.just("code") | st.just("solution-add"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cells", "cell_type", "source", "metadata", "nbgrader", "grade_id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
CONTENTS = (
    st.binary(max_size=60)
    | st.just(ADD)
    | CELLS.map(lambda cells: json.dumps(cells).encode())
    | CELLS.map(lambda cells: json.dumps({"cells": [cells]}).encode())
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    files=st.dictionaries(NAMES, CONTENTS, max_size=5),
    edits=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8),
)
def test_no_archive_breaks_the_reader(tmp_path, chapter, files, edits):
    """Any files, in a zip of which any bytes were changed, end in modules and sentences."""
    folder = tmp_path / "class"
    put(folder, {"ann/arith.py": ADD})
    try:
        data = bytearray(zipped(files))
    except (IndexError, ValueError, UnicodeEncodeError):  # no name that a zip can hold
        return
    for at, value in edits:
        data[at % len(data)] = value
    (folder / "eve.zip").write_bytes(data)
    found = {one.name: one.read(chapter) for one in submissions([folder], chapter)}
    assert found["ann"].sources == {"arith.py": ADD}
    assert all(len(source) <= reader.MAX_SIZE for source in found["eve"].sources.values())
    assert all(name.endswith(".py") and "/" not in name for name in found["eve"].sources)
    assert len(found["eve"].content_hash) == 64
