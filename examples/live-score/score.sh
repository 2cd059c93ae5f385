#!/bin/sh
# score.sh HOME AWAY: publishes a score. A score with an older version is dropped, so two calls cannot change places.
set -eu
reply=$(curl --silent --show-error --max-time 10 -H "X-API-Key: $THRONG_API_KEY" \
  -d "{\"channel\":\"score\",\"data\":{\"home\":$1,\"away\":$2},\"version\":$(date +%s%N)}" "${THRONG:-http://127.0.0.1:3000}/api/publish")
echo "$reply"
case $reply in
*'"error":'*) exit 1 ;;
esac
