"""Signs a message as the standardwebhooks library does.

    sign_webhook.py SECRET ID BODY [SECONDS_AGO]

Prints the headers as JSON.
"""

import json
import sys
from datetime import datetime, timedelta, timezone

from standardwebhooks import Webhook

secret, message_id, body = sys.argv[1:4]
at = datetime.now(timezone.utc) - timedelta(seconds=int(sys.argv[4]) if len(sys.argv) > 4 else 0)
print(json.dumps({
    "webhook-id": message_id,
    "webhook-timestamp": str(int(at.timestamp())),
    "webhook-signature": Webhook(secret).sign(message_id, at, body),
}))
