// htmx learns which button sent a form from its focus, and a menu that closes takes the focus away before that.
// The browser knows better: the submit event names the button.
document.body.addEventListener("htmx:configRequest", (event) => {
  const button = event.detail.triggeringEvent?.submitter;
  if (button?.name) event.detail.parameters[button.name] = button.value;
});
