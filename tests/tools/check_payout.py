"""A payment order to the bank, read by somebody else's schema and validator.

check_payout.py FILE

Validates pain.001.001.09 by the published schema of ISO 20022 (as sepaxml ships it, with xmlschema), and
prints what a bank would pay.
"""

import json
import sys
from importlib.resources import files

import xmlschema

schema = xmlschema.XMLSchema(str(files("sepaxml") / "schemas" / "pain.001.001.09.xsd"))
schema.validate(sys.argv[1])
order = schema.to_dict(sys.argv[1], decimal_type=str)["CstmrCdtTrfInitn"]
payment = order["PmtInf"][0]
transfer = payment["CdtTrfTxInf"][0]
print(json.dumps({
    "message": order["GrpHdr"]["MsgId"],
    "sum": order["GrpHdr"]["CtrlSum"],
    "amount": transfer["Amt"]["InstdAmt"]["$"],
    "currency": transfer["Amt"]["InstdAmt"]["@Ccy"],
    "from": payment["DbtrAcct"]["Id"]["Othr"]["Id"],
    "to": transfer["CdtrAcct"]["Id"]["Othr"]["Id"],
    "bank": transfer["CdtrAgt"]["FinInstnId"]["ClrSysMmbId"]["MmbId"],
    "holder": transfer["Cdtr"]["Nm"],
    "end_to_end": transfer["PmtId"]["EndToEndId"],
    "day": payment["ReqdExctnDt"]["Dt"],
}))
