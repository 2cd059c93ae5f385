// A ban or a mute in the words of the server (moderation.md#reason).
export interface Sanction {
  kind: "banned" | "muted";
  until?: Date;
  why: string; // the words of the moderator, which may be any; empty for none
}

const words = /^(banned|muted)(?: (?:from|in) this room)?(?: until ([\d-]{10}T[\d:]{8}Z))?(?:: (.*))?$/s;

// sanctionOf returns the sanction that a text of the server is about: of an error, or of the end of a subscription or a connection.
export function sanctionOf(text: string): Sanction | undefined {
  const [, kind, time, why = ""] = words.exec(text.replace(/^permission denied: /, "")) ?? [];
  return kind === "banned" || kind === "muted" ? { kind, why, ...time !== undefined && { until: new Date(time) } } : undefined;
}
