// The account: nickname, points, characters.

import { call } from "/playground/api.js";
import { fail } from "/playground/app.js";

const REASONS = { scan: "분석", correction: "정정" };
const GRANT_MS = 500;
const GRANT_TRIES = 20;
const $ = (id) => document.getElementById(id);

function showCharacters(catalogue, owned) {
  const names = new Set(owned.map((character) => character.name));
  const known = catalogue.length ? catalogue : owned;
  $("owned").textContent = `${names.size}/${known.length}`;
  $("characters").replaceChildren(...known.map((character) => {
    const item = document.createElement("li");
    const name = document.createElement("strong");
    const says = document.createElement("span");
    const mine = names.has(character.name);
    item.className = mine ? "owned" : "";
    name.textContent = `${character.name}${mine ? " ✓" : ""}`;
    says.textContent = mine ? character.dialog : character.match ? `${character.match}에서 만나요` : "";
    item.append(name, says);
    return item;
  }));
}

function showPoints(total, entries) {
  $("points").textContent = total.toLocaleString("ko");
  $("point-entries").replaceChildren(...entries.map((entry) => {
    const item = document.createElement("li");
    const when = new Date(entry.created_at).toLocaleString("ko", { dateStyle: "short", timeStyle: "short" });
    item.textContent = `${entry.points > 0 ? "+" : ""}${entry.points} ${REASONS[entry.reason] ?? entry.reason} · ${when}`;
    return item;
  }));
}

export async function load() {
  const get = (path) => call("me", "GET", path);
  const [catalogue, owned, points, booked] = await Promise.all([
    get("/api/v1/character/catalog").catch(() => []),
    get("/api/v1/users/me/characters"),
    get("/api/v1/users/me/points"),
    get("/api/v1/users/me/points/entries?limit=10"),
  ]);
  showCharacters(catalogue, owned);
  showPoints(points.total, booked.entries);
  return owned.length;
}

// A grant travels after the scan is done, so it is looked for a few times.
async function awaitGrant() {
  const before = $("points").textContent;
  for (let left = GRANT_TRIES; left > 0; left -= 1) {
    await load();
    if ($("points").textContent !== before) return;
    await new Promise((wake) => setTimeout(wake, GRANT_MS));
  }
}

export function start(renamed) {
  $("nickname-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      renamed(await call("me", "PATCH", "/api/v1/users/me", { json: { nickname: $("nickname").value.trim() } }));
    } catch (error) {
      fail(error);
    }
  });
  document.addEventListener("earned", () => awaitGrant().catch(fail));
}
