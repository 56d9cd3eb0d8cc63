"""Reads metrics from a URL as Prometheus' own client library for OpenMetrics does, and prints the samples as JSON:
[[name, {label: value}, value], ...]."""

import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text"), answer.headers
    text = answer.read().decode()
print(json.dumps([
    [sample.name, sample.labels, sample.value]
    for family in text_string_to_metric_families(text)
    for sample in family.samples
]))
