"""Works the Python SDK, and cent, for the scenarios: commands come as lines of JSON, answers and what the SDK tells of by itself go as lines.

The same for JavaScript is driver.js.
"""

import asyncio
import itertools
import json
import sys

from centrifuge import (
    CentrifugeError,
    Client,
    ClientEventHandler,
    DeltaType,
    ReplyError,
    StreamPosition,
    SubscriptionEventHandler,
)

from api import Api


def tell(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def position_of(position):
    return position and {"offset": position.offset, "epoch": position.epoch}


class Member:
    def __init__(self, name, url, protobuf, asks=False):
        self.name = name
        self.protobuf = protobuf
        self.asks = itertools.count()
        self.asked = {}  # for tokens, and not answered yet
        self.client = Client(
            url,
            events=ClientEvents(self),
            get_token=self.get_token if asks else None,
            use_protobuf=protobuf,
            min_reconnect_delay=0.05,
            max_reconnect_delay=0.5,
            timeout=30,  # seconds for a reply; the 5 s of the SDK are too short for a machine that runs all drivers at once
            max_server_ping_delay=10,
            proxy=None,
        )

    def emit(self, type_, **fields):
        tell({"member": self.name, "event": {"type": type_, **{k: v for k, v in fields.items() if v is not None}}})

    async def get_token(self, channel=None):
        """The scenario says which."""
        ask = next(self.asks)
        self.asked[ask] = asyncio.get_running_loop().create_future()
        self.emit("getToken", channel=channel, ask=ask)
        return await self.asked[ask]

    async def answer(self, ask, token):
        if token is None:
            self.asked.pop(ask).set_exception(RuntimeError("no token to be had"))
        else:
            self.asked.pop(ask).set_result(token)

    # With Protobuf, data is bytes to the SDK.
    def encode(self, data):
        return json.dumps(data).encode() if self.protobuf else data

    def decode(self, data):
        return json.loads(data) if isinstance(data, bytes) else data

    def emit_publication(self, type_, channel, pub):
        # The SDK has 0 where there is no offset.
        self.emit(type_, channel=channel, data=self.decode(pub.data), offset=pub.offset or None,
                  user=pub.info and pub.info.user, client=pub.info and pub.info.client, tags=pub.tags or None)

    async def connect(self):
        await self.client.connect()

    async def disconnect(self):
        await self.client.disconnect()

    async def subscribe(self, channel, asks=False, delta=False, getState=False, recoverable=False, positioned=False, joinLeave=False):
        async def get_state(channel):
            self.emit("getState", channel=channel)
            result = await self.client.history(channel, limit=0)
            return StreamPosition(offset=result.offset, epoch=result.epoch)

        sub = self.client.new_subscription(
            channel,
            events=SubscriptionEvents(self, channel),
            get_token=self.get_token if asks else None,
            delta=DeltaType.FOSSIL if delta else None,
            get_state=get_state if getState else None,
            recoverable=recoverable,
            positioned=positioned,
            join_leave=joinLeave,
            min_resubscribe_delay=0.05,
            max_resubscribe_delay=0.5,
        )
        await sub.subscribe()

    async def unsubscribe(self, channel):
        await self.client.get_subscription(channel).unsubscribe()

    async def publish(self, channel, data):
        await self.client.publish(channel, self.encode(data))

    async def rpc(self, method, data):
        result = await self.client.rpc(method, self.encode(data))
        return {"data": self.decode(result.data)}

    async def presence(self, channel):
        result = await self.client.presence(channel)
        return {"list": [{"user": info.user, "client": info.client} for info in result.clients.values()]}

    async def presenceStats(self, channel):
        result = await self.client.presence_stats(channel)
        return {"numClients": result.num_clients, "numUsers": result.num_users}

    async def history(self, channel, limit=0, since=None, reverse=False):
        result = await self.client.history(channel, limit=limit, since=since and StreamPosition(**since), reverse=reverse)
        return {
            "publications": [{"data": self.decode(pub.data), "offset": pub.offset} for pub in result.publications],
            "offset": result.offset,
            "epoch": result.epoch,
        }


class ClientEvents(ClientEventHandler):
    def __init__(self, member):
        self.member = member

    async def on_connecting(self, ctx):
        self.member.emit("connecting", code=ctx.code)

    async def on_connected(self, ctx):
        self.member.emit("connected", client=ctx.client)

    async def on_disconnected(self, ctx):
        self.member.emit("disconnected", code=ctx.code)

    async def on_error(self, ctx):
        self.member.emit("server-error", code=getattr(ctx.error, "code", ctx.code))

    async def on_subscribing(self, ctx):
        self.member.emit("server-subscribing", channel=ctx.channel)

    async def on_subscribed(self, ctx):
        self.member.emit("server-subscribed", channel=ctx.channel, recovered=ctx.recovered, wasRecovering=ctx.was_recovering,
                         position=position_of(ctx.stream_position))

    async def on_unsubscribed(self, ctx):
        self.member.emit("server-unsubscribed", channel=ctx.channel)

    async def on_publication(self, ctx):
        self.member.emit_publication("server-publication", ctx.channel, ctx.pub)

    async def on_join(self, ctx):
        self.member.emit("server-join", channel=ctx.channel, user=ctx.info.user, client=ctx.info.client)

    async def on_leave(self, ctx):
        self.member.emit("server-leave", channel=ctx.channel, user=ctx.info.user, client=ctx.info.client)


class SubscriptionEvents(SubscriptionEventHandler):
    def __init__(self, member, channel):
        self.member = member
        self.channel = channel

    async def on_subscribing(self, ctx):
        self.member.emit("subscribing", channel=self.channel, code=ctx.code)

    async def on_subscribed(self, ctx):
        self.member.emit("subscribed", channel=self.channel, recovered=ctx.recovered, wasRecovering=ctx.was_recovering,
                         position=position_of(ctx.stream_position))

    async def on_unsubscribed(self, ctx):
        self.member.emit("unsubscribed", channel=self.channel, code=ctx.code)

    async def on_publication(self, ctx):
        self.member.emit_publication("publication", self.channel, ctx.pub)

    async def on_join(self, ctx):
        self.member.emit("join", channel=self.channel, user=ctx.info.user, client=ctx.info.client)

    async def on_leave(self, ctx):
        self.member.emit("leave", channel=self.channel, user=ctx.info.user, client=ctx.info.client)

    async def on_error(self, ctx):
        self.member.emit("error", channel=self.channel, code=getattr(ctx.error, "code", ctx.code))


async def perform(members, id_, name, command, args):
    try:
        if command == "open":
            members[name] = (Api if "key" in args else Member)(name, **args)
            result = None
        else:
            result = await getattr(members[name], command)(**args)
        tell({"id": id_, "result": result})
    except ReplyError as error:
        tell({"id": id_, "error": {"code": error.code, "message": error.message}})
    except CentrifugeError as error:
        tell({"id": id_, "error": {"message": repr(error)}})
    except Exception as error:  # the scenario is to fail with it, not to wait for an answer
        tell({"id": id_, "error": {"message": f"driver: {error!r}"}})


async def main():
    lines = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    members, tasks = {}, set()
    while line := await lines.readline():
        request = json.loads(line)
        task = asyncio.create_task(perform(members, request["id"], request["member"], request["command"], request["args"]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
