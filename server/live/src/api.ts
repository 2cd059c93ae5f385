// Requests to the admin port.

export class Failure extends Error {}

interface Reply {
  result?: unknown;
  error?: { code: number; message: string };
}

async function send(path: string, options: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Failure("the server does not answer");
  }
  if (response.ok) {
    return response;
  }
  const text = await response.text();
  try {
    const body = JSON.parse(text) as { error?: string | { message: string }; errors?: string[] };
    const error = body.errors?.join("; ") ?? (typeof body.error === "string" ? body.error : body.error?.message);
    throw new Failure(error ?? text);
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(text.trim() || `status ${response.status}`);
  }
}

const json = { "Content-Type": "application/json" };

// call calls a method of the server API.
export async function call<T>(method: string, params: unknown): Promise<T> {
  const response = await send(`live/api/${method}`, { method: "POST", headers: json, body: JSON.stringify(params) });
  const reply = await response.json() as Reply;
  if (reply.error !== undefined) {
    throw new Failure(reply.error.message);
  }
  return reply.result as T;
}

export async function post<T>(path: string): Promise<T> {
  return await (await send(path, { method: "POST", headers: json, body: "{}" })).json() as T;
}

export async function get<T>(path: string): Promise<T> {
  return await (await send(path, {})).json() as T;
}

export async function closeConnection(id: number): Promise<void> {
  await send(`connections/${id}`, { method: "DELETE" });
}

export interface Connection {
  id: number;
  address: string;
  rooms: string[];
  user?: string;
  since: string;
  received: { messages: number; bytes: number };
  sent: { messages: number; bytes: number };
  unsent_bytes: number;
}

export interface Connections {
  connections: Connection[];
  total: number;
  next?: number;
}

// connections returns the first connections of a user or of a room.
export function connections(of: "user" | "room", name: string): Promise<Connections> {
  return get(`connections?limit=50&${of}=${encodeURIComponent(name)}`);
}
