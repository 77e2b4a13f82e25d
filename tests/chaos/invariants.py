"""What must hold after any fault, read from the ledger and asked of the service over HTTP.

What Redis holds is looked at by `tests.soak.audit`, which does so after storms, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import httpx

from tests.chaos.ledger import FINAL, FileLedger, Line

ANY = "any"
"""For a job that may end as it likes."""
GONE = "gone"
"""For a job that the disk never had, so that nobody knows it any more."""


def violations(ledger: FileLedger, expected: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each job that was lost, ended twice, or ended otherwise than `expected` (else: succeeded)."""
    accepted = list(ledger.of("accepted"))
    seen = _states(ledger, "polled")
    told = _states(ledger, "told")
    deliveries = _deliveries(ledger)
    for line in accepted:
        job_id = line.job_id
        wanted = expected.get(job_id, "succeeded")
        if wanted == GONE:
            continue
        if not seen[job_id]:
            yield f"{job_id} has no end"
        elif len(seen[job_id]) > 1 or wanted not in {ANY, *seen[job_id]}:
            yield f"{job_id} was seen as {sorted(seen[job_id])} instead of {wanted}"
        if told[job_id] - seen[job_id]:
            yield f"{job_id} was told as {sorted(told[job_id])} and is {sorted(seen[job_id])}"
        if len(deliveries[job_id]) > 1:
            yield f"{job_id} was told {len(deliveries[job_id])} times under different ids"
    ids = [line.job_id for line in accepted]
    yield from (f"{job_id} was accepted twice" for job_id in sorted(set(ids)) if ids.count(job_id) > 1)
    strangers = (set(seen) | set(told)) - set(ids)
    yield from (f"{job_id} was told and never accepted" for job_id in sorted(strangers))


def differing(ledger: FileLedger) -> dict[str, set[str]]:
    """Pictures of jobs that were not shown as one and the same, by job: over time, or beside those of equal jobs.

    What most of equal jobs show is held for right, and of two the first.
    """
    shown: defaultdict[str, list[str]] = defaultdict(list)
    for line in ledger.of("shown"):
        shown[line.job_id].append(line.content)
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for line in ledger.of("accepted"):
        alike[line.asked].extend(shown[line.job_id])
    right = {asked: max(contents, key=contents.count) for asked, contents in alike.items() if contents}
    return {
        line.job_id: set(shown[line.job_id])
        for line in ledger.of("accepted")
        if set(shown[line.job_id]) - {right.get(line.asked)}
    }


def compared(ledger: FileLedger) -> int:
    """Jobs whose picture was held against that of an equal one."""
    shown = {line.job_id for line in ledger.of("shown")}
    asked = [line.asked for line in ledger.of("accepted") if line.job_id in shown]
    return sum(asked.count(one) > 1 for one in asked)


def wrong_contents(ledger: FileLedger) -> Iterator[str]:
    """A sentence for each job whose picture is not that of its seed, or is also that of another seed."""
    for job_id, contents in differing(ledger).items():
        yield f"{job_id} was shown as {sorted(contents)}, and equal jobs otherwise"
    asked = {line.job_id: line.asked for line in ledger.of("accepted")}
    askers: defaultdict[str, set[str]] = defaultdict(set)
    for line in ledger.of("shown"):
        askers[line.content].add(asked.get(line.job_id, "nobody"))
    for content, several in askers.items():
        if len(several) > 1:
            yield f"{content} was shown to those who asked for {sorted(several)}"


def untold(ledger: FileLedger) -> set[str]:
    """Accepted jobs whose webhook has not come."""
    return {line.job_id for line in ledger.of("accepted")} - {line.job_id for line in ledger.of("told")}


def lost(ledger: FileLedger) -> int:
    """Accepted jobs of which no end was seen."""
    seen = _states(ledger, "polled")
    return sum(not seen[line.job_id] for line in ledger.of("accepted"))


def doubled(ledger: FileLedger) -> int:
    """Accepted jobs that were seen in two final states, by poll or webhook."""
    seen, told = _states(ledger, "polled"), _states(ledger, "told")
    return sum(len(seen[line.job_id] | told[line.job_id]) > 1 for line in ledger.of("accepted"))


def shown_wrongly(clients: Mapping[str, httpx.Client], ledger: FileLedger, gone: Collection[str] = ()) -> Iterator[str]:
    """Jobs, results or lists that a caller sees who is not the job's, and results that its own caller lacks."""
    for line in ledger.of("accepted"):
        if line.job_id in gone:
            continue
        for caller, http in clients.items():
            yield from _own(http, line) if caller == line.caller else _foreign(http, line, caller)
    for caller, http in clients.items():
        own = {line.job_id for line in ledger.of("accepted") if line.caller == caller}
        listed = {job["id"] for job in http.get("/v1/jobs", params={"limit": 100}).json()["jobs"]}
        if listed - own:
            yield f"{caller} is shown {sorted(listed - own)} in the list"


def _own(http: httpx.Client, line: Line) -> Iterator[str]:
    job = http.get(f"/v1/jobs/{line.job_id}").json()
    result = http.get(f"/v1/jobs/{line.job_id}/result")
    if job.get("state") not in FINAL:
        yield f"{line.job_id} is {job.get('state')} for its caller"
    if (result.status_code == 200) != (job.get("state") == "succeeded"):
        yield f"{line.job_id} is {job.get('state')}, and its result answers {result.status_code}"


def _foreign(http: httpx.Client, line: Line, caller: str) -> Iterator[str]:
    for path in (f"/v1/jobs/{line.job_id}", f"/v1/jobs/{line.job_id}/result"):
        status = http.get(path).status_code
        if status != 404:
            yield f"{caller} asks for {path} of {line.caller} and is answered {status}"


def _states(ledger: FileLedger, kind: str) -> defaultdict[str, set[str]]:
    states: defaultdict[str, set[str]] = defaultdict(set)
    for line in ledger.lines():
        if line.kind == kind:
            states[line.job_id].add(line.state)
    return states


def _deliveries(ledger: FileLedger) -> defaultdict[str, set[str]]:
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for line in ledger.of("told"):
        ids[line.job_id].add(line.delivery)
    return ids
