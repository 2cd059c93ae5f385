// driver works the JavaScript SDK for the scenarios, in Node and in a page: perform(member, command, args) returns a promise,
// and what the SDK tells of by itself goes to emit(member, event). It stands alone, because a page is given its text. The same
// for Python is python/driver.py.
export function driver(sdks, websocket, emit) {
  const members = new Map();
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();

  const asked = []; // for tokens, and not answered yet

  // getToken has the scenario say which.
  function getToken(name, channel) {
    return new Promise((resolve, reject) => {
      const ask = asked.push({ resolve, reject }) - 1;
      emit(name, { type: "getToken", channel, ask });
    });
  }

  function answer({ ask, token }) {
    if (token === null) {
      asked[ask].reject(new Error("no token to be had"));
    } else {
      asked[ask].resolve(token);
    }
  }

  // url is that of a WebSocket, or a list of transports, whose commands then go to emulationEndpoint.
  function open(name, { url, emulationEndpoint, protobuf, asks }) {
    const client = new (protobuf ? sdks.protobuf : sdks.json)(url, {
      websocket,
      ...(emulationEndpoint && { emulationEndpoint }),
      minReconnectDelay: 50,
      maxReconnectDelay: 500,
      timeout: 30_000, // ms for a reply; the 5 s of the SDK are too short for a machine that runs all drivers at once
      ...(asks && { getToken: () => getToken(name) }),
    });
    // With Protobuf, data is bytes to the SDK.
    const encode = (data) => (protobuf ? encoder.encode(JSON.stringify(data)) : data);
    const decode = (data) => (protobuf && data instanceof Uint8Array ? JSON.parse(decoder.decode(data)) : data);
    members.set(name, { client, encode, decode, subs: new Map() });
    listen(client, name, decode, "server-", ["connecting", "connected", "disconnected"]);
  }

  // listen passes on what a client, or a subscription, tells.
  function listen(source, name, decode, prefix, more) {
    const pass = (type, pick) => source.on(type, (ctx) => {
      emit(name, { type: more.includes(type) ? type : prefix + type, channel: ctx.channel, ...pick(ctx) });
    });
    for (const type of more) {
      pass(type, (ctx) => ({ code: ctx.code, client: ctx.client, transport: ctx.transport }));
    }
    pass("subscribing", (ctx) => ({ code: ctx.code }));
    pass("subscribed", (ctx) => ({ recovered: ctx.recovered, wasRecovering: ctx.wasRecovering, position: ctx.streamPosition }));
    pass("unsubscribed", (ctx) => ({ code: ctx.code }));
    pass("publication", (ctx) => ({ data: decode(ctx.data), offset: ctx.offset, user: ctx.info?.user, client: ctx.info?.client, tags: ctx.tags }));
    pass("join", (ctx) => ({ user: ctx.info.user, client: ctx.info.client }));
    pass("leave", (ctx) => ({ user: ctx.info.user, client: ctx.info.client }));
    pass("error", (ctx) => ({ code: ctx.error.code }));
  }

  function subscribe(name, { channel, asks, delta, getState, ...options }) {
    const { client, decode, subs } = members.get(name);
    const sub = client.newSubscription(channel, {
      minResubscribeDelay: 50,
      maxResubscribeDelay: 500,
      ...options,
      ...(delta && { delta: "fossil" }),
      ...(asks && { getToken: () => getToken(name, channel) }),
      ...(getState && {
        getState: async () => {
          emit(name, { type: "getState", channel });
          const { offset, epoch } = await client.history(channel, { limit: 0 });
          return { offset, epoch };
        },
      }),
    });
    subs.set(channel, sub);
    listen(sub, name, decode, "", []);
    sub.subscribe();
  }

  const commands = {
    connect: ({ client }) => client.connect(),
    disconnect: ({ client }) => client.disconnect(),
    unsubscribe: ({ subs }, { channel }) => subs.get(channel).unsubscribe(),
    publish: ({ client, encode }, { channel, data }) => client.publish(channel, encode(data)),
    rpc: async ({ client, encode, decode }, { method, data }) => ({ data: decode((await client.rpc(method, encode(data))).data) }),
    presence: async ({ client }, { channel }) => {
      const { clients } = await client.presence(channel);
      return { list: Object.values(clients).map(({ user, client }) => ({ user, client })) };
    },
    presenceStats: ({ client }, { channel }) => client.presenceStats(channel),
    history: async ({ client, decode }, { channel, ...options }) => {
      const { publications, offset, epoch } = await client.history(channel, options);
      return { publications: publications.map((pub) => ({ data: decode(pub.data), offset: pub.offset })), offset, epoch };
    },
  };

  // readEvents passes on what a page hears without an SDK.
  function readEvents(name, { url }) {
    const events = new EventSource(url);
    events.onmessage = ({ data }) => emit(name, { type: "message", data: JSON.parse(data) });
    events.onerror = () => { events.close(); emit(name, { type: "closed" }); };
  }

  return async function perform(name, command, args = {}) {
    switch (command) {
      case "readEvents":
        return readEvents(name, args);
      case "open":
        return open(name, args);
      case "subscribe":
        return subscribe(name, args);
      case "answer":
        return answer(args);
    }
    return commands[command](members.get(name), args);
  };
}
