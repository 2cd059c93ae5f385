// What a publication of a room says, in one line.

// textOf returns the text of a message, a change by its kind, or the data as it is.
export function textOf(data: unknown): string {
  const { type, emoji, on, text } = fieldsOf(data);
  const line = typeof type === "string"
    ? [on === false ? `${type} off` : type, ...[emoji, text].filter((part) => typeof part === "string")].join(" ")
    : typeof text === "string" ? text : typeof data === "string" ? data : JSON.stringify(data) ?? "";
  return line.slice(0, 300);
}

// isMessage reports whether it makes sense to redact a publication: a change, such as a reaction, is no message.
export function isMessage(data: unknown): boolean {
  const { redacted, type } = fieldsOf(data);
  return typeof type !== "string" && redacted !== true;
}

function fieldsOf(data: unknown): Record<string, unknown> {
  return typeof data === "object" && data !== null ? data as Record<string, unknown> : {};
}
