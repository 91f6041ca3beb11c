"""Following files that grow and are rotated. Whenever it waits, the next step of a script happens."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import vxtap
from build import NANO, pcap
from rotated import SECOND, numbers, part, part_ng, write
from unit.conftest import T0, OnlyRead, capture, inner_frame
from vxtap import follow

Step = Callable[[], object]
Script = Callable[[Iterable[Step]], None]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Instead of sleeping, take the next step; Ctrl-C after the last."""

    def use(steps: Iterable[Step]) -> None:
        left = iter(steps)

        def take(_seconds: float) -> None:
            step = next(left, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        monkeypatch.setattr(follow, "time", SimpleNamespace(sleep=take, monotonic=lambda: 0.0))

    return use


def append(path: Path, data: bytes) -> Step:
    def step() -> None:
        with path.open("ab") as file:
            file.write(data)

    return step


def rename(path: Path, name: str) -> Step:
    return lambda: path.rename(path.with_name(name))


def nothing() -> None:
    pass


def press() -> None:
    """What a person does to end it."""
    os.kill(os.getpid(), signal.SIGINT)


def seen(source: Any, **options: Any) -> list[list[int]]:
    """What each batch held up to the Ctrl-C, or to the end."""
    found: list[list[int]] = []
    with vxtap.open(source, follow=True, **options) as opened:
        try:
            for batch in opened.batches():
                found.append(numbers(batch))
                for row, number in zip(batch, found[-1], strict=True):
                    assert bytes(opened.inner(row)) == inner_frame(number)
        except KeyboardInterrupt:
            found.append([])
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.pcap"


# ---------------------------------------------------------------- growing


def test_whole_records_come_at_once(path: Path, script: Script) -> None:
    path.write_bytes(part(0, 2))
    third, fourth = part(2, 1)[24:], part(3, 1)[24:]
    script([append(path, third[:7]), append(path, third[7:-1]), nothing, append(path, third[-1:] + fourth), nothing])
    assert seen(path) == [[0, 1], [2, 3], []]


@pytest.mark.parametrize("make", [part, part_ng])
def test_file_that_begins_empty(make: Callable[..., bytes], path: Path, script: Script) -> None:
    path.touch()
    data = make(0, 2)
    script([append(path, data[i : i + 3]) for i in range(0, 30, 3)] + [append(path, data[30:])])
    assert seen(path) == [[0, 1], []]


def test_ctrl_c_lets_go_on(path: Path, script: Script) -> None:
    path.write_bytes(part(0, 1))
    with vxtap.open(path, follow=True) as opened:
        for i in range(1, 4):
            script([])
            with pytest.raises(KeyboardInterrupt):
                list(opened.batches())
            append(path, part(i, 1)[24:])()
            assert numbers(next(opened.batches())) == [i]
        assert opened.report.frames == 4
        assert opened.report.changed == ""


def test_frames(path: Path, script: Script) -> None:
    path.write_bytes(part(0, 1))
    script([append(path, part(1, 1)[24:])])
    with vxtap.open(path, follow=True) as opened:
        frames = opened.frames()
        assert [bytes(next(frames)[1]) for _ in range(2)] == [inner_frame(0), inner_frame(1)]
        with pytest.raises(KeyboardInterrupt):
            next(frames)


def test_damage(path: Path, script: Script) -> None:
    path.write_bytes(part(0))
    script([append(path, b"\xff" * 16)])
    with pytest.raises(vxtap.FormatError, match=f"byte {len(part(0)):,}, after frame 3: "):
        seen(path)


def test_file_that_becomes_shorter(path: Path, script: Script) -> None:
    path.write_bytes(part(0, 3))
    script([lambda: os.truncate(path, 50), append(path, part(9))])
    size = len(part(0, 3))
    with vxtap.open(path, follow=True) as opened:
        assert [numbers(batch) for batch in opened.batches()] == [[0, 1, 2]]
        assert opened.report.changed == f"{path}: it became shorter while it was read: 50 of {size:,} bytes are left"


def test_file_object(path: Path, script: Script) -> None:
    """One of a file grows with it; of anything else nobody knows."""
    path.write_bytes(part(0))
    for i, buffering in enumerate((0, -1)):
        script([append(path, part(3 + i, 1)[24:])])
        with path.open("rb", buffering=buffering) as file:
            assert seen(file) == [[*range(3 + i)], [3 + i], []]
    assert seen(io.BytesIO(part(0))) == [[0, 1, 2]]
    assert seen(OnlyRead(part(0))) == [[0, 1, 2]]


def test_pipe_is_just_read(path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, part(0))
    os.close(writer)
    assert seen(f"/dev/fd/{reader}") == [[0, 1, 2]]
    os.close(reader)


# ---------------------------------------------------------------- rotated away


def test_renamed_and_created(path: Path, script: Script) -> None:
    """The old one is read until the new one has begun, and what was left of it first."""
    path.write_bytes(part(0, 1))
    old = path.with_name("x.pcap.1")
    new = part(3, 2)
    script(
        [
            rename(path, old.name),
            append(old, part(1, 1)[24:]),
            path.touch,
            append(old, part(2, 1)[24:-3]),
            lambda: (append(old, part(2, 1)[-3:])(), append(path, new[:10])()),
            append(path, new[10:]),
        ]
    )
    assert seen(path) == [[0], [1], [2], [3, 4], []]


def test_next_of_a_wildcard(path: Path, script: Script) -> None:
    pattern = write(path.parent, _1=part(3, 2), _0=part(0))
    names = [path.with_name(f"x.pcap{i}") for i in range(6)]
    script(
        [
            append(names[1], part(5, 1)[24:]),
            lambda: (append(names[3], part(9, 1))(), append(names[2], part(6, 2))()),
            append(names[4], part(10, 1, magic=NANO)),
            names[5].touch,
            append(names[4], part(11, 1, magic=NANO)[24:]),
            append(names[5], part(12, 1)),
        ]
    )
    assert seen(pattern) == [[0, 1, 2], [3, 4], [5], [6, 7], [9], [10], [11], [12], []]


def test_what_was_read_is_not_read_again(path: Path, script: Script) -> None:
    """Whatever becomes of it: renamed, packed, touched, written to once more."""
    pattern = write(path.parent, _0=part(0), _1=part(3))
    names = [path.with_name(f"x.pcap{i}") for i in range(4)]

    def pack() -> None:
        names[3].write_bytes(gzip.compress(names[0].read_bytes()))

    script(
        [
            rename(names[0], "x.pcap0.old"),
            rename(path.with_name("x.pcap0.old"), "x.pcap0"),
            pack,
            lambda: os.utime(names[0], ns=(0, 1)),
            append(names[0], part(9)[24:]),
            append(names[2], part(6)),
            rename(names[1], "x.pcap1.old"),
            nothing,
        ]
    )
    assert seen(pattern) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], []]


def test_ring_of_files(path: Path, script: Script) -> None:
    """As `tcpdump -W`: the oldest one is written anew, under its name."""
    pattern = write(path.parent, _0=part(0), _1=part(3))
    names = [path.with_name(f"x.pcap{i}") for i in range(2)]
    script([lambda: names[0].write_bytes(part(6)), lambda: names[1].write_bytes(part(9))])
    with vxtap.open(pattern, follow=True) as opened:
        rows = opened.batches()
        assert [numbers(next(rows))[0] for _ in range(4)] == [0, 3, 6, 9]
        with pytest.raises(KeyboardInterrupt):
            next(rows)
        assert opened.report.files == 4


def test_list_of_files(path: Path, script: Script) -> None:
    write(path.parent, a=part(0), b=part(3))
    last = path.with_name("x.pcapb")
    script([rename(last, "gone"), append(last, part(6))])
    assert seen([path.with_name("x.pcapa"), last]) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], []]


def test_what_cannot_be_read_yet_is_waited_for(path: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = write(path.parent, _0=part(0))
    new = path.with_name("x.pcap1")
    origin = follow.Origin
    fails = [PermissionError, FileNotFoundError]

    def refuse(source: Any) -> Any:
        if source == str(new) and fails:
            raise fails.pop()
        return origin(source)

    monkeypatch.setattr(follow, "Origin", refuse)
    script([path.with_name("x.pcap-folder").mkdir, append(new, part(3)), nothing, nothing, nothing])
    assert seen(pattern) == [[0, 1, 2], [3, 4, 5], []]
    assert fails == []


def test_many_files_are_not_looked_for_all_the_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes a second is not done again for ten."""
    path.write_bytes(part(0))
    now = 0.0
    searches: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += 0.5
        if now > 40:
            raise KeyboardInterrupt

    def search(_self: Any) -> list[str]:
        nonlocal now
        searches.append(now)
        now += 1
        return []

    monkeypatch.setattr(follow, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now))
    monkeypatch.setattr(follow.Followed, "_candidates", search)
    assert seen(path) == [[0, 1, 2], []]
    assert [later - earlier for earlier, later in itertools.pairwise(searches)] == [11] * 3


# ---------------------------------------------------------------- what cannot be followed


def test_no_file(path: Path) -> None:
    for source in (path, f"{path}*", [part(0), path]):
        with pytest.raises((FileNotFoundError, vxtap.OptionError)):
            vxtap.open(source, follow=True)


@pytest.mark.parametrize("source", [part(0), bytearray(part(0)), [part(0)]])
def test_buffer(source: Any) -> None:
    with pytest.raises(vxtap.OptionError, match=r"^follow: a buffer does not grow"):
        vxtap.open(source, follow=True)


def test_compressed(path: Path, script: Script) -> None:
    """As the last one of a set it cannot be; before that it can."""
    path.write_bytes(gzip.compress(part(0)))
    with pytest.raises(vxtap.UnsupportedError, match="only plain captures can be followed"):
        vxtap.open(path, follow=True)
    with path.open("rb") as file, pytest.raises(vxtap.UnsupportedError, match="only plain captures can be followed"):
        seen(file)
    path.write_bytes(b"")
    script([append(path, gzip.compress(part(0))[:1]), append(path, gzip.compress(part(0))[1:])])
    with pytest.raises(vxtap.UnsupportedError, match="only plain captures can be followed"):
        seen(path)
    pattern = write(path.parent, **{"": gzip.compress(part(0)), "1": part(3)})
    script([])
    assert seen(pattern) == [[0, 1, 2], [3, 4, 5], []]


# ---------------------------------------------------------------- decap


def test_decap_until_ctrl_c(path: Path, script: Script) -> None:
    """The normal end: the output is whole, and whatever caught the signal before does so again."""
    path.write_bytes(part(0))
    target = path.with_name("out")
    script([append(path, part(3, 2)[24:-1]), press])
    before = signal.getsignal(signal.SIGINT)
    report = vxtap.decap(path, target, follow=True)
    assert signal.getsignal(signal.SIGINT) is before
    assert (report.frames, report.decapsulated, report.changed) == (4, 4, "")
    assert report.truncated_tail == len(part(4, 1)) - 24 - 1
    assert target.read_bytes() == pcap([(T0 + i * SECOND, inner_frame(i)) for i in range(4)])


def test_decap_of_nothing_until_ctrl_c(path: Path, script: Script) -> None:
    path.touch()
    script([press])
    assert vxtap.decap(path, path.with_name("out"), follow=True).frames == 0
    assert path.with_name("out").read_bytes() == pcap()


def test_ctrl_c_in_the_middle_of_much(path: Path) -> None:
    """It is not all read first."""
    path.write_bytes(capture(20_000))
    presses = iter([press])
    report = vxtap.decap(
        path, path.with_name("out"), follow=True, progress=lambda _done, _total: next(presses, nothing)()
    )
    assert 0 < report.frames < 20_000
    assert len(vxtap.read(path.with_name("out"), frames="all", strict=True)) == report.frames


def test_second_ctrl_c(path: Path, script: Script) -> None:
    path.write_bytes(part(0))
    script([lambda: (press(), press())])
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        vxtap.decap(path, path.with_name("out"), follow=True)
    assert signal.getsignal(signal.SIGINT) is before
    assert sorted(one.name for one in path.parent.iterdir()) == ["x.pcap"]


def test_decap_writes_at_once_and_goes_on(path: Path, script: Script) -> None:
    path.write_bytes(part(0))
    out = io.BytesIO()
    sizes: list[int] = []
    new = path.with_name("new")
    new.write_bytes(part(4))
    script(
        [
            lambda: sizes.append(len(out.getvalue())),
            append(path, part(3, 1)[24:]),
            lambda: sizes.append(len(out.getvalue())),
            lambda: new.replace(path),
            press,
        ]
    )
    report = vxtap.decap(path, out, follow=True)
    expected = [pcap([(T0 + i * SECOND, inner_frame(i)) for i in range(count)]) for count in (3, 4, 7)]
    assert sizes == [len(expected[0]), len(expected[1])]
    assert out.getvalue() == expected[2]
    assert (report.files, report.bytes_in) == (2, len(part(0, 4)) + len(part(4)))


def test_decap_in_a_thread(path: Path, script: Script) -> None:
    """Signals do not reach it there; a file that becomes shorter ends it."""
    path.write_bytes(part(0))
    script([lambda: os.truncate(path, 30)])
    found: list[vxtap.Report] = []
    thread = threading.Thread(
        target=lambda: found.append(vxtap.decap(path, path.with_name("out"), follow=True)), daemon=True
    )
    thread.start()
    thread.join(20)
    assert [report.decapsulated for report in found] == [3]
    assert "became shorter" in found[0].changed
