// Full names or host names, as the reader's DNS panel wants them. The choice survives the list being replaced,
// because it is written on the root element.
const root = document.documentElement;
const KEY = "names";

function show(form) {
  root.dataset.names = form;
  for (const input of document.querySelectorAll("[data-names][type=radio]")) input.checked = input.value === form;
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("input[data-names]")) return;
  localStorage.setItem(KEY, event.target.value);
  show(event.target.value);
});

show(localStorage.getItem(KEY) === "host" ? "host" : "full");

// Opened details stay open when the list is replaced by a newer one.
let opened = [];
const keyOf = (details) => `${details.closest("[data-record]")?.dataset.record}:${[...details.parentElement.querySelectorAll("details")].indexOf(details)}:${details.querySelector("summary").textContent}`;
document.addEventListener("htmx:beforeSwap", () => { opened = [...document.querySelectorAll("details.record-more[open]")].map(keyOf); });
document.addEventListener("htmx:afterSwap", () => {
  for (const details of document.querySelectorAll("details.record-more")) if (opened.includes(keyOf(details))) details.open = true;
});
