#!/bin/sh
# Before the removal: dpkg calls it with "remove", rpm with 0. An upgrade leaves the service alone.
set -e
case "${1:-}" in
remove | 0)
  if [ -d /run/systemd/system ]; then
    systemctl disable --now throng.service
  fi
  ;;
esac
