// The part of the SDK protocol that the page uses, in its JSON encoding. Types only.

// ClientInfo describes a client. The server fills it in, except for conn_info, which is the claim "info" of the client's token.
export interface ClientInfo {
  client: string;
  user?: string;
  conn_info?: { name?: unknown } | null;
}

export interface Publication {
  data: unknown; // from another client: any JSON value
  info?: ClientInfo; // absent where a plain client or the server published
  offset?: number; // absent where the room has no history
  time?: number; // ms since 1970; absent where it is published now
}

export interface Unsubscribe {
  code: number;
  reason: string;
}

// Push is what the server sends about one room. It has one of the optional fields.
export interface Push {
  channel?: string; // absent in a message
  pub?: Publication;
  join?: { info?: ClientInfo };
  leave?: { info?: ClientInfo };
  unsubscribe?: Unsubscribe;
  message?: { data: unknown }; // from the server to this user, in no room
}

export interface ErrorReply {
  code: number;
  message: string;
  temporary?: boolean;
}

// Methods has the parameters and the result of each command.
export interface Methods {
  connect: { params: { token: string; name: string }; result: { client: string; ping?: number; ttl?: number } }; // ping, ttl: s
  refresh: { params: { token: string }; result: { ttl?: number } };
  subscribe: { params: SubscribeRequest; result: SubscribeResult };
  publish: { params: { channel: string; data: unknown }; result: object };
  unsubscribe: { params: { channel: string }; result: object };
  history: { params: HistoryRequest; result: { publications?: Publication[]; epoch?: string; offset?: number } };
  presence: { params: { channel: string }; result: { presence?: Record<string, ClientInfo> } };
  presence_stats: { params: { channel: string }; result: { num_clients?: number } };
  rpc: { params: { method: string; data: unknown }; result: { data?: unknown } };
}

export interface HistoryRequest {
  channel: string;
  limit: number;
  reverse: boolean;
  since?: { epoch: string; offset: number };
}

export interface SubscribeRequest {
  channel: string;
  recoverable?: boolean;
  recover?: boolean;
  epoch?: string;
  offset?: number;
}

export interface SubscribeResult {
  recoverable?: boolean;
  recovered?: boolean;
  epoch?: string;
  offset?: number;
  publications?: Publication[];
}

// Reply is one line from the server that is not a ping: a push, or the reply to the command with this id.
export type Reply = { id: number; push?: Push; error?: ErrorReply } & { [M in keyof Methods]?: Methods[M]["result"] };
