#!/bin/sh
# After the removal. The data of rooms (/var/lib/throng) and the logs (/var/log/throng) stay, also after dpkg --purge: only the administrator
# deletes them.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
