// Single-key shortcuts. An element says which key presses it: data-shortcut="e". Text fields are focused, all else
// is clicked. Rows marked data-row are walked with j and k, opened with Enter (their own link), chosen with x; on a
// focused row a key presses the row's own data-row-shortcut first.
// "?" opens the help sheet, which lists what this page really has. All can be switched off (WCAG 2.1.4).
import { remember } from "./choices.js";

const root = document.documentElement;
const sheet = document.getElementById("shortcuts");
const isOff = () => root.dataset.shortcuts === "off";
const isSeen = (element) => element.checkVisibility?.() ?? true;
const isWriting = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]");
const found = () => [...document.querySelectorAll("[data-shortcut]")].filter(isSeen);

function nameOf(element) {
  const label = element.dataset.shortcutLabel ?? element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent;
  return (label ?? element.querySelector("span:not(.spinner)")?.textContent ?? element.textContent).trim();
}

function press(element) {
  if (isWriting(element)) {
    element.focus();
    element.select?.();
  } else element.click();
}

function walk(step) {
  const rows = [...document.querySelectorAll("[data-row]")].filter(isSeen);
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const from = now >= 0 ? now : rows.findIndex((row) => row.matches("[aria-current]"));
  const row = rows[Math.min(Math.max(from + step, 0), rows.length - 1)];
  row?.querySelector("a[href]")?.focus();
  row?.scrollIntoView({ block: "nearest" });
}

function choose() {
  const row = document.activeElement.closest("[data-row]") ?? document.querySelector("[data-row][aria-current]");
  row?.querySelector("input[type=checkbox]")?.click();
}

function ofFocusedRow(key) {
  return document.activeElement.closest("[data-row]")?.querySelector(`[data-row-shortcut="${CSS.escape(key)}"]`);
}

function fillSheet() {
  const list = sheet.querySelector("[data-shortcut-list]");
  const seen = new Map();
  const hasRows = document.querySelector("[data-row]");
  for (const line of sheet.querySelectorAll("[data-general-key]")) {
    if (hasRows || !("ofRows" in line.dataset)) seen.set(line.dataset.generalKey, line.dataset.generalLabel);
  }
  for (const element of document.querySelectorAll("[data-shortcut], [data-row-shortcut]")) {
    const key = element.dataset.shortcut ?? element.dataset.rowShortcut;
    if (!seen.has(key)) seen.set(key, nameOf(element));
  }
  list.replaceChildren(...[...seen].map(([key, label]) => sheetLine(key, label)));
}

function sheetLine(key, label) {
  const line = document.createElement("div");
  const name = document.createElement("dt");
  const value = document.createElement("dd");
  const cap = document.createElement("kbd");
  name.textContent = label;
  cap.textContent = key;
  cap.className = "key";
  value.append(cap);
  line.append(name, value);
  return line;
}

export function openSheet() {
  fillSheet();
  if (!sheet.open) sheet.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat && !"jk".includes(event.key)) return;
  if (isOff() || isWriting(event.target) || document.querySelector("dialog[open], [popover]:popover-open")) return;
  const rowKey = { j: () => walk(1), k: () => walk(-1), x: choose }[event.key];
  const element = ofFocusedRow(event.key) ?? found().find((candidate) => candidate.dataset.shortcut === event.key);
  const act = event.key === "?" ? openSheet : element ? () => press(element) : document.querySelector("[data-row]") && rowKey;
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("click", (event) => {
  if (event.target.closest('[data-open-dialog="shortcuts"]')) fillSheet();
});

const toggle = document.querySelector("[data-shortcut-switch]");
toggle.checked = !isOff();
toggle.addEventListener("change", () => remember("shortcuts", toggle.checked ? "on" : "off"));
