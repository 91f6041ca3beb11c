"""The comparisons with the peers: every one and every job it does, against the floor, packet by packet."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import exports
import machine
from cases import FIELD_COLUMNS, PYTHON, Bench, checks_fields, checks_inner
from environments import PEERS as SCRIPTS
from environments import MissingError, Ready, Venv
from measure import Case
from peers import ALL, JOBS, PEERS, Peer, check_answer
from report import VXTAP
from traffic import FIELDS

import data

SCRIPT = SCRIPTS / "with_vxtap.py"
FEWER = 5  # rounds


@dataclass(frozen=True, slots=True)
class Contest:
    """One capture, of which slow peers get a beginning."""

    bench: Bench
    source: Path
    quick: bool  # slow peers get a tenth, and what needs packages is left out

    def against(self, job: str) -> list[str]:
        """The floor of a job."""
        if job == "inner":
            return self.bench.copy(self.source)
        if job == "parquet":
            columns, out = ",".join(FIELD_COLUMNS), str(self.bench.meter.table)
            return self.bench.job("encode", self.source, "--columns", columns, "-o", out)
        return self.bench.walk(self.source, str(FIELDS.itemsize))

    def packets(self, peer: Peer, job: str) -> int:
        wanted = peer.packets(job)
        return min(wanted if wanted == ALL or not self.quick else wanted // 10, data.facts_of(self.source).packets)

    def rounds(self, job: str) -> int:
        """Fewer where the floor takes its time."""
        return min(FEWER, self.bench.meter.rounds) if job == "parquet" else 0

    def ours(self) -> Iterator[Case]:
        """What vxtap does, on one core."""
        bench, source, packets = self.bench, self.source, data.facts_of(self.source).packets
        fields = bench.job("read", source, "--columns", ",".join(FIELD_COLUMNS), *bench.able.one("read"))
        inner = bench.decap(source, *bench.able.one("command"))
        case = partial(Case, version=machine.version_of("vxtap"), packets=(packets, packets))
        yield case(
            key="fields",
            name=VXTAP,
            ours=fields,
            against=self.against("fields"),
            check=checks_fields(bench, source, fields),
        )
        call = bench.job("decap", source, "-o", str(bench.out), *bench.able.one("decap"))
        for name, command in ((VXTAP, inner), (f"{VXTAP}.decap(), the call alone", call)):
            check = checks_inner(bench, source, command)
            yield case(key="inner", name=name, ours=command, against=self.against("inner"), check=check)
        yield from self.our_files(case)

    def our_files(self, case: Callable[..., Case]) -> Iterator[Case]:
        """Parquet, by the command and by ten lines of Python."""
        bench, source, columns = self.bench, self.source, ",".join(FIELD_COLUMNS)
        lines = [*PYTHON, str(SCRIPT), "parquet", str(source), str(bench.meter.table)]
        command = exports.convert(bench, source, "-j", "1", "--columns", columns)
        call = bench.job("convert", source, "--columns", columns, "--workers", "1", "-o", str(bench.meter.folder))
        for name, ours, parts in (
            (VXTAP, command, ("scan", "convert")),
            (f"{VXTAP}.convert(), the call alone", call, ("scan", "convert")),
            (f"{VXTAP}.scan() in ten lines", lines, ("scan",)),
        ):
            yield case(
                key="parquet",
                name=name,
                ours=ours,
                against=self.against("parquet"),
                check=exports.checks_parquet(bench, source, ours),
                reason=bench.able.lacks(*parts),
                rounds=self.rounds("parquet"),
            )

    def theirs(self, name: str, job: str, ready: Ready) -> Case:
        """What one of them does."""
        peer, whole = PEERS[name], data.facts_of(self.source).packets
        packets, cut = self.packets(peer, job), self.source
        if packets < whole:
            cut = data.ensure(data.facts_of(self.source).shape, packets=packets, folder=self.source.parent)
        line = peer.line(ready, job, cut, self.bench.meter.output(job))
        return Case(
            key=job,
            name=name,
            version=ready.version,
            ours=line,
            against=self.against(job),
            check=partial(check_answer, peer, job, line, cut, self.bench.meter),
            packets=(packets, whole),
            rounds=self.rounds(job),
            reason=self.bench.able.lacks("scan") if job == "parquet" else "",  # the floor's
        )

    def cases(self) -> Iterator[Case]:
        yield from self.ours()
        for name, peer in PEERS.items():
            jobs = [job for job in JOBS if peer.packets(job)]
            try:
                if self.quick and isinstance(peer.need, Venv) and peer.need.packages:
                    raise MissingError("left out of the quick run")
                ready = peer.need.prepare(self.source.parent / "peers")
            except MissingError as error:
                yield from (Case(key=job, name=name, reason=str(error)) for job in jobs)
            else:
                yield from (self.theirs(name, job, ready) for job in jobs)
