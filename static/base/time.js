// Keeps <time data-time="relative"> counting. The first text is the server's (kundomail/moments.py); the rules are the same.
import { words } from "./words.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

function relative(age) {
  if (age < MINUTE_MS) return words.times.now;
  if (age < HOUR_MS) return words.times.minutes.replace("%(number)s", Math.floor(age / MINUTE_MS));
  return words.times.hours.replace("%(number)s", Math.floor(age / HOUR_MS));
}

function refresh() {
  for (const element of document.querySelectorAll('time[data-time="relative"]')) {
    const age = Date.now() - Date.parse(element.dateTime);
    if (age >= 0 && age < DAY_MS) {
      const text = relative(age);
      if (element.textContent !== text) element.textContent = text;
    } else if (age >= DAY_MS && age < DAY_MS + 2 * MINUTE_MS) element.textContent = element.title;
  }
}

setInterval(refresh, MINUTE_MS / 2);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
