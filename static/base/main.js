// The behaviour shared by all pages. Every module finds its elements by data attributes and
// listens on the document, so that fragments swapped in by htmx need no set-up.
import "./choices.js";
import "./copy.js";
import "./menu.js";
import "./dialog.js";
import "./toast.js";
import "./keyboard.js";
import "./tabs.js";
import "./time.js";
import "./unsaved.js";
import "./live.js";
