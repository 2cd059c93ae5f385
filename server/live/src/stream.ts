import type { History, Snapshot } from "./snapshot";

const retryTime = 3000; // ms

export interface Events {
  history(h: History): void;
  snapshot(s: Snapshot): void;
  lost(): void;
}

// follow reads the history and then a snapshot each second, for as long as the page is open. After a loss it begins again.
export function follow(events: Events): void {
  let silence = 0;
  const begin = async () => {
    try {
      const response = await fetch("live/history");
      if (!response.ok) {
        throw new Error(`status ${response.status}`);
      }
      events.history(await response.json() as History);
    } catch {
      events.lost();
      setTimeout(begin, retryTime);
      return;
    }
    const source = new EventSource("live");
    const again = () => {
      clearTimeout(silence);
      source.close();
      events.lost();
      setTimeout(begin, retryTime);
    };
    const expect = () => {
      clearTimeout(silence);
      silence = setTimeout(again, 2 * retryTime); // a server that hangs closes nothing
    };
    source.onmessage = (event) => {
      expect();
      events.snapshot(JSON.parse(event.data as string) as Snapshot);
    };
    source.onerror = again;
    expect();
  };
  void begin();
}
