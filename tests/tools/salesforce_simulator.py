"""A Salesforce org with nothing in it but Leads, Contacts, Tasks and what their REST API documents.

    salesforce_simulator.py [PORT]

Prints `http://127.0.0.1:PORT` and serves until it is killed. It behaves as the REST API Developer
Guide says (sObject Rows by External ID, sObject Collections, Query, Status Codes and Error
Responses, OAuth 2.0 client credentials flow); simple-salesforce, which was written against the real
one, is held to it by salesforce_client.py. The org has two fields of ours on Lead, and the validation
rule that docs/crm-adapters.md asks for.

What a test does to it (no part of Salesforce): POST /_sim with {"do": ...}:
    records                 every lead
    set      id, fields     a member of staff edits a lead
    convert  id             a lead becomes a contact
    expire                  every access token ends
    fail     with, times    the next requests: "limit", "lock", "503", "duplicate", "slow", "cut"
"""

import base64
import json
import re
import sys
import threading
import time
import urllib.parse
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLIENT = ("tallystick", "sim-secret")
EXTERNAL_ID = "Tallystick_Id__c"
REVISION = "Tallystick_Revision__c"
# Field: (type, length). What Lead has by default, as far as we look, and our own two.
LEAD = {
    "FirstName": (str, 40), "LastName": (str, 80), "Company": (str, 255), "Email": (str, 80),
    "MobilePhone": (str, 40), "Phone": (str, 40), "LeadSource": (str, 255), "Status": (str, 255),
    "Description": (str, 32000), "Rating": (str, 255), "DoNotCall": (bool, 0),
    "HasOptedOutOfEmail": (bool, 0), EXTERNAL_ID: (str, 64), REVISION: (int, 0),
}
# Custom fields of Activity are fields of Task: our own two again, with a validation rule as on Lead.
TASK = {
    "Subject": (str, 255), "Description": (str, 32000), "Status": (str, 255), "WhoId": (str, 18),
    "ActivityDate": (str, 10), "Priority": (str, 255), EXTERNAL_ID: (str, 64), REVISION: (int, 0),
}
CONTACT = {"DoNotCall": (bool, 0), "HasOptedOutOfEmail": (bool, 0), "LastName": (str, 80)}
READ_ONLY = ("Id", "SystemModstamp", "IsConverted", "ConvertedContactId", "CreatedDate")
API_LIMIT = 15000


class Org:
    def __init__(self):
        self.lock = threading.RLock()
        self.leads, self.contacts, self.tasks, self.tokens = {}, {}, {}, set()
        self.faults, self.calls, self.made = [], 0, 0

    def new_id(self, prefix):
        self.made += 1
        return f"{prefix}{self.made:012d}AAA"

    def stamp(self):
        # Milliseconds, each later than the last: as Salesforce shows them.
        return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"

    def of(self, external_id):
        return [lead for lead in self.leads.values() if lead.get(EXTERNAL_ID) == external_id]


org = Org()


class Refused(Exception):
    def __init__(self, status, code, message, fields=None):
        super().__init__(code)
        self.status, self.code, self.message, self.fields = status, code, message, fields

    def body(self):
        error = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            error["fields"] = self.fields
        return [error]

    def result(self):
        return {"success": False, "errors": [
            {"statusCode": self.code, "message": self.message, "fields": self.fields or []}]}


def check(fields, known, existing):
    for name, value in fields.items():
        if name not in known or name in READ_ONLY:
            raise Refused(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type Lead")
        kind, length = known[name]
        if value is None or value == "":
            continue
        if kind is not str and (not isinstance(value, kind) or (kind is int and value is True)):
            raise Refused(400, "JSON_PARSER_ERROR",
                          f"Cannot deserialize instance of {kind.__name__} from {value!r}")
        if kind is str and len(value) > length:
            raise Refused(400, "STRING_TOO_LONG", f"{name}: data value too large", [name])
    if fields.get("Email") and "@" not in fields["Email"]:
        raise Refused(400, "INVALID_EMAIL_ADDRESS", "Email: invalid email address", ["Email"])
    whole = {**(existing or {}), **fields}
    missing = [name for name in ("LastName", "Company") if known is LEAD and not whole.get(name)]
    if missing:
        raise Refused(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: {missing}", missing)


def upsert(external_id, fields, update_only=False):
    """(id, created)"""
    with org.lock:
        if EXTERNAL_ID in fields:
            raise Refused(400, "INVALID_FIELD",
                          f"The {EXTERNAL_ID} field should not be specified in the sobject data.")
        there = org.of(external_id)
        if len(there) > 1:
            raise Refused(300, "", "")
        fault("lock", 400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        fault("duplicate", 400, "DUPLICATES_DETECTED", "Use one of these records?")
        if not there:
            if update_only:
                raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
            check(fields, LEAD, None)
            lead = {"Id": org.new_id("00Q"), "Status": "Open - Not Contacted", "IsConverted": False,
                    "ConvertedContactId": None, EXTERNAL_ID: external_id}
            org.leads[lead["Id"]] = lead
        else:
            lead = there[0]
            if lead["IsConverted"]:
                raise Refused(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
            check(fields, LEAD, lead)
            # Validation rule: AND(NOT(ISNEW()), Tallystick_Revision__c < PRIORVALUE(...)).
            if (fields.get(REVISION) or 0) < (lead.get(REVISION) or 0):
                raise Refused(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "A later revision is here.",
                              [REVISION])
        lead.update({name: None if value == "" else value for name, value in fields.items()})
        lead["SystemModstamp"] = org.stamp()
        return lead["Id"], not there


def upsert_task(external_id, fields):
    """(id, created)"""
    with org.lock:
        if EXTERNAL_ID in fields:
            raise Refused(400, "INVALID_FIELD",
                          f"The {EXTERNAL_ID} field should not be specified in the sobject data.")
        check(fields, TASK, None)
        who = fields.get("WhoId")
        if who and who not in org.leads and who not in org.contacts:
            raise Refused(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ["WhoId"])
        if who in org.leads and org.leads[who]["IsConverted"]:
            raise Refused(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", fields.get("ActivityDate") or "2026-01-01"):
            raise Refused(400, "JSON_PARSER_ERROR", "Cannot deserialize instance of date")
        there = org.tasks.get(external_id)
        if there and (fields.get(REVISION) or 0) < (there.get(REVISION) or 0):
            raise Refused(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "A later revision is here.",
                          [REVISION])
        task = there or {"Id": org.new_id("00T"), EXTERNAL_ID: external_id}
        task.update(fields)
        org.tasks[external_id] = task
        return task["Id"], not there


def fault(name, status, code, message):
    with org.lock:
        if org.faults and org.faults[0] == name:
            org.faults.pop(0)
            raise Refused(status, code, message)


def query(soql):
    """The small part of SOQL that is asked here; anything else is MALFORMED_QUERY."""
    task = re.fullmatch(
        r"SELECT Id FROM Task WHERE " + EXTERNAL_ID + r" = '([^'\\]*)' LIMIT 1", soql.strip())
    if task:
        found = [{"attributes": {"type": "Task"}, "Id": it["Id"]}
                 for it in [org.tasks.get(task[1])] if it]
        return {"totalSize": len(found), "done": True, "records": found}
    form = re.fullmatch(
        r"SELECT ([\w, ]+) FROM Lead(?: WHERE (.+?))?(?: ORDER BY SystemModstamp ASC, Id ASC)?"
        r"(?: LIMIT (\d+))?", soql.strip())
    if not form:
        raise Refused(400, "MALFORMED_QUERY", "unexpected token")
    names = [name.strip() for name in form[1].split(",")]
    for name in names:
        if name not in LEAD and name not in READ_ONLY:
            raise Refused(400, "INVALID_FIELD", f"No such column '{name}' on entity 'Lead'")
    with org.lock:
        rows = [dict(lead) for lead in org.leads.values()]
    when = lambda text: datetime.strptime(text.replace("Z", "+0000"), "%Y-%m-%dT%H:%M:%S.%f%z")
    where = form[2] or ""
    same = re.fullmatch(EXTERNAL_ID + r" = '([^'\\]*)'", where)
    later = re.fullmatch(
        EXTERNAL_ID + r" != null(?: AND \(SystemModstamp > (\S+) OR \(SystemModstamp = (\S+) AND "
        r"Id > '(\w*)'\)\))?", where)
    if same:
        rows = [row for row in rows if row.get(EXTERNAL_ID) == same[1]]
    elif later:
        rows = [row for row in rows if row.get(EXTERNAL_ID)]
        if later[1]:
            since, least = when(later[1]), later[3]
            rows = [row for row in rows if when(row["SystemModstamp"]) > since
                    or (when(row["SystemModstamp"]) == since and row["Id"] > least)]
    elif where:
        raise Refused(400, "MALFORMED_QUERY", "unexpected token")
    rows.sort(key=lambda row: (row["SystemModstamp"], row["Id"]))
    rows = rows[: int(form[3])] if form[3] else rows
    records = [{"attributes": {"type": "Lead"}, **{name: row.get(name) for name in names}}
               for row in rows]
    return {"totalSize": len(records), "done": True, "records": records}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def answer(self, status, body=None):
        payload = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Sforce-Limit-Info", f"api-usage={org.calls}/{API_LIMIT}")
        self.end_headers()
        self.wfile.write(payload)

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.received = self.rfile.read(length)
        split = urllib.parse.urlsplit(self.path)
        self.parameters = dict(urllib.parse.parse_qsl(split.query))
        path = [urllib.parse.unquote(part) for part in split.path.strip("/").split("/")]
        try:
            if path == ["_sim"]:
                return self.answer(200, self.test(json.loads(self.received)))
            if path == ["services", "oauth2", "token"]:
                return self.token()
            return self.api(path)
        except Refused as refused:
            if refused.status == 300:
                return self.answer(300, [f"/{'/'.join(path)}"] * 2)
            return self.answer(refused.status, refused.body())

    do_GET = do_POST = do_PATCH = handle_any

    def token(self):
        form = dict(urllib.parse.parse_qsl(self.received.decode()))
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            pair = tuple(base64.b64decode(basic[6:]).decode().split(":", 1))
        else:
            pair = (form.get("client_id"), form.get("client_secret"))
        if form.get("grant_type") != "client_credentials":
            return self.answer(400, {"error": "unsupported_grant_type",
                                     "error_description": "grant type not supported"})
        if pair != CLIENT:
            return self.answer(400, {"error": "invalid_client",
                                     "error_description": "invalid client credentials"})
        with org.lock:
            token = f"00D!{len(org.tokens)}.{time.time_ns()}"
            org.tokens.add(token)
        host = self.headers["Host"]
        return self.answer(200, {
            "access_token": token, "instance_url": f"http://{host}", "token_type": "Bearer",
            "id": f"http://{host}/id/00D/005", "issued_at": str(time.time_ns() // 1_000_000),
            "scope": "api", "signature": "c2ln"})

    def api(self, path):
        with org.lock:
            org.calls += 1
            known = self.headers.get("Authorization", "").removeprefix("Bearer ") in org.tokens
        if not known:
            raise Refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
        fault("limit", 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        fault("503", 503, "SERVER_UNAVAILABLE", "Server is unavailable")
        with org.lock:
            cut = bool(org.faults) and org.faults[0] in ("cut", "slow") and org.faults.pop(0)
        if len(path) < 4 or path[:2] != ["services", "data"] or not re.fullmatch(r"v\d\d\.0", path[2]):
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        status, body = self.route(path[3:])
        if cut == "slow":
            time.sleep(3)
        if cut == "cut":
            # It is done, and half of the answer arrives.
            self.send_response(status)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"id')
            self.close_connection = True
            return None
        return self.answer(status, body)

    def route(self, path):
        method = self.command
        if method == "GET" and path == ["query"]:
            return 200, query(self.parameters.get("q", ""))
        if method == "PATCH" and path[:3] == ["sobjects", "Lead", EXTERNAL_ID] and len(path) == 4:
            update_only = self.parameters.get("updateOnly") == "true"
            lead, created = upsert(path[3], json.loads(self.received), update_only)
            body = {"id": lead, "success": True, "errors": [], "created": created}
            return (201 if created else 200), body
        if method == "GET" and path[:3] == ["sobjects", "Lead", EXTERNAL_ID] and len(path) == 4:
            there = org.of(path[3])
            if not there:
                raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
            return 200, {"attributes": {"type": "Lead"}, **there[0]}
        if method == "PATCH" and path[:3] == ["sobjects", "Task", EXTERNAL_ID] and len(path) == 4:
            task, created = upsert_task(path[3], json.loads(self.received))
            body = {"id": task, "success": True, "errors": [], "created": created}
            return (201 if created else 200), body
        if method == "PATCH" and path[:2] == ["sobjects", "Contact"] and path[2] in org.contacts:
            fields = json.loads(self.received)
            check(fields, CONTACT, None)
            org.contacts[path[2]].update(fields)
            return 204, None
        if method == "PATCH" and path == ["composite", "sobjects", "Lead", EXTERNAL_ID]:
            return 200, self.collection(json.loads(self.received))
        raise Refused(404, "NOT_FOUND", "The requested resource does not exist")

    def collection(self, body):
        records = body.get("records", [])
        if not 0 < len(records) <= 200:
            raise Refused(400, "EXCEEDED_MAX_ITEMS", "at most 200 records")
        results = []
        for record in records:
            fields = {name: value for name, value in record.items()
                      if name not in ("attributes", EXTERNAL_ID)}
            try:
                lead, created = upsert(record[EXTERNAL_ID], fields)
                results.append({"id": lead, "success": True, "errors": [], "created": created})
            except Refused as refused:
                results.append(refused.result())
        return results

    def test(self, order):
        with org.lock:
            match order["do"]:
                case "records":
                    return {"leads": list(org.leads.values()), "contacts": list(org.contacts.values()),
                            "tasks": list(org.tasks.values())}
                case "set":
                    lead = org.of(order["id"])[0]
                    lead.update(order["fields"], SystemModstamp=org.stamp())
                case "convert":
                    lead = org.of(order["id"])[0]
                    contact = {"Id": org.new_id("003"), "LastName": lead["LastName"]}
                    org.contacts[contact["Id"]] = contact
                    lead.update(IsConverted=True, ConvertedContactId=contact["Id"],
                                Status="Closed - Converted", SystemModstamp=org.stamp())
                case "copy":
                    lead = dict(org.of(order["id"])[0], Id=org.new_id("00Q"))
                    org.leads[lead["Id"]] = lead
                case "expire":
                    org.tokens.clear()
                case "fail":
                    org.faults += [order["with"]] * order.get("times", 1)
        return {}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
