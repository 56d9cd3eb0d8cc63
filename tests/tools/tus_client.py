"""Uploads a file as any client of the protocol does (tuspy), in parts, broken off and resumed.

    tus_client.py URL TOKEN FILE DATE [CHARSET]

Prints, as JSON, where the upload is, what the server keeps of it in between, and what a client finds
that sends a part whose checksum does not fit.
"""

import base64
import json
import os
import sys

import requests
from tusclient import client

if len(sys.argv) not in (5, 6):
    sys.exit(__doc__)
url, token, path, date, *rest = sys.argv[1:]
authorization = {"Authorization": f"Bearer {token}"}
tus = client.TusClient(f"{url}/v1/uploads", headers=authorization)
metadata = {"filename": os.path.basename(path), "business_date": date}
if rest:
    metadata["charset"] = rest[0]
size = os.path.getsize(path)
chunk = size // 5 + 1

first = tus.uploader(path, chunk_size=chunk, metadata=metadata, upload_checksum=True)
first.upload_chunk()
first.upload_chunk()

# A part that was damaged on its way is not kept.
damaged = requests.patch(
    first.url,
    data=b"damaged",
    headers=authorization
    | {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": str(first.offset),
        "Content-Type": "application/offset+octet-stream",
        "Upload-Checksum": "sha1 " + base64.b64encode(b"0" * 20).decode(),
    },
)

# Another process finds where the first one stopped.
second = tus.uploader(path, chunk_size=chunk, upload_checksum=True)
second.set_url(first.url)
second.offset = second.get_offset()
resumed_at = second.offset
second.upload()

print(
    json.dumps(
        {
            "url": first.url,
            "stopped_at": first.offset,
            "resumed_at": resumed_at,
            "damaged": damaged.status_code,
            "offset": second.get_offset(),
            "size": size,
        }
    )
)
