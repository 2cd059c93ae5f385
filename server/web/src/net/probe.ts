// Why a WebSocket did not open: a browser tells a page nothing about that, but the answer to a request does.

const patience = 5_000; // ms for the answer

// whyUnopened asks the endpoint of the HTTP fallback for a stream, which has the same limits, and ends it at once. It returns "" if the
// server accepts connections, has no fallback, or does not answer.
export async function whyUnopened(socket: URL): Promise<"full" | ""> {
  const url = new URL("sse", socket);
  url.protocol = socket.protocol === "wss:" ? "https:" : "http:";
  url.searchParams.set("cf_connect", "{}");
  const stop = new AbortController();
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([stop.signal, AbortSignal.timeout(patience)]), cache: "no-store" });
    return answer.status === 503 && (await answer.text()).includes("is full") ? "full" : "";
  } catch {
    return ""; // no network, or no server
  } finally {
    stop.abort();
  }
}
