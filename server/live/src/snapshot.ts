// What the server sends, and the last 15 minutes of it.

export interface Snapshot {
  at: number;
  now: Record<string, number>;
  latency: number[] | null;
  closes: Record<string, number> | null;
  state: { word: string; reason: string; advice: string };
  server: {
    version: string; node: string; up_seconds: number; cores: number; max_connections: number; max_unsent: number;
    rooms: number; users: number; durable: boolean;
  };
  rooms: { room: string; members: number; in: number; out: number }[];
  queues: { id: number; user?: string; address: string; bytes: number; stalled_seconds: number }[];
  last_closes: { at: string; id: number; user?: string; address: string; reason: string; code?: number; text?: string }[];
  cluster?: Cluster;
  webhooks: { event: string; ok: boolean; result?: string; at?: string; failures: number }[];
}

// Cluster is what this node knows of its cluster. The plots and the other tables are those of this node alone.
export interface Cluster {
  node: string;
  size: number;
  why?: string; // it rejects publications
  nodes: { name: string; ready: boolean; clients: number; version?: string; heard_seconds_ago: number }[]; // that are alive, this one first
}

export interface History {
  at: number[];
  bounds: number[];
  series: Record<string, number[]>;
  latency: (number[] | null)[];
  closes: (Record<string, number> | null)[];
}

const kept = 15 * 60;

// Samples are columns of the same length, the oldest first.
export class Samples {
  at: number[] = [];
  bounds: number[] = [];
  latency: (number[] | null)[] = [];
  closes: (Record<string, number> | null)[] = [];
  #series = new Map<string, number[]>();

  // load replaces all.
  load(history: History): void {
    this.at = history.at;
    this.bounds = history.bounds;
    this.latency = history.latency;
    this.closes = history.closes;
    this.#series = new Map(Object.entries(history.series));
  }

  // add adds a second. One that is there already, or is older than the last one, changes nothing.
  add(s: Snapshot): void {
    if (s.at <= (this.at.at(-1) ?? 0)) {
      return;
    }
    for (const [name, value] of Object.entries(s.now)) {
      this.of(name).push(value);
    }
    this.at.push(s.at);
    this.latency.push(s.latency);
    this.closes.push(s.closes);
    if (this.at.length > kept) {
      for (const column of [this.at, this.latency, this.closes, ...this.#series.values()]) {
        column.shift();
      }
    }
  }

  // of returns the values of a series. One that is not known has no value for the time before.
  of(name: string): number[] {
    let values = this.#series.get(name);
    if (values === undefined) {
      values = this.at.map(() => 0);
      this.#series.set(name, values);
    }
    return values;
  }

  // since returns the index of the first sample of the last seconds.
  since(seconds: number): number {
    const from = (this.at.at(-1) ?? 0) - seconds;
    let i = this.at.length;
    while (i > 0 && (this.at[i - 1] ?? 0) > from) {
      i--;
    }
    return i;
  }
}
