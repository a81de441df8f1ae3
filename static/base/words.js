// The translated words the server put into the page.
export const words = JSON.parse(document.getElementById("interface-words").textContent);
