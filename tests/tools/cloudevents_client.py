"""Posts one event as the CloudEvents SDK writes it: structured, binary, and in a batch.

    cloudevents_client.py URL TOKEN FILE

FILE is the event in the JSON format. Printed is one {"status": ..., "body": ...} for each mode.
"""

import json
import sys

import requests
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from datetime import datetime

if len(sys.argv) != 4:
    sys.exit(__doc__)
url, token, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    attributes = json.load(file)
data = attributes.pop("data")
attributes["time"] = datetime.fromisoformat(attributes["time"].replace("Z", "+00:00"))
attributes["datacontenttype"] = "application/json"
event = CloudEvent(attributes, data)


def post(resource, headers, body):
    headers = {**headers, "Authorization": f"Bearer {token}"}
    response = requests.post(f"{url}{resource}", data=body, headers=headers, timeout=10)
    return {"status": response.status_code, "body": response.json()}


structured = to_structured(event, JSONFormat())
binary = to_binary(event, JSONFormat())
one = structured.body if isinstance(structured.body, bytes) else structured.body.encode()
answers = {
    "structured": post("/v1/events", structured.headers, structured.body),
    "binary": post("/v1/events", binary.headers, binary.body),
    "batch": post(
        "/v1/events:batch",
        {"Content-Type": "application/cloudevents-batch+json"},
        b"[" + one + b"]",
    ),
}
print(json.dumps(answers))
