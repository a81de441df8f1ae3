// Fetch a page of our own and read it as a document; undefined when the server cannot be reached or says no.
export async function get(url) {
  try {
    const response = await fetch(url, { headers: { Accept: "text/html", "X-Live": "1" }, credentials: "same-origin" });
    if (!response.ok || response.redirected) return undefined;
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return undefined;
  }
}
