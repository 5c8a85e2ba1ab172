// The app's side of the REST and SSE surface: cookies for credentials, one refresh after a 401.

import { noteCall } from "/playground/calls.js";

export class ApiError extends Error {
  constructor(panel, status, answer) {
    const details = answer?.details ?? [];
    const of = (type) => details.find((detail) => detail["@type"]?.endsWith(type));
    super(of("LocalizedMessage")?.message ?? (status ? `요청이 거절되었어요 (${status}).` : "서버에 연결할 수 없어요."));
    this.panel = panel;
    this.status = status;
    this.reason = of("ErrorInfo")?.reason ?? "";
  }
}

let signedOut = () => {};
export const onSignedOut = (tell) => { signedOut = tell; };

async function send(panel, method, url, options) {
  const { json, body, headers = {}, credentials = true } = options;
  const note = noteCall(panel, method, url, options);
  const begun = performance.now();
  try {
    const answer = await fetch(url, {
      method,
      credentials: credentials ? "same-origin" : "omit",
      headers: json === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: json === undefined ? body : JSON.stringify(json),
    });
    note.answered(answer.status, performance.now() - begun);
    return answer;
  } catch {
    note.answered("끊김");
    throw new ApiError(panel, 0);
  }
}

let refreshing = null;
function refresh(panel) {
  refreshing ??= send(panel, "POST", "/api/v1/auth/refresh", {}).finally(() => { refreshing = null; });
  return refreshing;
}

// JSON of the answer, null without a body; ApiError when it is refused.
export async function call(panel, method, url, options = {}) {
  let answer = await send(panel, method, url, options);
  if (answer.status === 401 && url.startsWith("/api/v1/") && !url.startsWith("/api/v1/auth/")) {
    if ((await refresh(panel)).ok) answer = await send(panel, method, url, options);
    if (answer.status === 401) signedOut();
  }
  const text = await answer.text();
  let document = null;
  try {
    document = text ? JSON.parse(text) : null;
  } catch {
    // what is no JSON is no answer of ours
  }
  if (!answer.ok) throw new ApiError(panel, answer.status, document);
  return document;
}

// Uploads a picture the way the app does; its public URL.
export async function upload(panel, channel, file) {
  const type = file.type || "application/octet-stream";
  const ticket = await call(panel, "POST", `/api/v1/images/${channel}`, {
    json: { filename: file.name || "photo.jpg", content_type: type },
  });
  await call(panel, "PUT", ticket.upload_url, {
    body: file, headers: { "Content-Type": type }, credentials: false, file: file.name,
  });
  return ticket.cdn_url;
}

// Follows the events of a job. `names` are the events wanted, `on(name, data)` gets them. Resolves
// with "done" or with the data of a failure; rejects when the stream is refused for good. A stream
// that is cut is opened again by the browser, which sends Last-Event-ID by itself.
export function follow(panel, url, names, on) {
  const note = noteCall(panel, "SSE", url, { headers: { Accept: "text/event-stream" } });
  return new Promise((resolve, reject) => {
    const source = new EventSource(url, { withCredentials: true });
    const close = (settle, value) => { source.close(); settle(value); };
    source.addEventListener("open", () => note.answered(200));
    for (const name of [...names, "done"]) {
      source.addEventListener(name, (event) => {
        note.event(name, event.data);
        const data = JSON.parse(event.data);
        on(name, data);
        if (name === "done") close(resolve, data);
      });
    }
    source.addEventListener("keepalive", (event) => note.event("keepalive", event.data));
    source.addEventListener("error", (event) => {
      if (event.data) { // the server's own event of that name
        note.event("error", event.data);
        const data = JSON.parse(event.data);
        if (data.error !== "timeout") close(resolve, { ...data, status: "failed" });
      } else if (source.readyState === EventSource.CLOSED) {
        note.answered("끊김");
        close(reject, new ApiError(panel, 0));
      }
    });
  });
}
