"""Reads an export of the ledger with other people's readers: the sums by account and asset as JSON.

read_export.py beancount FILE    by Beancount's loader, which checks the journal as bean-check does
read_export.py parquet FILE      by Apache Arrow; the schema comes with it
"""

import json
import sys
from collections import defaultdict
from decimal import Decimal


def beancount(path):
    from beancount import loader
    from beancount.core.data import Open, Transaction

    entries, errors, _options = loader.load_file(path)
    sums = {entry.account: {} for entry in entries if isinstance(entry, Open)}
    for entry in entries:
        for posting in entry.postings if isinstance(entry, Transaction) else []:
            held, (number, asset) = sums[posting.account], posting.units
            held[asset] = held.get(asset, Decimal()) + number
    told = {account: {k: str(v) for k, v in held.items()} for account, held in sums.items()}
    return {"errors": [error.message for error in errors], "sums": told}


def parquet(path):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    sums = defaultdict(lambda: defaultdict(Decimal))
    for row in table.to_pylist():
        name = f"{row['owner_kind']}/{row['owner']}/{row['account']}"
        sums[name][row["asset"]] += Decimal(row["amount_minor"]).scaleb(-row["scale"])
    told = {name: {k: str(v) for k, v in held.items()} for name, held in sums.items()}
    schema = {field.name: str(field.type) for field in table.schema}
    return {"rows": table.num_rows, "schema": schema, "sums": told}


print(json.dumps({"beancount": beancount, "parquet": parquet}[sys.argv[1]](sys.argv[2])))
