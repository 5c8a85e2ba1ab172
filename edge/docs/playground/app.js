// Sign-in, and what every panel needs: who is here, and how a failure is told.

import { call, onSignedOut } from "/playground/api.js";
import * as chat from "/playground/chat.js";
import * as me from "/playground/me.js";
import * as news from "/playground/news.js";
import * as places from "/playground/places.js";
import * as scan from "/playground/scan.js";

const SECONDS_SHOWN = 8;
const $ = (id) => document.getElementById(id);

let hiding = 0;
export function fail(error) {
  const panel = error.panel && error.status !== 401 ? `${$(`${error.panel}-title`).textContent}: ` : "";
  $("alert").textContent = `${panel}${error.message}${error.reason ? ` (${error.reason})` : ""}`;
  $("alert").hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { $("alert").hidden = true; }, SECONDS_SHOWN * 1000);
}

function showUser(user) {
  $("sign-in").hidden = Boolean(user);
  $("signed-in").hidden = !user;
  document.body.dataset.user = user?.username ?? "";
  if (user) {
    $("who").textContent = user.nickname;
    $("nickname").value = user.nickname;
  }
}

async function enter() {
  const user = await call("me", "GET", "/api/v1/users/me");
  showUser(user);
  await Promise.all([me.load().catch(fail), news.load().catch(fail), places.around()]);
}

onSignedOut(() => showUser(null));
scan.start();
chat.start();
places.start();
me.start(showUser);
news.start();

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await call("me", "POST", "/playground/session", { json: { name: $("name").value }, credentials: true });
    await enter();
  } catch (error) {
    fail(error);
  }
});
$("sign-out").addEventListener("click", async () => {
  await call("me", "POST", "/api/v1/auth/logout").catch(fail);
  chat.forget();
  showUser(null);
});

enter().catch((error) => {
  showUser(null);
  if (error.status !== 401) fail(error);
});
