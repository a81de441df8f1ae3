// The open conversation: starts at its newest message, takes new messages in below without moving the text one reads,
// and keeps what is being written. Frames are never moved or replaced, which would load them again.
import { get } from "./fetching.js";

const SEEN_MS = 800;
const open = () => document.querySelector("[data-conversation]");
const thread = () => document.getElementById("thread");
const scroller = () => document.getElementById("thread-scroll");

/** Who reads the end of the thread still sees it when the composer below opens and takes its place. */
let height;
const shrinking = new ResizeObserver(([{ target }]) => {
  const lost = height - target.clientHeight;
  if (lost > 0 && target.scrollTop + height >= target.scrollHeight - 8) target.scrollTop += lost;
  height = target.clientHeight;
});

function toNewest() {
  const latest = thread()?.querySelector(":scope > li:last-child");
  const place = scroller();
  if (!latest || !place) return;
  fitFrames();
  place.scrollTop = Math.max(0, latest.offsetTop - place.offsetTop - 16);
  height = place.clientHeight;
  shrinking.disconnect();
  shrinking.observe(place);
}

/** Nobody can look into a frame to see how high its mail is. But its text stands beside it, folded: laid out at the
    frame's width it has nearly the same lines. Done once for each width; what the reader has dragged stays. */
const FRAME_SIDES_PX = 32; // left and right of the text, as in templates/conversations/message_frame.html
const HIGHEST_PX = 1600;
function fitFrames() {
  for (const frame of document.querySelectorAll(".message-frame")) {
    const width = frame.clientWidth;
    if (!width || frame.dataset.fitted === String(width)) continue;
    frame.dataset.fitted = width;
    const { least, besides } = frame.dataset;
    const height = Math.max(Number(least), textHeight(frame.parentElement, width - FRAME_SIDES_PX) + Number(besides));
    frame.style.height = `${Math.min(Math.ceil(height), HIGHEST_PX)}px`;
  }
}

function textHeight(message, width) {
  const copy = message.querySelector(".message-as-text > .message-text").cloneNode(true);
  for (const quoted of copy.querySelectorAll(".quoted")) quoted.remove();
  copy.classList.add("message-measured");
  copy.style.inlineSize = `${width}px`;
  message.append(copy);
  const { height } = copy.getBoundingClientRect();
  copy.remove();
  return height;
}

async function news(event) {
  const place = open();
  if (!place || (event?.detail?.number !== undefined && String(event.detail.number) !== place.dataset.conversation)) return;
  const page = await get(place.dataset.threadUrl);
  if (!page || place !== open()) return;
  renewHead(page);
  renewPanel(page);
  renewBar(page);
  renewDeliveries(page);
  takeNew(page);
}

function renewHead(page) {
  const now = page.getElementById("conversation-head");
  const head = document.getElementById("conversation-head");
  // The answer to an act is not taken when the form that asked is gone.
  if (!now || !head || head.querySelector(":popover-open, .htmx-request") || head.contains(document.activeElement)) return;
  head.replaceWith(now);
  window.htmx.process(now);
}

function renewPanel(page) {
  const now = page.getElementById("panel");
  const panel = document.getElementById("panel");
  if (now && panel && !panel.contains(document.activeElement)) panel.replaceChildren(...now.childNodes);
}

function renewBar(page) {
  const now = page.getElementById("bottom-bar");
  const bar = document.getElementById("bottom-bar");
  if (now && bar && !bar.contains(document.activeElement)) bar.replaceChildren(...now.childNodes);
}

function renewDeliveries(page) {
  for (const now of page.querySelectorAll("[data-delivery]")) {
    const shown = document.querySelector(`[data-delivery="${now.dataset.delivery}"]`);
    if (shown && !shown.querySelector("details[open]")) shown.replaceChildren(...now.childNodes);
  }
}

function takeNew(page) {
  const fresh = [...page.querySelectorAll("#thread > li[id]")];
  const arrived = fresh.filter((entry) => !document.getElementById(entry.id) && (entry.dataset.entry || isAfterLast(fresh, entry)));
  const mails = arrived.filter((entry) => entry.dataset.entry);
  if (mails.length && !thread().querySelector(".thread-new")) thread().append(divider());
  thread().append(...arrived);
  if (mails.length) watchSeen(mails.at(-1), page);
  fitFrames();
}

/** Acts have no lasting id: only those after the newest known message can be new. */
function isAfterLast(fresh, entry) {
  const known = fresh.findLastIndex((one) => document.getElementById(one.id));
  return fresh.indexOf(entry) > known;
}

function divider() {
  const line = document.createElement("li");
  line.className = "thread-new";
  const clock = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  line.textContent = `${document.querySelector("[data-new-word]")?.dataset.newWord ?? ""} ${clock}`;
  return line;
}

/** A reply names the version it was written to. It moves on once the new message has been in sight. */
function watchSeen(entry, page) {
  const version = page.querySelector("[data-version]")?.dataset.version;
  let timer;
  const observer = new IntersectionObserver(([seen]) => {
    clearTimeout(timer);
    if (!seen.isIntersecting) return;
    timer = setTimeout(() => {
      observer.disconnect();
      const field = document.querySelector('#composer-form [name="version"]');
      if (field && Number(version) > Number(field.value)) field.value = version;
    }, SEEN_MS);
  }, { root: scroller() });
  observer.observe(entry);
}

let coming;
function soon(event) {
  clearTimeout(coming);
  coming = setTimeout(() => news(event), 150);
}
document.body.addEventListener("live:conversation", (event) => {
  if (String(event.detail.number) === open()?.dataset.conversation) soon(event);
});
document.body.addEventListener("live:refresh", soon);
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id === "conversation") toNewest();
  else fitFrames();
});
addEventListener("resize", fitFrames);
addEventListener("toggle", fitFrames, true);
toNewest();
