// The one button of /components/ that needs a script of its own.
import { toast } from "../base/toast.js";

document.getElementById("example-toast").addEventListener("click", (event) => {
  toast({ text: event.target.textContent.trim(), undo: "undone/" });
});
