// <button data-copy="value"> or <button data-copy-from="id"> copies exactly that value and says so for two seconds.
import { words } from "./words.js";
import { toast } from "./toast.js";

const SHOWN_MS = 2000;

function copyBySelection(text) {
  // The clipboard API exists only on https and localhost.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

async function copyText(text) {
  if (!navigator.clipboard) return copyBySelection(text);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function confirmCopy(button) {
  const name = button.getAttribute("aria-label");
  button.classList.add("is-copied");
  button.setAttribute("aria-label", words.copied);
  announce(words.copied);
  setTimeout(() => {
    button.classList.remove("is-copied");
    if (name === null) button.removeAttribute("aria-label");
    else button.setAttribute("aria-label", name);
  }, SHOWN_MS);
}

let voice;

/** Say something to screen readers without showing it. */
export function announce(text) {
  if (!voice) {
    voice = document.createElement("div");
    voice.className = "visually-hidden";
    voice.setAttribute("aria-live", "polite");
    document.body.append(voice);
  }
  voice.textContent = "";
  setTimeout(() => { voice.textContent = text; }, 50);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button || button.classList.contains("is-copied")) return;
  const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom).textContent;
  const focused = document.activeElement;
  if (await copyText(text)) confirmCopy(button);
  else toast({ text: words.copyFailed, kind: "error" });
  focused?.focus?.({ preventScroll: true });
});
