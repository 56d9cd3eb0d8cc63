"""Holds the Salesforce simulator to what simple-salesforce, a client of the real one, expects.

    salesforce_client.py URL

Prints what it saw as JSON. simple-salesforce speaks to https://….my.salesforce.com; an adapter of
its HTTP session takes that to URL.
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed, SalesforceError, SalesforceExpiredSession,
    SalesforceMalformedRequest, SalesforceMoreThanOneRecord, SalesforceRefusedRequest,
    SalesforceResourceNotFound)

url = sys.argv[1]
seen = {}


class ToSimulator(HTTPAdapter):
    def send(self, request, **arguments):
        there = request.url.split("/", 3)
        request.url = f"{url}/{there[3]}"
        return super().send(request, **arguments)


def simulator(**order):
    requests.post(f"{url}/_sim", json=order, timeout=10)


def error(call):
    try:
        call()
    except SalesforceError as refused:
        content = refused.content
        code = content[0]["errorCode"] if isinstance(content[0], dict) else "list"
        return [type(refused).__name__, refused.status, code]
    return None


session = requests.Session()
session.mount("https://", ToSimulator())
try:
    SalesforceLogin(consumer_key="tallystick", consumer_secret="wrong", domain="sim.my", session=session)
except SalesforceAuthenticationFailed as refused:
    seen["wrong secret"] = refused.code
token, instance = SalesforceLogin(
    consumer_key="tallystick", consumer_secret="sim-secret", domain="sim.my", session=session)
sf = Salesforce(session_id=token, instance="sim.my.salesforce.com", session=session, version="62.0")
person = {"LastName": "Test", "Company": "Test", "Tallystick_Revision__c": 2}
at = "Tallystick_Id__c/sf-1"
seen["created"] = sf.Lead.upsert(at, person)
seen["updated"] = sf.Lead.upsert(at, {**person, "Email": "a@customer.invalid"})
seen["read"] = sf.Lead.get_by_custom_id("Tallystick_Id__c", "sf-1")["Email"]
seen["query"] = [
    row["Tallystick_Id__c"]
    for row in sf.query("SELECT Id, Tallystick_Id__c FROM Lead WHERE Tallystick_Id__c = 'sf-1' LIMIT 1")["records"]]
seen["older revision"] = error(lambda: sf.Lead.upsert(at, {**person, "Tallystick_Revision__c": 1}))
seen["id in body"] = error(lambda: sf.Lead.upsert(at, {**person, "Tallystick_Id__c": "sf-1"}))
seen["required"] = error(lambda: sf.Lead.upsert("Tallystick_Id__c/sf-2", {"LastName": "Test"}))
seen["unknown field"] = error(lambda: sf.Lead.upsert(at, {**person, "Nmae": "x"}))
seen["not there"] = error(lambda: sf.Lead.get_by_custom_id("Tallystick_Id__c", "sf-none"))
seen["bad query"] = error(lambda: sf.query("SELECT everything"))
seen["collection"] = [
    {name: result.get(name) for name in ("success", "created")}
    for result in sf.restful(
        "composite/sobjects/Lead/Tallystick_Id__c", method="PATCH",
        data=json.dumps({"allOrNone": False, "records": [
            {"attributes": {"type": "Lead"}, "Tallystick_Id__c": "sf-1", **person},
            {"attributes": {"type": "Lead"}, "Tallystick_Id__c": "sf-3", **person},
            {"attributes": {"type": "Lead"}, "Tallystick_Id__c": "sf-4", "LastName": "Test"}]}))]
task = {"Subject": "Call", "ActivityDate": "2026-12-01", "Status": "Not Started",
        "WhoId": sf.Lead.get_by_custom_id("Tallystick_Id__c", "sf-1")["Id"], "Tallystick_Revision__c": 2}
seen["task"] = [sf.Task.upsert("Tallystick_Id__c/t-1", task), sf.Task.upsert("Tallystick_Id__c/t-1", task)]
seen["task of nobody"] = error(lambda: sf.Task.upsert("Tallystick_Id__c/t-2", {**task, "WhoId": "00Q0"}))
seen["older task"] = error(
    lambda: sf.Task.upsert("Tallystick_Id__c/t-1", {**task, "Tallystick_Revision__c": 1}))
simulator(do="fail", **{"with": "duplicate"})
seen["duplicate"] = error(lambda: sf.Lead.upsert("Tallystick_Id__c/sf-5", person))
simulator(do="fail", **{"with": "limit"})
seen["limit"] = error(lambda: sf.Lead.upsert(at, person))
simulator(do="copy", id="sf-3")
seen["two of them"] = error(lambda: sf.Lead.upsert("Tallystick_Id__c/sf-3", person))
simulator(do="convert", id="sf-1")
seen["converted"] = error(lambda: sf.Lead.upsert(at, person))
seen["usage"] = sf.api_usage["api-usage"].total
simulator(do="expire")
seen["expired"] = error(lambda: sf.Lead.upsert(at, person))
print(json.dumps(seen))
