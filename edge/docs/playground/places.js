// Places around a point on a plain map: rings of distance instead of tiles.

import { call } from "/playground/api.js";
import { fail } from "/playground/app.js";

const CATEGORIES = {
  refill_zero: "제로웨이스트", cafe_bakery: "카페·베이커리", vegan_dining: "비건 식당", upcycle_recycle: "업사이클",
  book_workshop: "책방·공방", market_mart: "시장·마트", lodging: "숙소", public_dropbox: "공공 수거함", general: "기타",
};
const PICKUPS = {
  clear_pet: "무색페트", colored_pet: "유색페트", can: "캔", paper: "종이", plastic: "플라스틱", glass: "유리",
  textile: "의류", electronics: "전자제품", general: "일반",
};
const SVG = "http://www.w3.org/2000/svg";
const METRES_A_DEGREE = 111320;
const $ = (id) => document.getElementById(id);

export const middle = () => ({ latitude: Number($("lat").value), longitude: Number($("lon").value) });

function draw(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const distance = (metres) => (metres < 1000 ? `${Math.round(metres)}m` : `${Number((metres / 1000).toFixed(1))}km`);

function background(radius) {
  const parts = [];
  for (let at = -100; at <= 100; at += 25) {
    parts.push(draw("line", { class: "grid", x1: at, x2: at, y1: -110, y2: 110 }));
    parts.push(draw("line", { class: "grid", y1: at, y2: at, x1: -110, x2: 110 }));
  }
  for (const share of [1 / 3, 2 / 3, 1]) {
    parts.push(draw("circle", { class: "ring", r: 100 * share }));
    parts.push(draw("text", { x: 0, y: -100 * share + 7 }, distance(radius * share)));
  }
  parts.push(draw("text", { x: 0, y: -103 }, "북"));
  parts.push(draw("path", { class: "here", d: "M0-4 1.2-1.2 4 0 1.2 1.2 0 4-1.2 1.2-4 0-1.2-1.2z" }));
  return parts;
}

function pick(place) {
  for (const point of document.querySelectorAll("#map .point")) {
    point.setAttribute("aria-pressed", String(point.dataset.id === String(place.id)));
  }
  const card = $("place");
  card.hidden = false;
  const show = (detail) => {
    const title = document.createElement("h3");
    title.textContent = detail.name;
    const taken = (detail.pickup_categories ?? []).map((name) => PICKUPS[name] ?? name).join(", ");
    const open = { true: "영업 중", false: "영업 종료" }[String(place.is_open)];
    const hours = place.start_time && place.end_time ? `${place.start_time}–${place.end_time}` : "";
    const lines = [
      [CATEGORIES[detail.store_category] ?? detail.store_category, place.distance_text].filter(Boolean).join(" · "),
      detail.road_address,
      [open, hours].filter(Boolean).join(" "),
      taken && `수거: ${taken}`,
      detail.phone,
      detail.introduction ?? detail.collection_items,
    ].filter(Boolean).map((text) => {
      const line = document.createElement("p");
      line.textContent = text;
      return line;
    });
    card.replaceChildren(title, ...lines);
  };
  show(place);
  if (place.id > 0) call("places", "GET", `/api/v1/locations/centers/${place.id}`).then(show, fail);
}

function show(places, centre, radius) {
  const scale = 100 / radius;
  const east = METRES_A_DEGREE * Math.cos((centre.latitude * Math.PI) / 180);
  const points = places.map((place) => {
    const x = (place.longitude - centre.longitude) * east * scale;
    const y = -(place.latitude - centre.latitude) * METRES_A_DEGREE * scale;
    const point = draw("circle", {
      class: `point ${place.source}`, r: 3, cx: x.toFixed(2), cy: y.toFixed(2), tabindex: 0, role: "button",
      "aria-pressed": "false", "aria-label": `${place.name} ${place.distance_text ?? ""}`,
    });
    point.dataset.id = place.id;
    point.append(draw("title", {}, place.name));
    point.addEventListener("click", () => pick(place));
    point.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(place); }
    });
    return point;
  });
  $("map").replaceChildren(...background(radius), ...points);
  $("places-count").textContent = places.length ? `${places.length}곳` : "찾은 곳이 없어요.";
  $("place").hidden = true;
  $("places-list").replaceChildren(...places.slice(0, 50).map((place) => {
    const item = document.createElement("li");
    const press = document.createElement("button");
    const about = document.createElement("small");
    press.type = "button";
    press.textContent = place.name;
    about.textContent = [place.distance_text, CATEGORIES[place.store_category], place.road_address].filter(Boolean).join(" · ");
    press.append(about);
    press.addEventListener("click", () => pick(place));
    item.append(press);
    return item;
  }));
}

let latest = 0;

// The answer to the latest question alone is shown: an earlier one may come later, and would take the map back.
async function ask(path) {
  const turn = ++latest;
  $("map").setAttribute("aria-busy", "true");
  try {
    const found = await call("places", "GET", path);
    return turn === latest ? found : undefined;
  } finally {
    if (turn === latest) $("map").setAttribute("aria-busy", "false");
  }
}

export async function around() {
  const centre = middle();
  const radius = Number($("radius").value);
  const wanted = [...document.querySelectorAll("#categories input:checked")].map((box) => box.value);
  const query = new URLSearchParams({ lat: centre.latitude, lon: centre.longitude, radius });
  query.set("store_category", wanted.length ? wanted.join(",") : "all");
  try {
    const found = await ask(`/api/v1/locations/centers?${query}`);
    if (found) show(found, centre, radius);
  } catch (error) {
    show([], centre, radius);
    fail(error);
  }
}

async function search() {
  try {
    const found = await ask(`/api/v1/locations/search?${new URLSearchParams({ q: $("words").value })}`);
    if (!found) return;
    if (!found.length) {
      $("places-count").textContent = "찾은 곳이 없어요.";
      return;
    }
    const centre = { latitude: found[0].latitude, longitude: found[0].longitude };
    $("lat").value = centre.latitude;
    $("lon").value = centre.longitude;
    const farthest = Math.max(...found.map((place) => place.distance_km)) * 1000;
    show(found, centre, Math.max(500, farthest * 1.1));
  } catch (error) {
    fail(error);
  }
}

let waiting = 0;
function suggest() {
  clearTimeout(waiting);
  const q = $("words").value.trim();
  if (!q) return;
  waiting = setTimeout(async () => {
    const found = await call("places", "GET", `/api/v1/locations/suggest?${new URLSearchParams({ q })}`).catch(() => []);
    $("suggestions").replaceChildren(...found.map((entry) => new Option(entry.address ?? "", entry.place_name)));
  }, 300);
}

export function start() {
  for (const [value, text] of Object.entries(CATEGORIES)) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    label.className = "chip";
    box.type = "checkbox";
    box.value = value;
    label.append(box, text);
    $("categories").append(label);
  }
  $("categories").addEventListener("change", around);
  $("radius").addEventListener("change", around);
  $("places-form").addEventListener("submit", (event) => { event.preventDefault(); around(); });
  $("search-form").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  $("words").addEventListener("input", suggest);
  $("locate").addEventListener("click", () => {
    navigator.geolocation?.getCurrentPosition(({ coords }) => {
      $("lat").value = coords.latitude.toFixed(6);
      $("lon").value = coords.longitude.toFixed(6);
      around();
    }, () => fail(new Error("위치를 알 수 없어요. 좌표를 적어 주세요.")));
  });
  $("map").replaceChildren(...background(Number($("radius").value)));
}
