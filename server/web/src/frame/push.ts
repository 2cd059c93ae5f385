// Web Push: notifications while the page is closed. docs/chat.md describes the commands.
import type { Connection } from "../net/connection";

// The file of the worker is code, so a browser with trusted types wants to know from whom its name comes. The policy of the page allows
// this one maker of names, which makes one name.
const workerFile = "worker.js";

interface Factory { createPolicy(name: string, rules: { createScriptURL(text: string): string }): { createScriptURL(text: string): string } }

function workerUrl(): string {
  const { trustedTypes } = window as unknown as { trustedTypes?: Factory };
  const url = new URL(workerFile, document.baseURI).href;
  return trustedTypes?.createPolicy("worker", { createScriptURL: () => url }).createScriptURL("") ?? url;
}

let worker: Promise<ServiceWorkerRegistration> | undefined;

function registration(): Promise<ServiceWorkerRegistration> {
  return worker ??= navigator.serviceWorker.register(workerUrl());
}

// canPush reports whether the server and the browser have Web Push.
export function canPush(): boolean {
  return document.documentElement.dataset["push"] !== undefined && "serviceWorker" in navigator && "PushManager" in window;
}

// isPushed reports whether this browser has a subscription.
export async function isPushed(): Promise<boolean> {
  return canPush() && Notification.permission === "granted" && await (await registration()).pushManager.getSubscription() !== null;
}

// push subscribes this browser for the reader. It asks for the permission if there is none: call it on a click, and at each start of the
// page of a browser that is subscribed, because a push service may replace a subscription.
export async function push(connection: Connection): Promise<void> {
  const { key } = await connection.call("rpc", { method: "push_key", data: null }).then(({ data }) => data as { key: string });
  const { pushManager } = await registration();
  const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  await connection.call("rpc", { method: "push_subscribe", data: subscription.toJSON() });
}

// unpush ends it.
export async function unpush(connection: Connection): Promise<void> {
  const subscription = await (await registration()).pushManager.getSubscription();
  if (subscription !== null) {
    await connection.call("rpc", { method: "push_unsubscribe", data: { endpoint: subscription.endpoint } });
    await subscription.unsubscribe();
  }
}
