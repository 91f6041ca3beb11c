"""The comparisons with the peers: every one and every job it does, against the floor, packet by packet."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import machine
from cases import FIELD_COLUMNS, Bench, checks_fields, checks_inner
from environments import MissingError, Ready, Venv
from measure import Case
from peers import ALL, JOBS, PEERS, Peer, check_answer
from report import VXTAP
from traffic import FIELDS

import data


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
        return self.bench.walk(self.source, str(FIELDS.itemsize))

    def packets(self, peer: Peer, job: str) -> int:
        wanted = peer.packets(job)
        return min(wanted if wanted == ALL or not self.quick else wanted // 10, data.facts_of(self.source).packets)

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

    def theirs(self, name: str, job: str, ready: Ready) -> Case:
        """What one of them does."""
        peer, whole = PEERS[name], data.facts_of(self.source).packets
        packets, cut = self.packets(peer, job), self.source
        if packets < whole:
            cut = data.ensure(data.facts_of(self.source).shape, packets=packets, folder=self.source.parent)
        line = peer.line(ready, job, cut, self.bench.out)
        return Case(
            key=job,
            name=name,
            version=ready.version,
            ours=line,
            against=self.against(job),
            check=partial(check_answer, peer, job, line, cut, self.bench.meter),
            packets=(packets, whole),
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
