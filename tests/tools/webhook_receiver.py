"""Receives webhooks as a partner would: checks each with the published `standardwebhooks` library.

POST /hook             a webhook; what came of it is kept, and the next planned answer is given
POST /plan             {"secrets": [...], "answers": [[status, {header: value}], ...]} (then 200, and 401 for
                       what none of the secrets has signed)
GET  /received         everything that came, in order

Prints the port that it listens on.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

RECEIVED, SECRETS, ANSWERS = [], [], []


def verifies(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


class Handler(BaseHTTPRequestHandler):
    def body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self, status, value=None, headers=None):
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(200, RECEIVED)

    def do_POST(self):
        body = self.body()
        if self.path == "/plan":
            plan = json.loads(body)
            SECRETS[:] = plan["secrets"]
            ANSWERS[:] = plan.get("answers", [])
            return self.answer(200, {})
        headers = {name.lower(): value for name, value in self.headers.items()}
        verified = [verifies(secret, body, headers) for secret in SECRETS]
        # As a partner's software should: what no secret vouches for is not believed.
        believed = any(verified) or not SECRETS
        status, more = ANSWERS.pop(0) if ANSWERS else (200 if believed else 401, {})
        RECEIVED.append(
            {
                "path": self.path,
                "id": headers["webhook-id"],
                "timestamp": int(headers["webhook-timestamp"]),
                "signatures": headers["webhook-signature"].split(" "),
                "content_type": headers["content-type"],
                "bytes": len(body),
                "verified": verified,
                # The same with one byte changed must not pass, or the check says nothing.
                "forged": any(verifies(secret, body + b" ", headers) for secret in SECRETS),
                "body": json.loads(body),
                "answered": status,
            }
        )
        self.answer(status, None, more)

    def log_message(self, *_args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
