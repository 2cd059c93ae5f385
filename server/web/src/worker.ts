// worker.js: the service worker, which shows Web Push notifications while the page is closed. It is a bundle of its own. docs/chat.md has
// the data of a push.

interface RoomNews {
  unread: number;
  mentions?: number;
  last?: { text?: string; user?: string; info?: { name?: unknown } | null };
}

// The types of service workers are not in the library of pages: these are the parts in use.
interface Waiting extends Event { waitUntil(done: Promise<unknown>): void }
interface PushNews extends Waiting { data: { json(): unknown } | null }
interface Click extends Waiting { notification: Notification }
interface PageOfWorker { url: string; frameType: string; focus(): Promise<unknown>; postMessage(message: unknown): void }
interface WorkerScope {
  registration: ServiceWorkerRegistration;
  clients: {
    matchAll(options: { type: "window"; includeUncontrolled: boolean }): Promise<PageOfWorker[]>;
    openWindow(url: string): Promise<unknown>;
  };
  addEventListener(type: "push", listener: (event: PushNews) => void): void;
  addEventListener(type: "notificationclick", listener: (event: Click) => void): void;
}

const scope = self as unknown as WorkerScope;

scope.addEventListener("push", (event) => {
  const { channels = {} } = event.data?.json() as { channels?: Record<string, RoomNews> };
  event.waitUntil(Promise.all(Object.entries(channels).map(([room, news]) => show(room, news))));
});

// show has one notification for each room: a later one replaces it. A title and a number need no words of a language.
function show(room: string, { unread, last }: RoomNews): Promise<void> {
  const name = last?.info?.name;
  const author = typeof name === "string" ? name : last?.user ?? "";
  const text = last?.text ?? "";
  return scope.registration.showNotification(unread > 1 ? `${room} (${unread})` : room, {
    tag: room,
    body: author === "" ? text : `${author}: ${text}`,
    icon: new URL("favicon.svg", scope.registration.scope).href,
    data: room,
  });
}

scope.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(String(event.notification.data)));
});

// open shows the room in a window of the page that is there, or in a new one. The page changes its room without a reload: what was written is
// kept. A frame of another site and a screen (?view=1) are no windows for that.
async function open(room: string): Promise<void> {
  const url = new URL(scope.registration.scope);
  const { href } = url;
  const all = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
  const [page] = all.filter((w) => w.frameType === "top-level" && w.url.split(/[?#]/u, 1)[0] === href && !/[?&](?:view|clear)=/u.test(w.url));
  if (page === undefined) {
    url.searchParams.set("room", room);
    await scope.clients.openWindow(url.href);
    return;
  }
  page.postMessage({ throng: "open", room });
  await page.focus();
}
export {};
