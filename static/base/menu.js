// Menus are popovers: opening, closing, Escape and a click outside are the browser's. Added here: the place beside
// the button, aria-expanded, arrow keys, and closing after a choice.
const GAP_PX = 4;
const EDGE_PX = 8;

function place(menu, button) {
  const anchor = button.getBoundingClientRect();
  const width = menu.offsetWidth;
  const height = menu.offsetHeight;
  const fitsBelow = anchor.bottom + GAP_PX + height <= innerHeight - EDGE_PX;
  const top = fitsBelow ? anchor.bottom + GAP_PX : Math.max(EDGE_PX, anchor.top - GAP_PX - height);
  const startsAtLeft = anchor.left + width <= innerWidth - EDGE_PX;
  const left = startsAtLeft ? anchor.left : Math.max(EDGE_PX, anchor.right - width);
  menu.style.top = `${top}px`;
  menu.style.left = `${left}px`;
}

const buttonOf = (menu) => document.querySelector(`[popovertarget="${menu.id}"]`);
const itemsOf = (menu) => [...menu.querySelectorAll(".menu-item:not(:disabled)")];

document.addEventListener("toggle", (event) => {
  const target = event.target;
  if (!target.matches?.("[popover]")) return;
  const opened = event.newState === "open";
  for (const button of document.querySelectorAll(`[popovertarget="${target.id}"]`)) {
    button.setAttribute("aria-expanded", String(opened));
  }
  if (opened && target.matches(".menu")) place(target, buttonOf(target));
}, true);

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(".menu:popover-open");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  if (event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  const items = itemsOf(menu);
  const now = items.indexOf(document.activeElement);
  const next = { ArrowDown: now + 1, ArrowUp: now < 0 ? items.length - 1 : now - 1, Home: 0, End: items.length - 1 }[event.key];
  items[(next + items.length) % items.length]?.focus();
});

document.addEventListener("click", (event) => {
  const item = event.target.closest(".menu-item");
  if (item && !item.matches('[data-theme-choice], [aria-disabled="true"], [data-keep-open]')) item.closest("[popover]")?.hidePopover();
});

addEventListener("resize", () => {
  const menu = document.querySelector(".menu:popover-open");
  if (menu) place(menu, buttonOf(menu));
});
