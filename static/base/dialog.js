// <button data-open-dialog="id"> opens a <dialog>; [data-close-dialog] or a click on the veil closes it.
// [data-confirm="id"] on a submit button asks in that dialog first; its [data-confirmed] button goes on.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) document.getElementById(opener.dataset.openDialog)?.showModal();
  if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog")?.close();
  if (event.target.matches("dialog.dialog")) closeFromVeil(event);
});

function closeFromVeil(event) {
  const box = event.target.getBoundingClientRect();
  const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  if (!inside) event.target.close();
}

document.addEventListener("submit", (event) => {
  const asked = event.submitter?.dataset.confirm;
  if (!asked || event.submitter.dataset.answered) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const dialog = document.getElementById(asked);
  dialog.querySelector("[data-confirmed]").onclick = () => {
    dialog.close();
    event.submitter.dataset.answered = "yes";
    event.target.requestSubmit(event.submitter);
    delete event.submitter.dataset.answered;
  };
  dialog.showModal();
}, true);
