/**
 * Two ways to carry the same frames: a WebSocket, or server-sent events with POST.
 *
 * Both are opened with a route and resolve once the server has said `welcome`; aborting the route's signal
 * closes them.
 *
 * @typedef {object} Route
 * @property {string} server origin
 * @property {string} visitor
 * @property {number} after resume after this message
 * @property {AbortSignal} signal
 * @property {(frame: object) => void} onFrame
 * @property {() => void} onHeard something came, be it only a heartbeat
 * @property {() => void} onLost it was open and is not any more
 *
 * @typedef {object} Transport
 * @property {"socket"|"stream"} kind
 * @property {(frame: object) => void} send
 */

import { BadVisitor } from "./session.js";

const OPENING_MS = 8_000;

/** @param {Route} route @returns {Promise<Transport>} */
export function openSocket(route) {
  return new Promise((resolve, reject) => {
    const address = new URL("/chat/v1/ws", route.server);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    const transport = { kind: "socket", send: (frame) => socket.send(JSON.stringify(frame)) };
    let welcomed = false;

    const end = (error) => {
      clearTimeout(deadline);
      route.signal.removeEventListener("abort", abort);
      socket.onmessage = socket.onclose = socket.onopen = null;
      // Closing while it still connects would be reported as an error in the site's console.
      if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
      else socket.close();
      if (!welcomed) reject(error);
      else if (!route.signal.aborted) route.onLost(error);
    };
    const abort = () => end(new Error("aborted"));
    const deadline = setTimeout(() => end(new Error("the socket does not open")), OPENING_MS);
    route.signal.addEventListener("abort", abort);

    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", visitor: route.visitor, after: route.after }));
    socket.onclose = () => end(new Error("the socket closed"));
    socket.onmessage = (event) => {
      const frame = parse(event.data);
      if (!frame) return;
      if (isBadVisitor(frame)) {
        end(new BadVisitor());
        return;
      }
      if (frame.type === "welcome") {
        welcomed = true;
        clearTimeout(deadline);
        resolve(transport);
      }
      route.onHeard();
      route.onFrame(frame);
    };
  });
}

/** @param {Route} route @returns {Promise<Transport>} */
export async function openStream(route) {
  const authorization = { Authorization: `Bearer ${route.visitor}` };
  const opening = new AbortController();
  const abort = () => opening.abort();
  const deadline = setTimeout(abort, OPENING_MS);
  route.signal.addEventListener("abort", abort);

  const response = await fetch(`${route.server}/chat/v1/events?after=${route.after}`, {
    headers: { ...authorization, Accept: "text/event-stream" },
    cache: "no-store",
    credentials: "omit",
    signal: opening.signal,
  });
  if (response.status === 401) throw new BadVisitor();
  if (!response.ok) throw new Error(`events: HTTP ${response.status}`);

  let lost = false;
  const lose = (error) => {
    if (lost || route.signal.aborted) return;
    lost = true;
    opening.abort();
    route.onLost(error);
  };

  // One request at a time: two messages sent in a row must arrive in that order.
  let queue = Promise.resolve();
  const post = async (frame) => {
    const answer = await postFrame(route.server, route.visitor, frame, { signal: opening.signal });
    if (!answer) return;
    if (isBadVisitor(answer)) throw new BadVisitor();
    route.onFrame(answer);
  };
  const transport = { kind: "stream", send: (frame) => (queue = queue.then(() => !lost && post(frame)).catch(lose)) };

  return new Promise((resolve, reject) => {
    const receive = (frame) => {
      if (isBadVisitor(frame)) throw new BadVisitor();
      if (frame.type === "welcome") {
        clearTimeout(deadline);
        resolve(transport);
      }
      route.onFrame(frame);
    };
    read(response.body.getReader(), receive, route.onHeard)
      .then(() => Promise.reject(new Error("the stream ended")))
      .catch((error) => {
        clearTimeout(deadline);
        reject(error); // has no effect once it was open
        lose(error);
      });
  });
}

/** One frame by HTTP. @returns the server's frame, or null when it has nothing to say. */
export async function postFrame(server, visitor, frame, options = {}) {
  const response = await fetch(`${server}/chat/v1/send`, {
    method: "POST",
    headers: { Authorization: `Bearer ${visitor}`, "Content-Type": "application/json" },
    body: JSON.stringify(frame),
    credentials: "omit",
    ...options,
  });
  const answer = parse(await response.text());
  if (!answer && !response.ok) throw new Error(`send: HTTP ${response.status}`);
  return answer;
}

/** Server-sent events by hand, because EventSource cannot carry the Authorization header. */
async function read(reader, onFrame, onHeard) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onHeard();
    const blocks = (rest + decoder.decode(value, { stream: true })).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block
        .split("\n")
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5));
      const frame = data.length ? parse(data.join("\n")) : null;
      if (frame) onFrame(frame);
    }
  }
}

function parse(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

const isBadVisitor = (frame) => frame.type === "refused" && frame.code === "bad_visitor";
