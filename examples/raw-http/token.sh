#!/bin/sh
# token.sh USER: prints a connection token, valid for 10 minutes.
set -eu
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
body=$(printf '{"alg":"HS256"}' | base64url).$(printf '{"sub":"%s","exp":%d}' "$1" "$(($(date +%s) + 600))" | base64url)
printf '%s.%s\n' "$body" "$(printf '%s' "$body" | openssl dgst -sha256 -hmac "$THRONG_TOKEN_HMAC_SECRET" -binary | base64url)"
