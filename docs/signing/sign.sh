#!/usr/bin/env bash
# Sends a signed request with curl and openssl, and prints the status:
#   LATCHKEY_URL=… LATCHKEY_TOKEN=… bash sign.sh GET '/api/repos?limit=5'
#   LATCHKEY_URL=… LATCHKEY_TOKEN=… bash sign.sh POST /api/repos '{"name":"acme/api"}'
set -euo pipefail
method=$1 path=$2 body=${3:-}

timestamp=$(date +%s)000
nonce=$(openssl rand -hex 16)
body_hash=$(printf '%s' "$body" | openssl dgst -sha256 -r | cut -d' ' -f1)
# openssl takes the key as an argument: on a machine that you share, others can see it for a moment. Use another helper.
signature=$(printf '%s' "$timestamp:$nonce:$method:$path:$body_hash" |
  openssl dgst -sha256 -r -mac HMAC -macopt "hexkey:$(printf '%s' "$LATCHKEY_TOKEN" | od -An -tx1 -v | tr -d ' \n')" | cut -d' ' -f1)

arguments=(--silent --output /dev/null --write-out '%{http_code}\n' --request "$method")
[ -z "$body" ] || arguments+=(--header 'content-type: application/json' --data-binary "$body")
curl "${arguments[@]}" --config - "$LATCHKEY_URL$path" <<EOF
header = "authorization: Bearer $LATCHKEY_TOKEN"
header = "x-cli-signature: $signature"
header = "x-cli-timestamp: $timestamp"
header = "x-cli-nonce: $nonce"
EOF
