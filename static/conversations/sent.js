// After sending: the bar that takes a mail back while it waits, and the inline button that goes when it is too late.
import { toast } from "../base/toast.js";

const place = document.querySelector("[data-sent]");
if (place) {
  toast({ text: place.dataset.text, undo: place.dataset.undo, seconds: Number(place.dataset.seconds) });
  const url = new URL(location.href);
  url.searchParams.delete("sent");
  history.replaceState(history.state, "", url);
}

function endUndo() {
  for (const form of document.querySelectorAll("form.undo[data-until]")) {
    const left = Date.parse(form.dataset.until) - Date.now();
    if (left <= 0) document.body.dispatchEvent(new CustomEvent("live:refresh"));
    else setTimeout(() => document.body.dispatchEvent(new CustomEvent("live:refresh")), left + 500);
    delete form.dataset.until;
  }
}
endUndo();
document.body.addEventListener("htmx:afterSettle", endUndo);
