// A question, and its answer as it is written.

import { call, follow, upload } from "/playground/api.js";
import { fail } from "/playground/app.js";
import { render } from "/playground/markdown.js";
import { middle } from "/playground/places.js";

const LABELS = {
  queued: "질문을 받았어요", intent: "질문을 이해하는 중", vision: "사진을 보는 중", waste_rag: "분리배출 규정을 찾는 중",
  character: "캐릭터를 찾는 중", location: "주변 장소를 찾는 중", kakao_place: "장소를 검색하는 중",
  bulk_waste: "대형폐기물 정보를 찾는 중", weather: "날씨를 확인하는 중", recyclable_price: "재활용품 시세를 확인하는 중",
  collection_point: "수거함을 찾는 중", web_search: "웹에서 찾는 중", image_generation: "그림을 그리는 중",
  general: "생각하는 중", aggregator: "내용을 모으는 중", feedback: "내용을 확인하는 중", summarize: "대화를 정리하는 중",
  answer: "답을 쓰는 중",
};
const POLL_MS = 3000;
const POLLS = 100;
const $ = (id) => document.getElementById(id);

let chat = null;
export const forget = () => { chat = null; $("messages").replaceChildren(); $("asked").hidden = true; };

function bubble(role, text = "") {
  const item = document.createElement("li");
  item.className = role;
  item.textContent = text;
  $("messages").append(item);
  item.scrollIntoView({ block: "nearest" });
  return item;
}

function button(text, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", press);
  return made;
}

// A turn that waits for the user: a place, a yes or no, or a choice.
function ask(job, data) {
  const question = document.createElement("p");
  question.textContent = data.message || "추가 정보가 필요해요.";
  const answer = async (type, given) => {
    $("asked").hidden = true;
    try {
      await call("chat", "POST", `/api/v1/chat/${job}/input`, { json: { type, data: given } });
    } catch (error) {
      fail(error);
    }
  };
  const { latitude, longitude } = middle();
  const choices = {
    location: [button("지도의 위치 보내기", () => answer("location", { latitude, longitude }))],
    confirmation: [
      button("네", () => answer("confirmation", { confirmed: true })),
      button("아니요", () => answer("confirmation", { confirmed: false })),
    ],
    selection: (data.result?.options ?? []).map((value) => button(value, () => answer("selection", { value }))),
  };
  const row = document.createElement("div");
  row.className = "row wrap";
  row.append(...(choices[data.result?.input_type] ?? []), button("건너뛰기", () => answer("cancel", {})));
  $("asked").replaceChildren(question, row);
  $("asked").hidden = false;
}

// The answer as the chat holds it, for when the stream is lost; asked for as the app does.
async function poll() {
  for (let left = POLLS; left > 0; left -= 1) {
    const { messages } = await call("chat", "GET", `/api/v1/chat/${chat}?limit=5`);
    const newest = messages.at(-1);
    if (newest?.role === "assistant") return newest.content;
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
  throw new Error("답을 받지 못했어요.");
}

async function send(message, photo, place) {
  const asked = bubble("user", message);
  if (photo) {
    const picture = document.createElement("img");
    picture.src = URL.createObjectURL(photo);
    picture.alt = "보낸 사진";
    asked.append(picture);
  }
  const shown = bubble("assistant status", "보내는 중");
  let text = "";
  let last = 0;
  const write = () => {
    shown.className = "assistant";
    render(shown, text);
    shown.scrollIntoView({ block: "nearest" });
  };
  try {
    chat ??= (await call("chat", "POST", "/api/v1/chat")).id;
    const json = {};
    if (message) json.message = message;
    if (photo) json.image_url = await upload("chat", "chat", photo);
    if (place) json.user_location = place;
    const turn = await call("chat", "POST", `/api/v1/chat/${chat}/messages`, { json });
    const names = [...Object.keys(LABELS), "needs_input", "token", "token_recovery"];
    const ended = await follow("chat", turn.stream_url, names, (name, data) => {
      if (name === "token") {
        if (data.seq <= last) return; // came before the stream was cut
        last = data.seq;
        text += data.content;
        write();
      } else if (name === "token_recovery") {
        last = Math.max(last, data.last_seq);
        text = data.accumulated;
        write();
      } else if (name === "needs_input") {
        ask(turn.job_id, data);
      } else if (LABELS[name] && !text) {
        shown.textContent = `${LABELS[name]}…`;
      }
    }).catch(() => null);
    if (ended && ended.status !== "completed") throw new Error(ended.message || "답을 만들지 못했어요.");
    text = ended ? ended.result.answer : await poll();
    write();
  } catch (error) {
    shown.className = "assistant failed";
    shown.textContent = error.message;
  } finally {
    $("asked").hidden = true;
  }
}

export function start() {
  $("chat-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const message = $("message").value.trim();
    const photo = $("chat-photo").files[0];
    const place = $("with-place").checked ? middle() : null;
    if (!message && !photo) return;
    const press = $("chat-form").querySelector("button");
    press.disabled = true;
    $("message").value = "";
    $("chat-photo").value = "";
    try {
      await send(message, photo, place);
    } catch (error) {
      fail(error);
    } finally {
      press.disabled = false;
      $("message").focus();
    }
  });
}
