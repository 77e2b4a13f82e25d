"""What the service itself says of its answers' times: the histogram of `/metrics`, of one route and one run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import httpx
from prometheus_client.parser import text_string_to_metric_families

from jobs.metrics import REQUEST_DURATION

STATUS_ROUTE = "/v1/jobs/{job_id}"
SUCCESSFUL = {"method": "GET", "route": STATUS_ROUTE, "status": "2xx"}


def status_buckets(urls: Sequence[str]) -> Counter[float]:
    """Status requests so far by the upper bound of their bucket in seconds, cumulative, of all API processes."""
    found: Counter[float] = Counter()
    with httpx.Client(timeout=30.0, trust_env=False) as http:
        for url in urls:
            found += buckets_in(http.get(f"{url}/metrics").raise_for_status().text)
    return found


def buckets_in(exposition: str) -> Counter[float]:
    """The same, from the text of one scrape."""
    found: Counter[float] = Counter()
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == f"{REQUEST_DURATION.name}_bucket" and SUCCESSFUL.items() <= sample.labels.items():
                found[float(sample.labels["le"])] += int(sample.value)
    return found


def bound(buckets: Mapping[float, int], share: float) -> float:
    """The bucket's upper bound that at least this share does not exceed; NaN of none, infinite beyond the last."""
    requests = max(buckets.values(), default=0)
    if not requests:
        return math.nan
    return min(upper for upper, count in buckets.items() if count >= share * requests)
