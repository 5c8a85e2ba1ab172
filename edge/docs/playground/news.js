// News, page by page.

import { call } from "/playground/api.js";
import { fail } from "/playground/app.js";

const $ = (id) => document.getElementById(id);

let category = "all";
let cursor = null;

function article(found) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const about = document.createElement("small");
  link.href = /^https?:/.test(found.url) ? found.url : "#";
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.textContent = found.title;
  const when = new Date(found.published_at).toLocaleDateString("ko");
  about.textContent = [found.source_name, when, ...(found.keywords ?? []).slice(0, 3).map((word) => `#${word}`)].join(" · ");
  item.append(link, about);
  return item;
}

async function page() {
  const query = new URLSearchParams({ limit: 10 });
  if (category !== "all") query.set("category", category);
  if (cursor) query.set("cursor", cursor);
  try {
    const found = await call("news", "GET", `/api/v1/info/news?${query}`);
    $("articles").append(...found.articles.map(article));
    if (!$("articles").children.length) $("articles").append(Object.assign(document.createElement("li"), { textContent: "아직 모은 소식이 없어요." }));
    cursor = found.next_cursor ?? null;
    $("more-news").hidden = !found.has_more;
  } catch (error) {
    fail(error);
  }
}

function choose(id) {
  category = id;
  cursor = null;
  $("articles").replaceChildren();
  for (const press of $("news-categories").children) press.setAttribute("aria-pressed", String(press.value === id));
  return page();
}

export async function load() {
  const { categories } = await call("news", "GET", "/api/v1/info/categories");
  $("news-categories").replaceChildren(...categories.map(({ id, name }) => {
    const press = document.createElement("button");
    press.type = "button";
    press.value = id;
    press.textContent = name;
    press.addEventListener("click", () => choose(id));
    return press;
  }));
  await choose("all");
}

export function start() {
  $("more-news").addEventListener("click", page);
}
