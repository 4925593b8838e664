"""Sends a signed request with Python 3, and prints the status:

LATCHKEY_URL=… LATCHKEY_TOKEN=… python3 sign.py GET '/api/repos?limit=5'
LATCHKEY_URL=… LATCHKEY_TOKEN=… python3 sign.py POST /api/repos '{"name":"acme/api"}'
"""

import hashlib
import hmac
import os
import secrets
import sys
import time
import urllib.error
import urllib.request


def sign(token: str, method: str, path: str, body: bytes = b"") -> dict[str, str]:
    timestamp = str(int(time.time() * 1000))
    nonce = secrets.token_hex(16)
    body_hash = hashlib.sha256(body).hexdigest()
    signed = f"{timestamp}:{nonce}:{method}:{path}:{body_hash}"
    signature = hmac.new(token.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return {"x-cli-signature": signature, "x-cli-timestamp": timestamp, "x-cli-nonce": nonce}


def main() -> None:
    method, path, *rest = sys.argv[1:]
    body = rest[0].encode() if rest else b""
    token = os.environ["LATCHKEY_TOKEN"]
    headers = {"authorization": f"Bearer {token}", **sign(token, method, path, body)}
    if body:
        headers["content-type"] = "application/json"
    request = urllib.request.Request(
        os.environ["LATCHKEY_URL"] + path, data=body or None, headers=headers, method=method
    )
    try:
        with urllib.request.urlopen(request) as response:
            print(response.status)
    except urllib.error.HTTPError as error:
        print(error.code)


main()
