"""Peer uws: uWebSockets (C++) in the Python package socketify: subscribe on open, publish to the topic."""

import signal
import sys

from socketify import App, AppOptions, CompressOptions

TOPIC = "room"
DEFLATE = "--deflate" in sys.argv


def on_open(ws):
    ws.subscribe(TOPIC)


def on_message(ws, message, opcode):
    ws.publish(TOPIC, message, opcode, DEFLATE)


def main():
    host, port = sys.argv[sys.argv.index("--listen") + 1].rsplit(":", 1)
    options = {sys.argv[i]: sys.argv[i + 1] for i in range(1, len(sys.argv) - 1, 2)}
    tls = None
    if "--tls-cert" in options:
        tls = AppOptions(cert_file_name=options["--tls-cert"], key_file_name=options["--tls-key"])
    app = App(tls)
    app.ws(
        "/ws",
        {
            "compression": CompressOptions.SHARED_COMPRESSOR if DEFLATE else CompressOptions.DISABLED,
            "max_payload_length": 64 * 1024,
            "max_backpressure": 1024 * 1024,
            "idle_timeout": 120,
            "open": on_open,
            "message": on_message,
        },
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app.listen({"host": host, "port": int(port)}, lambda _: print("ready", flush=True))
    app.run()


main()
