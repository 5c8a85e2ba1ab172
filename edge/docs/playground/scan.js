// A photo in, what to do with it out: presigned upload, submit, events, result.

import { ApiError, call, follow, upload } from "/playground/api.js";
import { fail } from "/playground/app.js";

const STAGES = ["queued", "vision", "rule", "answer", "reward"];
const POLL_MS = 2000;
const POLLS = 60;
const $ = (id) => document.getElementById(id);

let chosen = null;

function choose(file) {
  if (!file) return;
  chosen = file;
  URL.revokeObjectURL($("preview").src);
  $("preview").src = URL.createObjectURL(file);
  $("preview").hidden = false;
  $("drop-text").hidden = true;
}

function showStage(stage, status, progress) {
  const item = document.querySelector(`#stages [data-stage="${stage}"]`);
  if (item && item.dataset.state !== "completed") item.dataset.state = stage === "queued" ? "completed" : status;
  if (Number.isFinite(progress)) $("scan-percent").value = progress;
}

function line(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

function showResult(document_) {
  const result = document_.pipeline_result;
  $("scan-result").hidden = false;
  if (!result) {
    $("scan-class").textContent = document_.error || "결과를 만들지 못했어요.";
    return;
  }
  const { major_category, middle_category, minor_category } = result.classification_result.classification;
  $("scan-class").textContent = [major_category, middle_category, minor_category].filter(Boolean).join(" › ");
  $("scan-answer").textContent = result.final_answer.user_answer;
  const steps = Object.values(result.final_answer.disposal_steps).filter(Boolean);
  $("steps").replaceChildren(...steps.map(line));
  $("lacks").replaceChildren(...result.final_answer.insufficiencies.map(line));
  const reward = document_.reward;
  $("reward").hidden = reward === null;
  if (reward !== null) {
    const name = document.createElement("strong");
    name.textContent = `새 친구: ${reward.name}`;
    const says = document.createElement("p");
    says.textContent = reward.dialog;
    $("reward").replaceChildren(name, says);
  }
}

// Asks for the result until it is there, as the app does when it has lost the stream.
async function poll(url) {
  for (let left = POLLS; left > 0; left -= 1) {
    try {
      const found = await call("scan", "GET", url);
      if (found?.status !== "processing") return found;
    } catch (error) {
      if (![0, 404, 503].includes(error.status)) throw error;
    }
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
  throw new ApiError("scan", 0);
}

async function scan() {
  if (!chosen) {
    fail(new Error("먼저 사진을 골라 주세요. 예시 사진을 써도 돼요."));
    return;
  }
  $("scan-start").disabled = true;
  $("scan-result").hidden = true;
  $("scan-progress").hidden = false;
  $("scan-percent").value = 0;
  for (const item of document.querySelectorAll("#stages li")) delete item.dataset.state;
  try {
    const image_url = await upload("scan", "scan", chosen);
    const question = $("question").value.trim();
    const job = await call("scan", "POST", "/api/v1/scan", {
      json: question ? { image_url, user_input: question } : { image_url },
    });
    const ended = await follow("scan", job.stream_url, STAGES, (name, data) =>
      showStage(name, data.status, data.progress)).catch(() => null);
    if (ended?.status === "completed") {
      showStage("done", "completed", 100);
      showResult(await call("scan", "GET", job.result_url));
      document.dispatchEvent(new CustomEvent("earned"));
    } else if (ended) {
      fail(new Error(ended.message || ended.result?.error || "분석하지 못했어요."));
    } else {
      showResult(await poll(job.result_url));
    }
  } catch (error) {
    fail(error);
  } finally {
    $("scan-start").disabled = false;
  }
}

export function start() {
  $("photo").addEventListener("change", () => choose($("photo").files[0]));
  const drop = document.querySelector(".drop");
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); choose(event.dataTransfer.files[0]); });
  $("use-sample").addEventListener("click", async () => {
    const blob = await (await fetch("/playground/sample.jpg")).blob();
    choose(new File([blob], "pet_bottle.jpg", { type: "image/jpeg" }));
  });
  $("scan-form").addEventListener("submit", (event) => { event.preventDefault(); scan(); });
}
