// The list of API calls under every panel: what was asked, what came back, and the same as curl.

const KEPT = 40;

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function curlLine(method, url, { headers = {}, json, file, credentials = true } = {}) {
  const words = ["curl -s"];
  if (method === "SSE") words[0] = "curl -sN";
  else if (method !== "GET") words.push(`-X ${method}`);
  words.push(quoted(new URL(url, location.href).href));
  if (credentials) words.push('-H "Authorization: Bearer $TOKEN"');
  const sent = json === undefined ? headers : { "Content-Type": "application/json", ...headers };
  for (const [name, value] of Object.entries(sent)) words.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (json !== undefined) words.push(`-d ${quoted(JSON.stringify(json))}`);
  if (file) words.push(`--data-binary ${quoted(`@${file}`)}`);
  return words.join(" ");
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Adds a call to the list of the panel with the id `panel`; returns how to report what came of it.
export function noteCall(panel, method, url, options) {
  const list = document.querySelector(`#${panel} .calls ol`);
  const entry = element("li");
  const line = element("div", "line");
  const outcome = element("span", "", "…");
  const copy = element("button", "copy", "curl 복사");
  const curl = curlLine(method, url, options);
  const path = url.startsWith("http") && !url.startsWith(location.origin) ? url.split("?")[0] : url;
  copy.type = "button";
  copy.addEventListener("click", () => navigator.clipboard?.writeText(curl));
  line.append(element("span", "verb", method), element("span", "path", path), outcome, copy);
  entry.append(line, element("pre", "", curl));
  entry.dataset.call = `${method} ${path}`;
  list.prepend(entry);
  while (list.children.length > KEPT) list.lastChild.remove();
  const events = element("pre", "events");
  return {
    answered(status, milliseconds) {
      outcome.textContent = milliseconds === undefined ? String(status) : `${status} · ${Math.round(milliseconds)}ms`;
      outcome.className = Number(status) >= 400 || status === "끊김" ? "bad" : "good";
    },
    event(name, data) {
      if (!events.parentNode) entry.append(events);
      const shown = data.length > 160 ? `${data.slice(0, 160)}…` : data;
      events.textContent += `${events.textContent ? "\n" : ""}event: ${name}  ${shown}`;
    },
  };
}
