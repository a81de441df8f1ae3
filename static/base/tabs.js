// Tabs that show one of several panels: role=tab buttons with aria-controls inside role=tablist. Arrow keys move.
function select(tab) {
  for (const other of tab.closest('[role="tablist"]').querySelectorAll('[role="tab"]')) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  tab.dispatchEvent(new CustomEvent("tab:shown", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest('[role="tab"][aria-controls]');
  if (tab) select(tab);
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches('[role="tab"]') || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  const tabs = [...event.target.closest('[role="tablist"]').querySelectorAll('[role="tab"]')];
  const next = tabs.at((tabs.indexOf(event.target) + (event.key === "ArrowRight" ? 1 : -1)) % tabs.length);
  select(next);
  next.focus();
});
