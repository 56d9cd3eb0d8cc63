"""A collector of traces (OTLP over HTTP, protobuf) for the tests, by opentelemetry-proto. It keeps what it is
sent in a file, a line of JSON for each span. Whatever comes on another path is passed on to another server (the
CRM), and the `traceparent` it came with is kept too.

    otlp_receiver.py FILE [URL]

prints its port. Until FILE.slow exists it answers at once; then it takes a minute.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

KEPT = Path(sys.argv[1])
ELSEWHERE = sys.argv[2] if len(sys.argv) > 2 else None


def keep(record):
    with KEPT.open("a") as file:
        file.write(json.dumps(record) + "\n")


def value(any_value):
    return getattr(any_value, any_value.WhichOneof("value"))


def spans(request):
    for of_resource in request.resource_spans:
        resource = {it.key: value(it.value) for it in of_resource.resource.attributes if it.value.WhichOneof("value") != "array_value"}
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield {
                    "name": span.name,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "kind": span.kind,
                    "links": [[link.trace_id.hex(), link.span_id.hex()] for link in span.links],
                    "attributes": {it.key: value(it.value) for it in span.attributes},
                    "service": resource["service.name"],
                    # Nothing of it is left out when it is searched for what must not be there.
                    "whole": MessageToDict(span),
                }


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v1/traces":
            return self.pass_on(body)
        assert self.headers["Content-Type"] == "application/x-protobuf", self.headers
        if Path(f"{KEPT}.slow").exists():
            time.sleep(60)
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        for span in spans(request):
            keep(span)
        self.answer(200, "application/x-protobuf", ExportTraceServiceResponse().SerializeToString())

    def pass_on(self, body):
        keep({"name": "(passed on)", "traceparent": self.headers.get("traceparent")})
        headers = {k: v for k, v in self.headers.items() if k.lower() in ("authorization", "content-type")}
        request = urllib.request.Request(ELSEWHERE + self.path, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.answer(answer.status, answer.headers["Content-Type"], answer.read())
        except urllib.error.HTTPError as error:
            self.answer(error.code, error.headers["Content-Type"] or "text/plain", error.read())

    def answer(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_address[1], flush=True)
server.serve_forever()
