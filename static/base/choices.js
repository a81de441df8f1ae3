// What the reader chose for this browser: appearance, rail, side panel. Kept in cookies, so that the server
// can write them into <html> and the first paint is already right.
const A_YEAR_SECONDS = 31536000;
const root = document.documentElement;

export function remember(name, value) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  const age = value ? A_YEAR_SECONDS : 0;
  document.cookie = `${name}=${value}; path=/; max-age=${age}; samesite=lax${secure}`;
  if (value) root.dataset[name] = value;
  else delete root.dataset[name];
}

function showTheme() {
  for (const choice of document.querySelectorAll("[data-theme-choice]")) {
    choice.setAttribute("aria-pressed", String(choice.dataset.themeChoice === (root.dataset.theme ?? "")));
  }
}

document.addEventListener("click", (event) => {
  const theme = event.target.closest("[data-theme-choice]");
  if (theme) {
    remember("theme", theme.dataset.themeChoice);
    showTheme();
  }
  const toggle = event.target.closest("[data-toggle]");
  if (toggle) remember(toggle.dataset.toggle, root.dataset[toggle.dataset.toggle] ? "" : toggle.dataset.on);
  // A button that is disabled but can be focused (it says why) must not act.
  const disabled = event.target.closest('[aria-disabled="true"]');
  if (disabled) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

showTheme();
