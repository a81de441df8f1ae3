// The dashboard. Each module works on what it finds and listens on the document, so fragments need no set-up.
import "./list.js";
import "./thread.js";
import "./composer.js";
import "./sent.js";
import "./submitter.js";
