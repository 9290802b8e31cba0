// Shows messages as they arrive, and copies a one-time code with one tap.
"use strict";

const list = document.getElementById("messages");
const form = document.getElementById("entry");
const empty = document.getElementById("empty");
const told = document.getElementById("told");
const kept = 1000;

// Japan's time, as the server writes it.
const clock = new Intl.DateTimeFormat("ja-JP", { timeZone: "Asia/Tokyo", hour: "2-digit", minute: "2-digit", second: "2-digit" });

function tell(words) {
  told.textContent = "";
  // A status that does not change is not read out again.
  requestAnimationFrame(() => { told.textContent = words; });
}

function show(message) {
  if (list.querySelector(`[data-id="${Number(message.id)}"]`)) return;
  const entry = form.content.firstElementChild.cloneNode(true);
  const part = (name) => entry.querySelector(name);
  entry.dataset.id = message.id;
  part(".kind").textContent = part(".kind").dataset[message.kind];
  part(".to").textContent = message.to;
  part(".text").textContent = message.text;
  part("time").dateTime = new Date(message.at_ms).toISOString();
  part("time").textContent = clock.format(message.at_ms);
  part(".subject").hidden = message.subject === null;
  part(".subject").textContent = message.subject ?? "";
  part(".code").hidden = message.code === null;
  part(".digits").textContent = message.code ?? "";
  part(".copy").hidden = false;
  entry.classList.add("new");
  list.prepend(entry);
  while (list.childElementCount > kept) list.lastElementChild.remove();
  empty.hidden = true;
  tell(told.dataset.arrived);
}

async function copy(button) {
  const digits = button.parentElement.querySelector(".digits");
  try {
    await navigator.clipboard.writeText(digits.textContent);
    tell(told.dataset.copied);
  } catch {
    // No permission: select the digits, so that the keyboard can copy them.
    getSelection().selectAllChildren(digits);
  }
}

// The page was rendered a moment ago: ask for what came since, once, and listen from then on.
async function catchUp() {
  const answer = await fetch("/api/messages");
  const { messages } = await answer.json();
  for (const message of messages.reverse()) show(message);
}

for (const button of document.querySelectorAll(".copy")) button.hidden = false;
list.addEventListener("click", (event) => {
  const button = event.target.closest(".copy");
  if (button) copy(button);
});
const news = new EventSource("/api/events");
news.addEventListener("open", catchUp);
news.addEventListener("message", (event) => show(JSON.parse(event.data)));
