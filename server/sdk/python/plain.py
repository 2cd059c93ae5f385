"""Plain clients: plain.py URL CLIENTS MESSAGES. Prints the extension of each, then what each received, as JSON.

The second half of them have a window of 4 KiB.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

url, clients, messages = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


async def main():
    small = [ClientPerMessageDeflateFactory(server_max_window_bits=12)]
    kinds = [{}] * (clients // 2) + [{"extensions": small}] * (clients // 2)
    sockets = [await connect(url, proxy=None, **kind) for kind in kinds]
    print(json.dumps([s.response.headers.get("Sec-WebSocket-Extensions") for s in sockets]), flush=True)

    async def received(socket):
        return [await socket.recv() for _ in range(messages)]

    print(json.dumps(await asyncio.gather(*map(received, sockets))), flush=True)


asyncio.run(main())
