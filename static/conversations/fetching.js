// News for an open page: fetched as a document, and never put under a button that is being pressed.

// --- Pressing --------------------------------------------------------------------------------------------------------
// A press and its release are one click only when what was pressed is still there.
let isPressed = false;
let waiting = [];

function release() {
  // The click comes after the release.
  setTimeout(() => {
    isPressed = false;
    for (const go of waiting.splice(0)) go();
  });
}

addEventListener("pointerdown", () => { isPressed = true; }, true);
for (const name of ["pointerup", "pointercancel", "blur"]) addEventListener(name, release, true);

const released = () => new Promise((go) => { if (isPressed) waiting.push(go); else go(); });

document.body.addEventListener("htmx:beforeSwap", async (event) => {
  const news = event.detail.requestConfig.triggeringEvent;
  if (!isPressed || !news?.type.startsWith("live:")) return;
  event.detail.shouldSwap = false;
  await released();
  document.body.dispatchEvent(new CustomEvent("live:counts"));
});

// htmx looks for the places of what comes along only where the element that asked is, and news may have replaced that.
document.body.addEventListener("htmx:oobErrorNoTarget", (event) => {
  const place = document.getElementById(event.detail.content.id);
  place?.replaceChildren(...event.detail.content.childNodes);
  if (place) window.htmx.process(place);
});

/** Read a page of our own; undefined when the server cannot be reached or says no. Comes while nothing is pressed. */
export async function get(url) {
  try {
    const response = await fetch(url, { headers: { Accept: "text/html", "X-Live": "1" }, credentials: "same-origin" });
    if (!response.ok || response.redirected) return undefined;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    await released();
    return page;
  } catch {
    return undefined;
  }
}
