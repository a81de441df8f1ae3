// The composer: saves the draft and its files while one writes, names the recipients on the button, sends with
// Ctrl+Enter. Without this script the form still sends.
const SAVE_AFTER_MS = 2000;
const SAVED_BY_THEN_MS = 3000; // what waits for a draft to be saved goes on then, saved or not
const form = () => document.getElementById("composer-form");
const text = () => document.getElementById("composer-text");

// --- Draft ---------------------------------------------------------------------------------------------------------
let waiting;
let dirty = false;
let saving = Promise.resolve(); // one after the other: an older text never comes after a newer one

function changed() {
  dirty = true;
  clearTimeout(waiting);
  waiting = setTimeout(save, SAVE_AFTER_MS);
}

function draftData() {
  const data = new FormData(form());
  data.delete("attachments");
  return data;
}

function save() {
  clearTimeout(waiting);
  const current = form();
  if (!dirty || !current || current.matches(".htmx-request")) return;
  dirty = false;
  const data = draftData();
  saving = saving.then(() => post(current.dataset.draftUrl, data));
}

/** What is written now is with the server, or the server takes too long. */
function saved() {
  save();
  return Promise.race([saving, new Promise((go) => { setTimeout(go, SAVED_BY_THEN_MS); })]);
}

async function post(url, data) {
  try {
    const response = await fetch(url, { method: "POST", body: data, credentials: "same-origin" });
    const shown = document.getElementById("composer-saved");
    if (!response.ok) dirty = true;
    else if (shown) shown.textContent = (await response.text()).trim();
  } catch {
    dirty = true;
  }
}

/** The page goes away: the browser finishes this request on its own. */
function saveLast() {
  if (dirty && form()) navigator.sendBeacon(form().dataset.draftUrl, draftData());
  dirty = false;
}

document.addEventListener("input", (event) => {
  if (!event.target.closest?.("#composer-form") || event.target.type === "file") return;
  changed();
  if (event.target.matches("[data-recipients]")) nameButton();
});
document.addEventListener("focusout", (event) => { if (event.target.closest?.("#composer-form")) save(); });
addEventListener("pagehide", saveLast);
document.body.addEventListener("htmx:beforeSwap", (event) => { if (event.detail.target.id === "conversation") saveLast(); });
document.body.addEventListener("htmx:beforeRequest", (event) => {
  // What is sent, or carried to another mode, is no draft any more.
  if (event.target.id !== "composer-people" && event.target.closest?.("#composer-form")) { clearTimeout(waiting); dirty = false; }
});

// --- Done, with an answer that was not sent --------------------------------------------------------------------------
let decided = false;

document.addEventListener("submit", (event) => {
  const unsent = form()?.elements.mode.value !== "note" && text()?.value.trim();
  if (event.target.id !== "mark-done" || !unsent || decided) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  document.getElementById("unsent").showModal();
}, true);

async function decide(choice) {
  document.getElementById("unsent").close();
  if (choice === "send") return form().querySelector('[name="then"][value="done"]').click();
  if (choice === "discard") text().value = "";
  dirty = true;
  await saved();
  decided = true;
  document.getElementById("mark-done").requestSubmit();
  decided = false;
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-unsent]")?.dataset.unsent;
  if (choice) decide(choice);
});

// --- Taking a mail back ----------------------------------------------------------------------------------------------
// It becomes the draft when there is none: what is being written has to be one by then.
let savedFirst = false;

async function saveFirst(event, press) {
  if (savedFirst || !form()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  await saved();
  // Not within the click of a key: a button cannot be pressed in its own press.
  setTimeout(() => {
    savedFirst = true;
    press();
    savedFirst = false;
  });
}

document.addEventListener("submit", (event) => {
  // By its address: news may have put another form in its place by then.
  const { action } = event.target;
  if (event.target.matches("form.undo")) saveFirst(event, () => window.htmx.ajax("POST", action, { target: document.body, swap: "none" }));
}, true);
document.addEventListener("click", (event) => {
  const button = event.target.closest(".toast [data-undo]");
  if (button) saveFirst(event, () => button.click());
}, true);

// --- The name on the button ----------------------------------------------------------------------------------------
const ADDRESS = /[^\s<>,;"]+@[^\s<>,;"]+\.[^\s<>,;"]+/;

function people() {
  const fields = [...form().querySelectorAll("[data-recipients]")];
  return fields.flatMap((field) => field.value.split(/[,;\n](?=(?:[^"]*"[^"]*")*[^"]*$)/)).filter((part) => ADDRESS.test(part));
}

function shortName(part) {
  const name = part.replace(/<[^>]*>/, "").replace(/"/g, "").trim();
  return name && !name.includes("@") ? name.split(/\s+/)[0] : part.match(ADDRESS)[0];
}

function nameButton() {
  const button = form().querySelector("[data-send-one]");
  if (!button) return;
  const found = people();
  const words = found.length === 0 ? button.dataset.sendNobody : found.length === 1 ? button.dataset.sendOne : button.dataset.sendSeveral;
  button.querySelector("[data-send-label]").textContent = words
    .replace("%(name)s", found.length ? shortName(found[0]) : "").replace("%(others)s", found.length - 1);
}

// --- Files ---------------------------------------------------------------------------------------------------------
// A chosen file is kept with the draft at once.
const fileList = () => document.getElementById("composer-files");
const previews = new Map(); // name → data address: the page loads no other

function sizeOf(octets) {
  const units = ["byte", "kilobyte", "megabyte"];
  const step = octets < 1024 ? 0 : octets < 1024 * 1024 ? 1 : 2;
  return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: step === 2 ? 1 : 0 })
    .format(octets / 1024 ** step);
}

/** Keep files with the draft; false when this is no mail. */
function take(files) {
  const list = fileList();
  if (!list || !files.length) return false;
  for (const refused of list.querySelectorAll(".is-refused")) refused.closest("li").remove();
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const there = [...list.querySelectorAll("[data-octets]")].reduce((sum, file) => sum + Number(file.dataset.octets), 0);
  text().closest(".composer").classList.add("is-open");
  if (there + size > Number(list.dataset.limit)) refuse(files, list.dataset.tooLarge, there + size);
  else upload(files);
  return true;
}

async function upload(files) {
  const lines = files.map((file) => line(file.name, fileList().dataset.uploading, "is-uploading", file.size));
  fileList().append(...lines);
  ready();
  await Promise.all(files.filter(isPicture).map(preview));
  const kept = await change((data) => { for (const file of files) data.append("attachments", file); });
  for (const item of lines) item.remove();
  if (kept === undefined) refuse(files, fileList()?.dataset.notAttached);
  else show(kept);
}

/** Send a change of the files with the draft; gives the list as it is then, undefined when nobody answered. */
function change(fill) {
  const url = fileList()?.dataset.url;
  if (!url) return undefined;
  const data = draftData();
  fill(data);
  clearTimeout(waiting);
  dirty = false;
  const answer = saving.then(() => fetch(url, { method: "POST", body: data, headers: { "HX-Request": "true" }, credentials: "same-origin" }))
    .then((response) => (response.ok ? response.text() : undefined)).catch(() => undefined);
  saving = answer.then((kept) => { if (kept === undefined) dirty = true; });
  return answer;
}

function show(kept) {
  const list = fileList();
  if (!list) return;
  const others = [...list.querySelectorAll(".is-uploading")].map((each) => each.closest("li"));
  list.innerHTML = kept;
  list.append(...others);
  ready();
}

function refuse(files, words, size = 0) {
  fileList()?.append(line(`${files.map((file) => file.name).join(", ")}: ${words}`, size ? sizeOf(size) : "", "is-too-large is-refused"));
  ready();
}

function line(name, size, state, octets = 0) {
  const item = document.getElementById("composer-file-mould").content.firstElementChild.cloneNode(true);
  const shown = item.querySelector(".file");
  shown.className += ` ${state}`;
  if (octets) Object.assign(shown.dataset, { name, octets });
  item.querySelector(".file-name").textContent = name;
  item.querySelector(".file-size").textContent = size;
  if (octets) item.querySelector(".file-remove").remove();
  return item;
}

/** Pictures before their names, and a button that sends only what is there. */
function ready() {
  const list = fileList();
  if (!list) return;
  for (const shown of list.querySelectorAll("[data-name]")) {
    const source = previews.get(shown.dataset.name);
    if (!source || shown.querySelector("img")) continue;
    const picture = Object.assign(document.createElement("img"), { className: "file-picture", alt: "", src: source });
    shown.prepend(picture);
  }
  const send = form().querySelector("[data-send]");
  send.disabled = Boolean(list.querySelector(".is-uploading, .is-refused"));
}

function preview(file) {
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => { previews.set(file.name, reader.result); done(); };
    reader.onerror = done;
    reader.readAsDataURL(file);
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".file-remove");
  if (!button) return;
  event.preventDefault();
  event.stopPropagation(); // as in answer() below
  if (button.value) {
    const kept = await change((data) => data.append("remove", button.value));
    if (kept !== undefined) show(kept);
  } else {
    button.closest("li").remove();
    ready();
  }
  text()?.focus();
}, true);

const PICTURES = /^image\/(png|jpeg|gif|webp)$/;
const picturesLimit = () => Number(fileList().dataset.pictureLimit);
const isPicture = (file) => PICTURES.test(file.type) && file.size <= picturesLimit();

/** A name for a picture that no other chosen file has and that can stand in brackets. */
function named(file, taken) {
  const ending = file.name.includes(".") ? file.name.slice(file.name.lastIndexOf(".")) : `.${file.type.split("/")[1]}`;
  const pasted = /^image\.\w+$/.test(file.name);
  const stem = pasted ? fileList().dataset.picture : file.name.slice(0, -ending.length).replace(/[[\]:\n]/g, "_");
  let name = pasted ? `${stem}-1${ending}` : `${stem}${ending}`;
  for (let number = 2; taken.has(name); number += 1) name = `${stem}-${number}${ending}`;
  taken.add(name);
  return new File([file], name, { type: file.type });
}

/** Pictures stand where the cursor is, as their names in brackets; other files are only attached. */
function place(files) {
  const field = text();
  if (!fileList() || !files.length) return false;
  const taken = new Set([...fileList().querySelectorAll("[data-name]")].map((file) => file.dataset.name));
  const placed = [...files].map((file) => (isPicture(file) ? named(file, taken) : file));
  const marks = placed.filter(isPicture).map((file) => `[${file.name}]`).join("\n");
  if (marks) {
    field.setRangeText(marks, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  return take(placed);
}

document.addEventListener("change", (event) => {
  if (event.target.id !== "composer-attachments") return;
  take([...event.target.files]);
  event.target.value = "";
});

document.addEventListener("paste", (event) => {
  if (event.target.id === "composer-text" && place(event.clipboardData.files)) event.preventDefault();
});
document.addEventListener("dragover", (event) => { if (event.target.closest?.("#composer")) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  if (event.target.closest?.("#composer") && place(event.dataTransfer.files)) event.preventDefault();
});

// --- Keys and focus ------------------------------------------------------------------------------------------------
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest?.("#composer-form")) {
    event.preventDefault();
    // A click, not requestSubmit: htmx sends the name of a button only when it was pressed.
    form().querySelector("[data-send]").click();
  } else if (event.key === "Enter" && event.target.matches?.(".composer-input")) {
    // Enter never sends.
    event.preventDefault();
  } else if (event.key === "Escape" && event.target.id === "composer-text") {
    event.target.blur();
    document.getElementById("conversation").focus();
  }
});

// The composer opens when something in it gets focus. A tab that moved away below the pointer would not be pressed.
document.addEventListener("mousedown", (event) => { if (event.target.closest?.(".composer-tabs")) event.preventDefault(); });

/** "Reply" below a mail only moves to the composer when that is what it is doing already. */
function answer(event, button) {
  event.preventDefault();
  // htmx remembers the last button pressed of a form and would send to this one's address the next time.
  event.stopPropagation();
  const wanted = button.dataset.answer;
  if (form().elements.mode.value === wanted) return text().focus();
  window.htmx.ajax("POST", button.formAction, { source: form(), target: "#composer", swap: "outerHTML", values: { to_mode: wanted } });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-answer]");
  if (button && form()) answer(event, button);
}, true);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-focus]")) document.getElementById(event.target.closest("[data-focus]").dataset.focus)?.focus();
});

// --- Changing the mode -----------------------------------------------------------------------------------------------
// What is written while the other mode is on its way comes along.
const isNote = () => form().elements.mode.value === "note";
let carried = {};
let left;

document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target?.id === "composer") left = text().value;
});
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target?.id === "conversation") carried = {};
  if (event.detail.target?.id !== "composer") return;
  if (text().value !== left) {
    carried.text = { note: isNote(), value: text().value };
    saveLast();
  }
});

// At once, not when it has settled: the next letter comes before that.
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.elt?.id !== "composer" && event.detail.target?.id !== "composer") return;
  const field = text();
  if (carried.text?.note === isNote()) {
    field.value = carried.text.value;
    changed();
  }
  carried.text = undefined;
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
});
