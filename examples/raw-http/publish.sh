#!/bin/sh
# publish.sh ROOM TEXT: publishes {"text": TEXT}. TEXT may not contain quotes or backslashes: a real program encodes JSON.
set -eu
reply=$(curl --silent --show-error --max-time 10 -H "X-API-Key: $THRONG_API_KEY" \
  -d "{\"channel\":\"$1\",\"data\":{\"text\":\"$2\"}}" "${THRONG:-http://127.0.0.1:3000}/api/publish")
echo "$reply"
case $reply in
*'"error":'*) exit 1 ;; # the HTTP status of an error is 200, so the body decides
esac
