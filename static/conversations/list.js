// The list beside the conversation: marks the open row, and takes news in without moving what one reads.
// New rows come in at once only when the list is at its top and nothing is chosen; otherwise a button says how many.
import { get } from "./fetching.js";

const AT_TOP_PX = 8;
const form = () => document.querySelector(".list-rows");
const rowsOf = (root) => [...root.querySelectorAll("#rows > [data-row]")];

function markOpen() {
  const open = document.querySelector("[data-conversation]");
  document.body.dataset.pane = open ? "conversation" : "list";
  for (const row of rowsOf(document)) {
    const current = row.id === `row-${open?.dataset.conversation}`;
    row.classList.toggle("is-current", current);
    if (current) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

/** The open, chosen or focused row stays where it is, even when the list no longer holds it. */
const isInUse = (row) => row.matches("[aria-current], :has(:checked)") || row.contains(document.activeElement);

/** A row whose act is under way hears the answer itself, and asks for news then; another in its place would not. */
const isAtWork = (row) => row.matches(":has(.row-actions .htmx-request)");

/** Replace rows that have changed, in their places; what is chosen stays chosen and what is focused stays focused. */
function renew(fresh) {
  for (const row of rowsOf(document).filter((row) => !isAtWork(row))) {
    const now = fresh.querySelector(`#${row.id}`);
    if (!now && isInUse(row)) row.classList.add("is-leaving");
    else if (!now) row.remove();
    else if (now.outerHTML !== row.outerHTML) replace(row, now);
  }
}

function replace(row, now) {
  const focused = row.contains(document.activeElement);
  const chosen = row.querySelector("input[type=checkbox]").checked;
  row.replaceWith(now);
  now.querySelector("input[type=checkbox]").checked = chosen;
  window.htmx.process(now);
  if (focused) now.querySelector("a").focus({ preventScroll: true });
}

function isQuiet() {
  const chosen = form().querySelector(".row input:checked");
  const reading = document.activeElement?.closest(".list-rows");
  return document.getElementById("list-scroll").scrollTop <= AT_TOP_PX && !chosen && !reading;
}

function offer(number) {
  const note = form().querySelector(".list-news");
  const text = note.querySelector("span");
  text.textContent = `${number} ${number === 1 ? text.dataset.one : text.dataset.several}`;
  note.hidden = number === 0;
}

function takeAll(fresh, arrived) {
  const rows = document.getElementById("rows");
  for (const row of arrived) row.classList.add("is-new");
  rows.replaceChildren(...fresh.querySelector("#rows").childNodes);
  window.htmx.process(rows);
  offer(0);
  markOpen();
}

async function news({ anyway = false } = {}) {
  if (!form()) return;
  const page = await get(form().dataset.listUrl);
  if (!page) return;
  const known = new Set(rowsOf(document).map((row) => row.id));
  const arrived = rowsOf(page).filter((row) => !known.has(row.id));
  if (anyway || isQuiet()) return takeAll(page, anyway ? [] : arrived);
  renew(page);
  markOpen();
  offer(arrived.length);
}

let coming;
/** Many changes at once are one look at the server. */
function soon() {
  clearTimeout(coming);
  coming = setTimeout(news, 150);
}

/** The keyboard goes on with the row below, or above when there is none; the last row of all leaves the list. */
function goOnFrom(row) {
  const beside = row.nextElementSibling ?? row.previousElementSibling;
  (beside?.querySelector("a") ?? document.getElementById("list")).focus();
}

document.body.addEventListener("live:conversation", soon);
document.body.addEventListener("live:refresh", soon);
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id === "conversation") {
    markOpen();
    const place = document.getElementById("conversation");
    // Whoever writes already keeps the cursor.
    if (!place.contains(document.activeElement)) place.focus({ preventScroll: true });
  }
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  const row = event.target.closest?.(".row-actions")?.closest("[data-row]");
  if (event.detail.successful && row) {
    if (row.contains(document.activeElement)) goOnFrom(row);
    soon();
    document.body.dispatchEvent(new CustomEvent("live:counts"));
  }
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-show-news]")) {
    document.getElementById("list-scroll").scrollTop = 0;
    news({ anyway: true });
  }
  if (event.target.closest("[data-clear-selection]")) {
    for (const box of form().querySelectorAll(".row input:checked")) box.checked = false;
  }
});

// A page that answers an act goes on where the work is; else the keyboard would begin again at the page's top.
if (document.activeElement === document.body && document.querySelector("#toasts > *, [data-sent]")) {
  document.getElementById(document.body.dataset.pane).focus({ preventScroll: true });
}

// Shift-click chooses everything between the last chosen row and this one.
let last;
document.addEventListener("click", (event) => {
  if (!event.target.matches?.(".row > .checkbox")) return;
  const boxes = [...document.querySelectorAll("#rows .row > .checkbox")];
  const now = boxes.indexOf(event.target);
  if (event.shiftKey && last !== undefined) {
    for (const box of boxes.slice(Math.min(last, now), Math.max(last, now) + 1)) box.checked = event.target.checked;
  }
  last = now;
});
