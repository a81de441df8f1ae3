// <form data-guard>: while it differs from what was loaded it has the class is-unsaved, and leaving the page asks.
const loaded = new WeakMap();
const stateOf = (form) => JSON.stringify([...new FormData(form)].filter(([name, value]) => name !== "csrfmiddlewaretoken" && typeof value === "string"));
const guarded = () => [...document.querySelectorAll("form[data-guard]")];

function remember() {
  for (const form of guarded()) if (!loaded.has(form)) loaded.set(form, stateOf(form));
}

function mark(event) {
  const form = event.target.closest?.("form[data-guard]");
  if (!form) return;
  const hasFile = [...form.querySelectorAll("input[type=file]")].some((input) => input.files.length);
  form.classList.toggle("is-unsaved", hasFile || stateOf(form) !== loaded.get(form));
}

remember();
document.addEventListener("input", mark);
document.addEventListener("change", mark);
document.addEventListener("reset", (event) => setTimeout(() => mark({ target: event.target })));
document.body.addEventListener("htmx:load", remember);
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) event.target.classList.remove("is-unsaved");
});
// A form sent by htmx stays where it is: it is saved only when the server has said so.
document.body.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest?.("form[data-guard]");
  if (!form || !event.detail.successful || event.detail.requestConfig.verb === "get") return;
  loaded.set(form, stateOf(form));
  form.classList.remove("is-unsaved");
});

addEventListener("beforeunload", (event) => {
  if (guarded().some((form) => form.classList.contains("is-unsaved"))) event.preventDefault();
});
