// The composer: saves the draft while one writes, names the recipients on the button, lists the chosen files,
// sends with Ctrl+Enter. Without this script the form still sends.
const SAVE_AFTER_MS = 2000;
const form = () => document.getElementById("composer-form");
const text = () => document.getElementById("composer-text");

// --- Draft ---------------------------------------------------------------------------------------------------------
let waiting;
let dirty = false;
let saving = Promise.resolve();

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
  saving = post(current.dataset.draftUrl, draftData());
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
  if (event.target.closest?.("#composer-form")) { clearTimeout(waiting); dirty = false; }
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
  save();
  await saving;
  decided = true;
  document.getElementById("mark-done").requestSubmit();
  decided = false;
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-unsent]")?.dataset.unsent;
  if (choice) decide(choice);
});

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
function sizeOf(octets) {
  const units = ["byte", "kilobyte", "megabyte"];
  const step = octets < 1024 ? 0 : octets < 1024 * 1024 ? 1 : 2;
  return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: step === 2 ? 1 : 0 })
    .format(octets / 1024 ** step);
}

function listFiles(input) {
  const list = document.getElementById("composer-files");
  const total = [...input.files].reduce((sum, file) => sum + file.size, 0);
  const tooLarge = total > Number(list.dataset.limit);
  const lines = [...input.files].map((file) => line(file.name, sizeOf(file.size), tooLarge));
  list.replaceChildren(...lines);
  lines.forEach((item, number) => { if (isPicture(input.files[number])) preview(item, input.files[number]); });
  if (tooLarge) list.append(line(list.dataset.tooLarge, sizeOf(total), true));
  form().querySelector("[data-send]").disabled = tooLarge;
  text().closest(".composer").classList.add("is-open");
}

function line(name, size, tooLarge) {
  const item = document.createElement("li");
  const shown = document.createElement("span");
  const measured = document.createElement("span");
  shown.className = `file${tooLarge ? " is-too-large" : ""}`;
  measured.className = "file-size";
  measured.textContent = size;
  shown.append(name, " ", measured);
  item.append(shown);
  return item;
}

/** The picture itself before its name. A data address: the page loads no other. */
function preview(item, file) {
  const reader = new FileReader();
  reader.onload = () => {
    const picture = document.createElement("img");
    picture.className = "file-picture";
    picture.alt = "";
    picture.src = reader.result;
    item.firstChild.prepend(picture);
  };
  reader.readAsDataURL(file);
}

const PICTURES = /^image\/(png|jpeg|gif|webp)$/;
const picturesLimit = () => Number(document.getElementById("composer-files").dataset.pictureLimit);
const isPicture = (file) => PICTURES.test(file.type) && file.size <= picturesLimit();

/** A name for a picture that no other chosen file has and that can stand in brackets. */
function named(file, taken) {
  const ending = file.name.includes(".") ? file.name.slice(file.name.lastIndexOf(".")) : `.${file.type.split("/")[1]}`;
  const pasted = /^image\.\w+$/.test(file.name);
  const stem = pasted ? document.getElementById("composer-files").dataset.picture : file.name.slice(0, -ending.length).replace(/[[\]:\n]/g, "_");
  let name = pasted ? `${stem}-1${ending}` : `${stem}${ending}`;
  for (let number = 2; taken.has(name); number += 1) name = `${stem}-${number}${ending}`;
  taken.add(name);
  return new File([file], name, { type: file.type });
}

/** Pictures stand where the cursor is, as their names in brackets; other files are only attached. */
function place(files) {
  const field = text();
  const input = document.getElementById("composer-attachments");
  if (!input || !files.length) return false;
  const taken = new Set([...input.files].map((file) => file.name));
  const placed = [...files].map((file) => (isPicture(file) ? named(file, taken) : file));
  const marks = placed.filter(isPicture).map((file) => `[${file.name}]`).join("\n");
  if (marks) {
    field.setRangeText(marks, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  return take(placed);
}

document.addEventListener("change", (event) => { if (event.target.id === "composer-attachments") listFiles(event.target); });

function take(files) {
  const input = document.getElementById("composer-attachments");
  if (!input || !files.length) return false;
  const all = new DataTransfer();
  for (const file of [...input.files, ...files]) all.items.add(file);
  input.files = all.files;
  listFiles(input);
  return true;
}

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
  window.htmx.trigger(form().querySelector(`button[name="to_mode"][value="${wanted}"]`), "click");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-answer]");
  if (button && form()) answer(event, button);
}, true);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-focus]")) document.getElementById(event.target.closest("[data-focus]").dataset.focus)?.focus();
});

// --- Changing the mode -----------------------------------------------------------------------------------------------
// What is written while the other mode is on its way, and the chosen files, come along.
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
  if (!isNote()) carried.files = document.getElementById("composer-attachments").files;
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
  if (!isNote() && carried.files?.length) take(carried.files);
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
});
