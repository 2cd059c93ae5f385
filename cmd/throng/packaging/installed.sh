#!/bin/sh
# After the installation or an upgrade, of the .deb and of the .rpm. The administrator enables the service. A service that runs restarts
# with the new binary.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart throng.service
fi
