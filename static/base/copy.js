// <button data-copy="value"> or <button data-copy-from="id"> copies exactly that value and says so for two seconds.
import { words } from "./words.js";
import { toast } from "./toast.js";

const SHOWN_MS = 2000;

/** The clipboard API exists only on https and localhost. What is selected must lie beside the button: a modal
    dialog makes everything outside of it unselectable. */
function copyBySelection(text, button) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  button.parentElement.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

async function copyText(text, button) {
  if (!navigator.clipboard) return copyBySelection(text, button);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text, button);
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
  if (await copyText(text, button)) confirmCopy(button);
  else toast({ text: words.copyFailed, kind: "error" });
  focused?.focus?.({ preventScroll: true });
});
