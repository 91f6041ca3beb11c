"""What has been converted: a line for each input, in the folder of the outputs. A second run does only what is new."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import threading
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from types import TracebackType

    from vxtap.inputs import Input

#: Its name, in the folder of the outputs.
MANIFEST = "_manifest.jsonl"

#: A conversion has an input and a form that it is brought into; both tell one from another.
Key = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class Entry:
    """A line of the manifest.

    Attributes
    ----------
    input : str
        The file, from the root.
    to : {"pcap", "pcapng", "parquet"}
        What it is converted to.
    state : {"done", "failed", "writing"}
        All is done, or `error` says why not. Before outputs take their names they are told as those of a conversion
        that is writing; where this is the last line about it, it was ended there, and must be done again.
    size, mtime_ns : int or None
        Of the input when it was opened.
    options : str
        A digest of all options that outputs depend on.
    outputs : dict of str to int
        Paths within the folder, and bytes.
    counts : dict
        The report of the conversion, as `Report.to_dict` has it; empty where there is none.
    seconds : float
        How long it took.
    error : str
        What went wrong.
    """

    input: str
    to: str
    state: Literal["done", "failed", "writing"]
    size: int | None = None
    mtime_ns: int | None = None
    options: str = ""
    outputs: dict[str, int] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""

    @property
    def key(self) -> Key:
        """What the line is about."""
        return self.input, self.to


def _parse(line: bytes) -> Entry | None:
    """One line; None where it is none: the last one was cut when a machine went down, or somebody has edited it."""
    try:
        known = json.loads(line)
        entry = Entry(**{name: known[name] for name in Entry.__dataclass_fields__})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    fits = _is_name(entry.input) and isinstance(entry.to, str) and isinstance(entry.counts, dict)
    fits = fits and isinstance(entry.outputs, dict) and all(map(_is_within, entry.outputs))
    return entry if fits and _are_counts(entry.counts) else None


def _are_counts(counts: dict[str, Any]) -> bool:
    """Whether what is summed up over inputs are numbers."""
    reasons = [counts.get(name, {}) for name in ("skipped", "kept")]
    if not all(isinstance(one, dict) for one in reasons):
        return False
    numbers = [counts.get(name, 0) for name in ("frames", "decapsulated")]
    return all(isinstance(number, int) for number in [*numbers, *(n for one in reasons for n in one.values())])


def _is_within(name: str) -> bool:
    """Whether an output lies in the folder: earlier ones are removed, and nothing else may be."""
    return _is_name(name) and not os.path.isabs(name) and not {os.pardir, MANIFEST} & set(name.split(os.sep))


def _is_name(name: Any) -> bool:
    """Whether a file can have this name."""
    try:
        return isinstance(name, str) and name != "" and b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:  # half of a character
        return False


class Manifest:
    """The manifest of a folder, for one run at a time: a context, in which it is locked.

    Lines are only ever appended, each at once and whole; the last one about an input counts.

    Parameters
    ----------
    folder : str
        The folder of the outputs, which need not be there yet.

    Attributes
    ----------
    folder, path : str
        That folder, and the file in it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, MANIFEST)
        self._file: int | None = None
        self._lock = threading.Lock()
        self._last: dict[Key, Entry] = {}
        self._owners: dict[str, Key] = {}
        self._outputs: dict[Key, dict[str, None]] = {}
        self._load()

    def _load(self) -> None:
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would be waited for
        except FileNotFoundError:
            return
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "a manifest is a regular file, and this is none: remove it", self.path)
        with open(handle, "rb") as file:
            lines = file.read().split(b"\n")
        for line in lines:
            entry = _parse(line)
            if entry is not None:
                self._note(entry)

    def _note(self, entry: Entry) -> None:
        self._last[entry.key] = entry
        for name in entry.outputs:
            self.forget(name)
            self._owners[name] = entry.key
            self._outputs.setdefault(entry.key, {})[name] = None

    @property
    def written(self) -> set[str]:
        """Real paths of everything that was ever written here."""
        return {os.path.realpath(os.path.join(self.folder, name)) for name in self._owners}

    @property
    def owners(self) -> dict[str, Key]:
        """Of which conversion each output is, by its path within the folder."""
        return dict(self._owners)

    def owner(self, output: str) -> Key | None:
        """Tell of which conversion an output is.

        Parameters
        ----------
        output : str
            Its path within the folder.

        Returns
        -------
        (str, str) or None
            Input and form; None where the manifest does not name it.
        """
        return self._owners.get(output)

    def earlier(self, key: Key) -> list[str]:
        """Tell what a conversion has left so far.

        Parameters
        ----------
        key : (str, str)
            Input and form.

        Returns
        -------
        list of str
            Paths within the folder, also of outputs that were only announced.
        """
        return list(self._outputs.get(key, ()))

    def announce(self, entry: Entry, outputs: dict[str, int]) -> None:
        """Say which outputs are about to take their names, so that the next run knows them whatever comes between.

        What has failed before, and has left the same names, is announced no second time.

        Parameters
        ----------
        entry : Entry
            The conversion, as far as it is known.
        outputs : dict of str to int
            Paths within the folder, and bytes.

        Raises
        ------
        OSError
            Where the line cannot be written: no output may take its name then.
        """
        last = self._last.get(entry.key)
        own = all(self._owners.get(name) == entry.key for name in outputs)
        if last is None or last.state == "done" or not own:
            self.add(replace(entry, state="writing", outputs=outputs))

    def still_valid(self, one: Input, to: str, options: str) -> Entry | None:
        """Find out whether a conversion need not be done again.

        Parameters
        ----------
        one : Input
            The file as it is now.
        to : str
            The form.
        options : str
            The digest of all options that outputs depend on.

        Returns
        -------
        Entry or None
            That of the run that has done it; None where it must be done.
        """
        entry = self._last.get((one.path, to))
        if entry is None or entry.state != "done" or entry.options != options:
            return None
        if (entry.size, entry.mtime_ns) != (one.stat.st_size, one.stat.st_mtime_ns):
            return None
        there = all(self._has(name, size, entry.key) for name, size in entry.outputs.items())
        return entry if there else None

    def _has(self, name: str, size: int, key: Key) -> bool:
        try:
            return self._owners[name] == key and os.stat(os.path.join(self.folder, name)).st_size == size
        except OSError:
            return False

    def add(self, entry: Entry) -> None:
        """Append a line, from any thread; none where the last one says the same, but for how long it took.

        Parameters
        ----------
        entry : Entry
            What it says.

        Raises
        ------
        OSError
            Where it cannot be written.
        """
        if self._says(entry):
            return
        line = json.dumps(asdict(entry)).encode() + b"\n"
        with self._lock:
            assert self._file is not None
            try:
                while line:
                    line = line[os.write(self._file, line) :]
            except OSError as error:
                error.filename = self.path
                raise
            self._note(entry)

    def _says(self, entry: Entry) -> bool:
        last = self._last.get(entry.key)
        if last is None or any(self._owners.get(name) != entry.key for name in entry.outputs):
            return False
        return json.dumps(asdict(replace(last, seconds=0.0))) == json.dumps(asdict(replace(entry, seconds=0.0)))

    def forget(self, output: str) -> None:
        """Note that an output is there no more, or is another conversion's.

        Parameters
        ----------
        output : str
            Its path within the folder.
        """
        owner = self._owners.pop(output, None)
        if owner is not None:
            self._outputs[owner].pop(output, None)

    def __enter__(self) -> Manifest:
        """Take the folder for this run; what another one has written until now counts."""
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._leave()
            what = "another conversion writes into this folder: wait for its end, or choose another folder"
            raise OSError(errno.EBUSY, what, self.folder) from None
        except BaseException:
            self._leave()
            raise
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")  # behind a line that was cut
        self._load()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
