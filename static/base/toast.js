// Short messages after an act. From the server: django messages in the page, or the header
//   HX-Trigger: {"toast": {"text": "…", "undo": "/url", "kind": "success" | "error", "seconds": 10}}
// From a script: toast({text, …}) or a "toast" event on <body>. Undo posts to its URL. Errors stay until closed.
import { words } from "./words.js";

const SHOWN_SECONDS = 8;
const LEAVING_MS = 200;
const place = document.getElementById("toasts");

function dismiss(note) {
  note.classList.add("is-leaving");
  setTimeout(() => note.remove(), LEAVING_MS);
}

/** Let a toast go after its time, but never while the pointer or the focus is on it. */
function expire(note, seconds) {
  setTimeout(() => {
    if (note.matches(":hover, :focus-within")) expire(note, 2);
    else dismiss(note);
  }, seconds * 1000);
}

export function toast({ text, kind = "success", undo = "", seconds = SHOWN_SECONDS }) {
  const mould = document.getElementById(kind === "error" ? "toast-mould-error" : "toast-mould");
  const note = mould.content.firstElementChild.cloneNode(true);
  note.querySelector("p").textContent = text;
  const button = note.querySelector("[data-undo]");
  if (undo && button) button.dataset.undo = undo;
  else button?.remove();
  place.append(note);
  if (kind !== "error") expire(note, seconds);
  return note;
}

function post(url) {
  // A failure is told by the events below; the promise says it a second time.
  window.htmx.ajax("POST", url, { target: document.body, swap: "none" })?.catch(() => {});
}

document.addEventListener("click", (event) => {
  const note = event.target.closest(".toast");
  if (!note) return;
  const undo = event.target.closest("[data-undo]");
  if (undo) post(undo.dataset.undo);
  if (undo || event.target.closest("[data-close-toast]")) dismiss(note);
});

document.body.addEventListener("toast", (event) => toast(event.detail));
document.body.addEventListener("htmx:sendError", () => toast({ text: words.failed, kind: "error" }));
document.body.addEventListener("htmx:responseError", (event) => {
  if (!event.detail.xhr.getResponseHeader("HX-Trigger")) toast({ text: words.refused, kind: "error" });
});

for (const note of place.children) if (note.dataset.toast !== "error") expire(note, SHOWN_SECONDS);
