// Starts the page's program; as a file of its own, because the page's Content-Security-Policy allows no inline script.
const { js, wasm } = document.getElementById("start").dataset;
try {
  const { default: init } = await import(js);
  await init({ module_or_path: wasm });
} catch (error) {
  const message = document.createElement("p");
  message.setAttribute("role", "alert");
  message.textContent =
    `The page's program did not start (${error}): reload the page, or open it in a current browser with WebAssembly.`;
  document.body.append(message);
  throw error;
}
