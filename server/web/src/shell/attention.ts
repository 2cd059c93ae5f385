// What draws the attention of a reader who looks elsewhere: the title and the icon of the page, and notifications.
import type { Message } from "../room/message";
import type { Room } from "../room/room";
import type { Rooms } from "../room/rooms";
import { byId, icon } from "../ui/dom";
import { store, stored } from "../ui/storage";
import { t } from "../words/words";
import { authorOf } from "./lines";

const alertsKey = "throng.alerts";
const dot = "data:image/svg+xml," + encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#14211d"/><circle cx="12" cy="12" r="7" fill="#ffd640"/></svg>`,
);

export class Attention {
  readonly #rooms: Rooms;
  readonly #open: (room: Room) => void;
  readonly #plainIcon = byId("icon").href;
  readonly #button = byId("alerts");

  constructor(rooms: Rooms, open: (room: Room) => void) {
    this.#rooms = rooms;
    this.#open = open;
    rooms.onChange(() => this.show());
    this.#button.hidden = !("Notification" in window) || !isSecureContext;
    this.#button.addEventListener("click", () => void this.#toggle());
    this.#showButton();
    if ("serviceWorker" in navigator) {
      navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<{ throng?: unknown; room?: unknown } | null>) => {
        if (data?.throng === "open" && typeof data.room === "string") {
          open(rooms.add(data.room)); // the reader clicked on a notification of the worker
        }
      });
    }
  }

  get #isOn(): boolean {
    return "Notification" in window && Notification.permission === "granted" && stored("localStorage", alertsKey) === "on";
  }

  // show writes what is unread into the title and the icon.
  show(): void {
    const all = this.#rooms.all;
    const mentions = all.reduce((sum, room) => sum + room.mentions, 0);
    const unread = all.reduce((sum, room) => sum + (room.muted ? 0 : room.unread), 0);
    const count = mentions > 0 ? `(${mentions}) ` : unread > 0 ? "• " : "";
    document.title = `${count}${this.#rooms.current.heading} · throng`;
    const wanted = mentions > 0 ? dot : this.#plainIcon;
    if (byId("icon").href !== wanted) {
      byId("icon").href = wanted;
    }
    const elsewhere = mentions - this.#rooms.current.mentions;
    byId("elsewhere").textContent = String(elsewhere);
    byId("elsewhere").hidden = elsewhere === 0;
    byId("back").ariaLabel = elsewhere === 0 ? t("rooms") : t("rooms.mentions", { n: elsewhere });
  }

  // notify shows a message that is for the reader, unless the reader looks at the page.
  notify(room: Room, m: Message, text: string): void {
    if (!this.#isOn || room.muted || document.visibilityState === "visible" && document.hasFocus()) {
      return;
    }
    const notification = new Notification(`${authorOf(m)} · ${room.heading}`, { body: text.slice(0, 200), tag: `throng:${room.name}` });
    notification.addEventListener("click", () => {
      window.focus();
      this.#open(room);
      notification.close();
    });
  }

  async #toggle(): Promise<void> {
    const wasOn = this.#isOn;
    if (!wasOn && await Notification.requestPermission() !== "granted") {
      this.#showButton();
      return;
    }
    store("localStorage", alertsKey, wasOn ? "" : "on");
    this.#showButton();
  }

  #showButton(): void {
    const isOn = this.#isOn;
    this.#button.replaceChildren(icon(isOn ? "alert" : "quiet"));
    this.#button.ariaLabel = this.#button.title = t(isOn ? "alerts.on" : "alerts.off");
    this.#button.ariaPressed = String(isOn);
  }
}
