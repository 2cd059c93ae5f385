// How long the page waits for the server.

export const openTimeout = 10_000; // ms for a request to be answered, and for a ping to be late
export const retryDelay = 1_000; // ms before a command is repeated after a temporary error

export function untilRetry(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, retryDelay));
}
