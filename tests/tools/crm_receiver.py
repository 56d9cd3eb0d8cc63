"""A receiver of leads as docs/crm-adapters.md asks for, written with the standardwebhooks library.

    crm_receiver.py SECRET [TOKEN_MODE]

Prints `http://127.0.0.1:PORT` and serves until it is killed. With TOKEN_MODE `oauth`, `key` or
`basic` it also asks for a bearer token of its own token endpoint (which ends after one use),
for `x-api-key: receiver-key`, or for receiver:receiver-pass.

Notices for customers are taken at POST /notices, alarms for the bank at POST /alarms. POST /_sim with {"do": "records"} or {"do": "fail", "with": STATUS, "times": N}.
"""

import base64
import json
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

secret, mode = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "")
lock = threading.Lock()
leads, tasks, faults, tokens, ids, notices, alarms = {}, {}, [], set(), [], [], []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def answer(self, status, body, **headers):
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(payload)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with lock:
            if self.path == "/_sim":
                return self.test(json.loads(body))
            if self.path == "/token":
                return self.token(body)
            if not self.let_in():
                return self.answer(401, {})
            return self.put(body)

    do_PUT = do_POST = handle_any

    def token(self, body):
        form = dict(urllib.parse.parse_qsl(body.decode()))
        basic = "Basic " + base64.b64encode(b"tallystick:receiver-secret").decode()
        if form.get("grant_type") != "client_credentials" or self.headers["Authorization"] != basic:
            return self.answer(401, {"error": "invalid_client"})
        tokens.add(f"t-{len(ids)}-{len(tokens)}")
        return self.answer(200, {"access_token": sorted(tokens)[-1], "token_type": "Bearer",
                                 "expires_in": 3600})

    def let_in(self):
        shown = self.headers.get("Authorization", "")
        if mode == "oauth":
            token = shown.removeprefix("Bearer ")
            let_in = token in tokens
            tokens.discard(token)
            return let_in
        if mode == "basic":
            return shown == "Basic " + base64.b64encode(b"receiver:receiver-pass").decode()
        return mode != "key" or self.headers.get("x-api-key") == "receiver-key"

    def put(self, body):
        if faults:
            status = faults.pop(0)
            return self.answer(status, {}, Retry_After="2")
        try:
            told = Webhook(secret).verify(body, dict(self.headers))
        except WebhookVerificationError:
            return self.answer(401, {})
        ids.append(self.headers["webhook-id"])
        if self.path == "/notices":
            notices.append(told)
            return self.answer(200, {})
        if self.path == "/alarms":
            alarms.append(told)
            return self.answer(200, {})
        if self.path == f"/tasks/{told.get('task')}":
            there = tasks.get(told["task"])
            if there and there["revision"] > told["revision"]:
                return self.answer(409, {})
            tasks[told["task"]] = told
            return self.answer(200 if there else 201, {"id": f"T-{told['task']}"})
        if self.path != f"/leads/{told['lead']}":
            return self.answer(404, {})
        if told.get("region") == "nowhere":
            return self.answer(422, {"detail": "no such region"})
        there = leads.get(told["lead"])
        if there and there["revision"] > told["revision"]:
            return self.answer(409, {"id": there["id"]})
        number = there["id"] if there else f"R-{len(leads) + 1}"
        leads[told["lead"]] = {**told, "id": number}
        return self.answer(200 if there else 201, {"id": number})

    def test(self, order):
        if order["do"] == "fail":
            faults.extend([order["with"]] * order.get("times", 1))
        return self.answer(200, {"leads": list(leads.values()), "ids": ids, "notices": notices, "alarms": alarms,
                                 "tasks": list(tasks.values())})


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
